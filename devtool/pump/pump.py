"""The pump as a whole: started after a deploy, drained before the cloud stops."""

from __future__ import annotations

import logging
import threading
import time
from functools import partial

from devtool import environment, processes
from devtool.pump.expiry import Expired, Reaper
from devtool.pump.lane import Clients, Lane, Pace
from devtool.pump.mappings import StreamMapping, take_over
from devtool.pump.reader import Reader

log = logging.getLogger("devtool.pump")

EXPIRY_SECONDS = 20.0
# Longer than any function may run (Lambda: 15 minutes).
_INVOKE_SECONDS = 910
# A lane that is in the middle of a long call is left to end with the process.
_JOIN_SECONDS = 2.0


class Pump:
    """Delivers the records of every DynamoDB stream that a function is mapped to."""

    def __init__(self, endpoint: str, *, pace: Pace | None = None, expiry_interval: float = EXPIRY_SECONDS) -> None:
        self._halt = threading.Event()
        self._pace = pace or Pace()
        self._clients = Clients(
            functions=environment.client("lambda", endpoint, read_timeout=_INVOKE_SECONDS),
            queues=environment.client("sqs", endpoint),
        )
        self._tables = environment.client("dynamodb", endpoint)
        self._streams = environment.client("dynamodbstreams", endpoint)
        self._expired = Expired()
        self._expiry_interval = expiry_interval
        self._readers: list[Reader] = []
        self._lanes: list[Lane] = []
        self._reaper: Reaper | None = None
        self.mappings: list[StreamMapping] = []

    def start(self) -> Pump:
        """Take the streams over from the emulator and begin to deliver."""
        self.mappings = take_over(self._clients.functions)
        for stream in sorted({mapping.stream for mapping in self.mappings}):
            self._readers.append(self._reader(stream))
        tables = {mapping.table for mapping in self.mappings}
        self._reaper = Reaper(self._tables, tables, self._expired, interval=self._expiry_interval, halt=self._halt)
        for thread in (*self._lanes, *self._readers, self._reaper):
            thread.start()
        names = [mapping.name for mapping in self.mappings]
        log.info("delivering %d stream(s) to %s", len(self._readers), ", ".join(names) or "nobody")
        return self

    def _reader(self, stream: str) -> Reader:
        served = []
        for mapping in self.mappings:
            if mapping.stream == stream:
                lanes = [Lane(mapping, self._clients, self._pace, self._halt) for _ in range(mapping.rules.lanes)]
                self._lanes += lanes
                served.append((mapping, lanes))
        schema = self._tables.describe_table(TableName=stream.split("/")[1])["Table"]["KeySchema"]
        (hash_key,) = (part["AttributeName"] for part in schema if part["KeyType"] == "HASH")
        return Reader(
            stream,
            served,
            streams=self._streams,
            hash_key=hash_key,
            expired=self._expired,
            halt=self._halt,
        )

    @property
    def pending(self) -> int:
        """Count the records that were read and are neither done nor given up."""
        return sum(lane.pending for lane in self._lanes)

    def settle(self, seconds: float) -> bool:
        """Wait until all that is on the streams is delivered, also what the functions write meanwhile.

        False if that took too long.
        """
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            seen, idle = self._read(), partial(self._is_idle_since, time.monotonic())
            if not processes.wait_until(idle, left):
                return False
            if self._read() == seen:
                return True
        return False

    def _read(self) -> int:
        return sum(reader.read for reader in self._readers)

    def _is_idle_since(self, moment: float) -> bool:
        return self.pending == 0 and all(reader.has_caught_up_since(moment) for reader in self._readers)

    def hold(self) -> None:
        """Read no stream until `go_on`."""
        for reader in self._readers:
            reader.hold()

    def go_on(self, *, from_now: bool = False) -> None:
        """Read the streams again: where they were left, or only what is written from now on."""
        for reader in self._readers:
            reader.go_on(from_now=from_now)

    def expire_now(self, now: float | None = None) -> int:
        """Delete what has expired, without waiting for the next round; return how many items that were."""
        return self._reaper.reap(time.time() if now is None else now) if self._reaper else 0

    def stop(self, *, drain_seconds: float) -> int:
        """Deliver what is queued, for so long at most, and end; return how many records were left behind.

        Records on a stream do not outlive the emulator, so that what is left behind here is lost to the
        functions; the app's sweep picks up its jobs.
        """
        if drain_seconds > 0 and not self.settle(drain_seconds):
            log.error("%d record(s) were not delivered within %.0f s", self.pending, drain_seconds)
        left = self.pending
        self._halt.set()
        deadline = time.monotonic() + _JOIN_SECONDS
        for thread in (*self._readers, *self._lanes):
            thread.join(max(0.0, deadline - time.monotonic()))
        return left
