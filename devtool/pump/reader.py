"""One reader per stream: it hands each record to the lanes of every mapping whose filters let it pass."""

from __future__ import annotations

import base64
import logging
import threading
import time
import zlib
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from devtool.pump.filters import passes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devtool.pump.batches import Record
    from devtool.pump.expiry import Expired
    from devtool.pump.lane import Lane
    from devtool.pump.mappings import StreamMapping

log = logging.getLogger("devtool.pump")

_PAGE = 1000
_BUSY_SECONDS = 0.01
_IDLE_SECONDS = 0.05
_STAYS_BUSY_SECONDS = 2
_AFTER_ERROR_SECONDS = 0.5


class Reader(threading.Thread):
    """Polls a stream from its beginning, which is the emulator's start: nobody else has read it since."""

    def __init__(
        self,
        stream: str,
        lanes: Sequence[tuple[StreamMapping, Sequence[Lane]]],
        *,
        streams: Any,
        hash_key: str,
        expired: Expired,
        halt: threading.Event,
    ) -> None:
        super().__init__(daemon=True, name=f"reader-{stream.split('/')[1]}")
        self._stream = stream
        self._lanes = lanes
        self._streams = streams
        self._hash_key = hash_key
        self._expired = expired
        self._halt = halt
        self._empty_since: float | None = None
        self._iterator: str | None = None
        self._may_read = threading.Event()
        self._may_read.set()
        self._reading = threading.Lock()
        self.read = 0

    def hold(self) -> None:
        """Read nothing more until `go_on`; what was begun is ended first."""
        self._may_read.clear()
        with self._reading:
            pass

    def go_on(self, *, from_now: bool = False) -> None:
        """Read again: where it stopped, or only what is written from now on."""
        if from_now:
            self._iterator = self._begin("LATEST")
        self._may_read.set()

    def has_caught_up_since(self, moment: float) -> bool:
        """Tell whether a read that began after `moment` (monotonic) found nothing new."""
        return self._empty_since is not None and self._empty_since > moment

    def run(self) -> None:
        """Read page after page until halted."""
        last_record = 0.0
        while not self._halt.is_set():
            if not self._may_read.wait(_IDLE_SECONDS):
                continue
            began = time.monotonic()
            try:
                with self._reading:
                    found = self._page()
            except (ClientError, BotoCoreError) as error:
                log.warning("%s: %s", self._stream, error)
                self._halt.wait(_AFTER_ERROR_SECONDS)
                continue
            if found:
                last_record = began
                self._empty_since = None
            else:
                self._empty_since = began
                busy = began - last_record < _STAYS_BUSY_SECONDS
                self._halt.wait(_BUSY_SECONDS if busy else _IDLE_SECONDS)

    def _page(self) -> int:
        """Hand the next page out; return how many records it had."""
        if not self._may_read.is_set():  # held since the loop looked
            return 0
        if self._iterator is None:
            self._iterator = self._begin("TRIM_HORIZON")
        page = self._streams.get_records(ShardIterator=self._iterator, Limit=_PAGE)
        self._iterator = page.get("NextShardIterator", self._iterator)
        for answer in page["Records"]:
            self._hand_out(self._expired.mark(as_event(answer, self._stream)))
        self.read += len(page["Records"])
        return len(page["Records"])

    def _begin(self, position: str) -> str:
        shards = self._streams.describe_stream(StreamArn=self._stream)["StreamDescription"]["Shards"]
        answer = self._streams.get_shard_iterator(
            StreamArn=self._stream, ShardId=shards[-1]["ShardId"], ShardIteratorType=position
        )
        return str(answer["ShardIterator"])

    def _hand_out(self, record: Record) -> None:
        for mapping, lanes in self._lanes:
            if passes(record, mapping.patterns):
                lanes[lane_of(record, self._hash_key, len(lanes))].put(record)


def lane_of(record: Record, hash_key: str, lanes: int) -> int:
    """Choose the lane: records of one partition key always share it, so that their order is kept."""
    return zlib.crc32(repr(record["dynamodb"]["Keys"][hash_key]).encode()) % lanes


def as_event(answer: Mapping[str, Any], stream: str) -> Record:
    """Turn a record as boto3 reads it into what Lambda hands to a function: JSON, binary as base64."""
    change = dict(answer["dynamodb"])
    created = change["ApproximateCreationDateTime"]
    change["ApproximateCreationDateTime"] = getattr(created, "timestamp", lambda: created)()
    return {**answer, "eventSourceARN": stream, "dynamodb": _json(change)}


def _json(value: Any) -> Any:
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case dict():
            return {name: _json(inner) for name, inner in value.items()}
        case list() | tuple() | set():
            return [_json(inner) for inner in value]
        case _:
            return value
