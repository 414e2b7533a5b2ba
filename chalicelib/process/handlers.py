"""The event handlers' bodies: batches in, what failed out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from chalicelib.model.change import JobChange, Joined
from chalicelib.process.batch import each, report
from chalicelib.process.messages import read_message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Executor

    from chalicelib.process.steps import Steps

Record = dict[str, Any]
Mode = Literal["report", "raise"]


class ReadRecord(Protocol):
    """How a stream record is read."""

    def __call__(self, record: Mapping[str, Any]) -> JobChange | Joined | None:
        """Raise Unreadable."""


class Tell(Protocol):
    """How watchers hear of changes."""

    def __call__(self, news: Sequence[JobChange | Joined]) -> None:
        """Raise Unavailable when the registry does not answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reporting:
    """How a batch is done and its failures are told. `failure` logs one."""

    mode: Mode
    pool: Executor
    failure: Callable[..., None]

    def failed(self, record: Record, error: Exception) -> None:
        """Log that a record failed, by what finds it again."""
        self.failure("record.failed", error, record=_sequence(record) or record.get("messageId"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Advance:
    """The stream's first consumer: moves jobs on."""

    read: ReadRecord
    steps: Steps
    reporting: Reporting

    def __call__(self, records: Sequence[Record]) -> dict[str, Any]:
        """Move each record's job on, those of one job in order, and report what failed."""
        failed = each(records, self._one, group_of=_partition, pool=self.reporting.pool, failed=self.reporting.failed)
        return report([_sequence(record) for record in failed], mode=self.reporting.mode)

    def _one(self, record: Record) -> None:
        change = self.read(record)
        if isinstance(change, JobChange):
            self.steps.advance(change)


@dataclass(frozen=True, kw_only=True, slots=True)
class Notify:
    """The stream's second consumer: tells watchers."""

    read: ReadRecord
    tell: Tell
    reporting: Reporting

    def __call__(self, records: Sequence[Record]) -> dict[str, Any]:
        """Tell of all records that can be read, together, and report the rest."""
        news: list[JobChange | Joined] = []
        failed: list[Record] = []
        for record in records:
            try:
                change = self.read(record)
            except Exception as error:  # noqa: BLE001  one record may be unreadable in any way; the rest go on
                self.reporting.failed(record, error)
                failed.append(record)
            else:
                if change is not None:
                    news.append(change)
        try:
            self.tell(news)
        except Exception as error:  # noqa: BLE001  the boundary: nothing was told, so all of it must come again
            self.reporting.failure("notify.failed", error, records=len(records))
            failed = list(records)
        return report([_sequence(record) for record in failed], mode=self.reporting.mode)


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """The queue's consumer: does what calls anybody else, a few at a time."""

    steps: Steps
    reporting: Reporting

    def __call__(self, messages: Sequence[Record]) -> dict[str, Any]:
        """Do each message's job and report what failed; a failed message is seen again after its time-out."""
        failed = each(messages, self._one, group_of=_body, pool=self.reporting.pool, failed=self.reporting.failed)
        return report([str(message.get("messageId", "")) for message in failed], mode=self.reporting.mode)

    def _one(self, message: Record) -> None:
        self.steps.work(read_message(message))


def _sequence(record: Record) -> str:
    return str(_dynamodb(record).get("SequenceNumber", ""))


def _partition(record: Record) -> str:
    return str(_dynamodb(record).get("Keys"))


def _dynamodb(record: Record) -> Record:
    inner = record.get("dynamodb")
    return inner if isinstance(inner, dict) else {}


def _body(message: Record) -> str:
    return str(message.get("body"))
