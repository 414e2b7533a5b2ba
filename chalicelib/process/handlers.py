"""The event handlers' bodies: batches in, what failed out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

from msgspec import Struct

from chalicelib.errors import CloakroomError, Conflict, Unavailable, Unreadable
from chalicelib.model.change import JobChange
from chalicelib.model.quarantine import Sighting
from chalicelib.process.batch import each, report
from chalicelib.process.messages import read_message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Executor

    from chalicelib.model.change import News
    from chalicelib.process.steps import Steps
    from chalicelib.process.together import Together
    from chalicelib.process.worker import Worker

Record = dict[str, Any]
Mode = Literal["report", "raise"]


class ReadRecord(Protocol):
    """How a stream record is read."""

    def __call__(self, record: Mapping[str, Any]) -> News | None:
        """Raise Unreadable."""


class Tell(Protocol):
    """How watchers hear of changes."""

    def __call__(self, news: Sequence[News]) -> None:
        """Raise Unavailable when the table does not answer."""


class Quarantine(Protocol):
    """Where failures are noted."""

    def sighted(self, sighting: Sighting, now: int) -> bool:
        """Tell whether what failed is set aside now."""


class Reporting(Struct, frozen=True, kw_only=True):
    """How a batch is done and its failures are told. `fact` and `failure` log, `source` names the handler."""

    source: str
    mode: Mode
    pool: Executor
    quarantine: Quarantine
    now: Callable[[], int]
    fact: Callable[..., None]
    failure: Callable[..., None]

    def each(
        self,
        records: Sequence[Record],
        handle: Callable[[Record], None],
        *,
        group_of: Callable[[Record], str],
        order_of: Callable[[Record], str],
    ) -> list[Record]:
        """Handle each record and return those that must come again: see `process.batch.each`."""
        return each(records, handle, group_of=group_of, order_of=order_of, pool=self.pool, set_aside=self.set_aside)

    def set_aside(self, record: Record, error: Exception) -> bool:
        """Note that a record failed and tell whether it is out of the way.

        What only time can mend (the table, the queue) comes again for as long as the event source brings it. What no
        time will mend is set aside at once, everything else when it has failed a few times. If the note cannot be
        written, the record comes again: nothing is forgotten.
        """
        pointer, job_id = _pointer(record)
        self.failure("record.failed", error, record=pointer, job=job_id)
        if isinstance(error, Unavailable | Conflict) or not pointer:
            return False
        reason = error.code if isinstance(error, CloakroomError) else type(error).__name__
        is_final = isinstance(error, Unreadable)
        sighting = Sighting(source=self.source, pointer=pointer, job_id=job_id, reason=reason, is_final=is_final)
        try:
            is_aside = self.quarantine.sighted(sighting, self.now())
        except Exception as second:  # noqa: BLE001  not noted means not set aside
            self.failure("quarantine.failed", second, record=pointer)
            return False
        if is_aside:
            self.fact("record.quarantined", source=self.source, record=pointer, job=job_id, reason=reason)
        return is_aside


class Advance(Struct, frozen=True, kw_only=True):
    """The stream's first consumer: moves jobs on. `together` settles what it can at once, None: each by itself."""

    read: ReadRecord
    steps: Steps
    reporting: Reporting
    together: Together | None = None

    def __call__(self, records: Sequence[Record]) -> dict[str, Any]:
        """Move each record's job on, those of one job in order, and report what failed."""
        left = records if self.together is None else self.together(records, _place)
        failed = self.reporting.each(left, self._one, group_of=_place, order_of=_keys)
        return report([_sequence(record) for record in failed], mode=self.reporting.mode)

    def _one(self, record: Record) -> None:
        change = self.read(record)
        if isinstance(change, JobChange):
            self.steps.advance(change)


class Notify(Struct, frozen=True, kw_only=True):
    """The stream's second consumer: tells watchers."""

    read: ReadRecord
    tell: Tell
    reporting: Reporting

    def __call__(self, records: Sequence[Record]) -> dict[str, Any]:
        """Tell of all records that can be read, together, and report the rest."""
        news: list[News] = []
        failed: list[Record] = []
        for record in records:
            try:
                change = self.read(record)
            except Exception as error:  # noqa: BLE001  one record may be unreadable in any way; the rest go on
                if not self.reporting.set_aside(record, error):
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


class Work(Struct, frozen=True, kw_only=True):
    """The queue's consumer: does what calls anybody else, a few at a time."""

    worker: Worker
    reporting: Reporting

    def __call__(self, messages: Sequence[Record]) -> dict[str, Any]:
        """Do each message's job and report what failed; a failed message is seen again after its time-out."""
        failed = self.reporting.each(messages, self._one, group_of=_body, order_of=_body)
        return report([str(message.get("messageId", "")) for message in failed], mode=self.reporting.mode)

    def _one(self, message: Record) -> None:
        self.worker.work(read_message(message))


def _pointer(record: Record) -> tuple[str, str | None]:
    """Return what finds a record or message again, and the id of its job where it says one."""
    if "messageId" in record:
        try:
            return str(record["messageId"]), read_message(record)
        except Unreadable:
            return str(record["messageId"]), None
    keys = _dynamodb(record).get("Keys")
    partition = keys.get("pk", {}).get("S") if isinstance(keys, dict) else None
    job_id = partition.removeprefix("JOB#") if isinstance(partition, str) and partition.startswith("JOB#") else None
    return _sequence(record), job_id


def _sequence(record: Record) -> str:
    return str(_dynamodb(record).get("SequenceNumber", ""))


def _keys(record: Record) -> str:
    return str(_dynamodb(record).get("Keys"))


def _place(record: Record) -> str:
    """Return what the jobs of one place share: they write one current token, and must not do so side by side."""
    image = _dynamodb(record).get("NewImage")
    if not isinstance(image, dict) or "provider" not in image:
        return _keys(record)
    return str([image.get(name) for name in ("environment", "domain", "subject", "provider")])


def _dynamodb(record: Record) -> Record:
    inner = record.get("dynamodb")
    return inner if isinstance(inner, dict) else {}


def _body(message: Record) -> str:
    return str(message.get("body"))
