"""Stream records and queue messages as Lambda brings them, and what is made of them."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from chalicelib.process.messages import write_message
from chalicelib.store.attributes import to_attributes
from chalicelib.store.items import deposit_to_item
from chalicelib.store.records import read_record
from tests.chalicelib.examples import a_deposit

if TYPE_CHECKING:
    from chalicelib.model.change import JobChange, Joined
    from chalicelib.store.quarantine import Quarantine


def stored(number: int, sequence: str | None = None) -> dict[str, Any]:
    """Return the record of a deposit as the stream brings it."""
    item = to_attributes(deposit_to_item(a_deposit(number)))
    image = json.loads(json.dumps(item, default=lambda content: base64.b64encode(content).decode()))
    key = {"pk": image["pk"], "sk": image["sk"]}
    return {"dynamodb": {"SequenceNumber": sequence or str(number), "Keys": key, "NewImage": image}}


def poison(number: int, sequence: str | None = None) -> dict[str, Any]:
    record = stored(number, sequence)
    record["dynamodb"]["NewImage"]["status"] = {"S": "ASLEEP"}
    return record


def message(job_id: str, name: str) -> dict[str, Any]:
    return {"messageId": name, "body": write_message(job_id)}


def failures(*identifiers: str) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}


class Told:
    """A list that records what watchers would have heard."""

    def __init__(self, error: Exception | None = None) -> None:
        self.jobs: list[str] = []
        self._error = error

    def __call__(self, news: Any) -> None:
        if self._error:
            raise self._error
        self.jobs += [item.after.id for item in news]


class Failing:
    """Reads the records that it is not told to fail for, as many times as it is told to."""

    def __init__(self, error: Exception, *sequences: str) -> None:
        self.error = error
        self._sequences = sequences

    def __call__(self, record: Any) -> JobChange | Joined | None:
        if not self._sequences or record["dynamodb"]["SequenceNumber"] in self._sequences:
            raise self.error
        return read_record(record)


def set_aside(quarantine: Quarantine) -> list[tuple[str, str, str | None, str]]:
    return [(one.source, one.pointer, one.job_id, one.reason) for one in quarantine.listed() if one.is_aside]
