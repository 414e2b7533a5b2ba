"""A lane delivers records of one mapping strictly in order, one batch at a time. Lanes run side by side."""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from devtool.pump.batches import (
    Died,
    Discard,
    Failed,
    Outcome,
    Portion,
    Record,
    Unavailable,
    Verdict,
    after,
    arrived,
    read_answer,
    sequence_number,
    too_old,
)

if TYPE_CHECKING:
    from devtool.pump.mappings import StreamMapping

log = logging.getLogger("devtool.pump")

_TICK_SECONDS = 0.2
_GATHER_SECONDS = 0.005


class Pace:
    """How long to wait before a retry: doubling from `first`, at most `longest` seconds.

    Lambda backs off for up to minutes; a developer does not want to wait for that.
    """

    def __init__(self, *, first: float = 0.1, longest: float = 2.0) -> None:
        self._first = first
        self._longest = longest

    def delay(self, failures: int) -> float:
        """Return the seconds to wait after so many failures in a row, less one."""
        return min(self._first * 2.0 ** min(failures, 16), self._longest)


class Lane(threading.Thread):
    """One ordered queue of a mapping."""

    def __init__(self, mapping: StreamMapping, clients: Clients, pace: Pace, halt: threading.Event) -> None:
        super().__init__(daemon=True, name=f"lane-{mapping.name}")
        self._mapping = mapping
        self._clients = clients
        self._pace = pace
        self._halt = halt
        self._queue: queue.SimpleQueue[Record] = queue.SimpleQueue()
        self._count_lock = threading.Lock()
        self._pending = 0

    @property
    def pending(self) -> int:
        """Count the records that were put and are neither done nor given up."""
        return self._pending

    def put(self, record: Record) -> None:
        """Queue a record behind those that came before it."""
        self._add(1)
        self._queue.put(record)

    def _add(self, count: int) -> None:
        with self._count_lock:
            self._pending += count

    def run(self) -> None:
        """Deliver batch after batch until halted."""
        while not self._halt.is_set():
            records = self._gather()
            if records:
                self._deliver(Portion(records=records))

    def _gather(self) -> tuple[Record, ...]:
        """Wait for a record, then take what comes within the window, up to the batch size."""
        rules = self._mapping.rules
        try:
            records = [self._queue.get(timeout=_TICK_SECONDS)]
        except queue.Empty:
            return ()
        deadline = time.monotonic() + (rules.window_seconds or _GATHER_SECONDS)
        while len(records) < rules.batch_size and not self._halt.is_set():
            try:
                records.append(self._queue.get(timeout=max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                break
        return tuple(records)

    def _deliver(self, batch: Portion) -> None:
        todo = [batch]
        failures = 0
        while todo and not self._halt.is_set():
            portion = todo.pop(0)
            verdict = too_old(portion, self._mapping.rules, time.time())
            if verdict is None:
                outcome = self._invoke(portion)
                verdict = after(portion, outcome, self._mapping.rules)
                self._note(portion, outcome)
            if verdict.discard is not None:
                self._give_up(verdict.discard)
            self._add(_count(verdict) - len(portion.records))
            todo[:0] = verdict.todo
            failures = failures + 1 if verdict.back_off else 0
            if verdict.back_off:
                self._halt.wait(self._pace.delay(failures - 1))

    def _note(self, portion: Portion, outcome: Outcome) -> None:
        if isinstance(outcome, Failed | Died | Unavailable):
            kind = type(outcome).__name__.lower()
            log.warning(
                "%s: %s with %d record(s), retry %d: %s",
                *(self._mapping.name, kind, len(portion.records), portion.retries, outcome.error),
            )

    def _invoke(self, portion: Portion) -> Outcome:
        payload = json.dumps({"Records": portion.records}).encode()
        try:
            answer = self._clients.functions.invoke(FunctionName=self._mapping.function, Payload=payload)
            body = answer["Payload"].read()
        except (ClientError, BotoCoreError) as error:
            return Unavailable(str(error))
        if answer.get("FunctionError"):
            return _function_error(body)
        return read_answer(body, portion, self._mapping.rules)

    def _give_up(self, discard: Discard) -> None:
        """Send what Lambda sends to the on-failure queue: where the records are, never what they hold."""
        portion, destination = discard.portion, self._mapping.on_failure
        log.error(
            "%s: %s, %d record(s) given up -> %s",
            *(self._mapping.name, discard.condition, len(portion.records), destination or "nowhere"),
        )
        if destination is None:
            return
        message = failure_message(discard, self._mapping, now=time.time())
        queues = self._clients.queues
        try:
            url = queues.get_queue_url(QueueName=destination.rpartition(":")[2])["QueueUrl"]
            queues.send_message(QueueUrl=url, MessageBody=json.dumps(message))
        except (ClientError, BotoCoreError):
            log.exception("%s: the on-failure queue %s took nothing", self._mapping.name, destination)


class Clients:
    """The clients that a lane uses: Lambda to invoke, SQS for what is given up."""

    def __init__(self, *, functions: Any, queues: Any) -> None:
        self.functions = functions
        self.queues = queues


def _count(verdict: Verdict) -> int:
    return sum(len(portion.records) for portion in verdict.todo)


def _function_error(body: bytes) -> Outcome:
    try:
        answer = json.loads(body)
        kind, text = str(answer.get("errorType")), str(answer.get("errorMessage"))
    except (ValueError, AttributeError):
        kind, text = "Unhandled", body[:200].decode(errors="replace")
    # MiniStack's words for a worker that ended before it answered; Lambda says Runtime.ExitError.
    if kind == "Runtime.ExitError" or "Worker process" in text or "Worker returned no response" in text:
        return Died(text)
    return Failed(f"{kind}: {text[:200]}")


def failure_message(discard: Discard, mapping: StreamMapping, *, now: float) -> dict[str, Any]:
    """Build the message that Lambda sends for records that it gave up."""
    records = discard.portion.records
    return {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": mapping.function,
            "condition": discard.condition,
            "approximateInvokeCount": discard.portion.retries + 1,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "version": "1.0",
        "timestamp": _instant(now),
        "DDBStreamBatchInfo": {
            "shardId": "shardId-00000000000000000000-00000000",
            "startSequenceNumber": sequence_number(records[0]),
            "endSequenceNumber": sequence_number(records[-1]),
            "approximateArrivalOfFirstRecord": _instant(arrived(records[0])),
            "approximateArrivalOfLastRecord": _instant(arrived(records[-1])),
            "batchSize": len(records),
            "streamArn": mapping.stream,
        },
    }


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
