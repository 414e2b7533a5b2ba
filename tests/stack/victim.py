"""A process that runs the app's event handlers on raw events and dies by its own hand in the middle of one.

One command a line on stdin: `{"function", "event", "now", "tick", "die": [n, "before" | "after"] | null, "fail": n |
null}`. It kills itself before or after the n-th write of that invocation that it sends to DynamoDB, SQS or S3, or lets
the network fail instead of it. One answer a line on stdout: `{"answer": ..., "writes": [...], "now": ...}`, or
`{"error": ..., ...}`.

Time is the commands'. A message's delay is written on the message for whoever delivers it, for SQS's clock is no
test's.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import EndpointConnectionError

from chalicelib.aws.json_service import JsonService, Refused
from chalicelib.aws.line import Unanswered
from tests.rights.held import Held

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "SendMessage", "DeleteObject"})
DELAY = "delay"


class Hand:
    """Counts the writes of an invocation, and strikes at the one that it was told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mine = threading.local()
        self.arm(None, None)

    def arm(self, die: list[Any] | None, fail: int | None) -> None:
        self.writes: list[str] = []
        self._die = tuple(die) if die else None
        self._fail = fail

    def wrap(self, call: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        """Return `JsonService.call` as it is under this hand: our own clients have no events to listen to."""

        def struck(service: JsonService, operation: str, arguments: Mapping[str, Any], *more: Any) -> dict[str, Any]:
            model, asked = SimpleNamespace(name=operation), dict(arguments)
            if operation == "SendMessage":
                write_delay(asked)
            try:
                self.before(model)
            except EndpointConnectionError:
                raise Unanswered("ConnectionRefusedError") from None
            try:
                answer = call(service, operation, asked, *more)
            except Refused:
                self.after(model)
                raise
            self.after(model)
            return answer

        return struck

    def before(self, model: Any, **_: Any) -> None:
        if model.name not in WRITES:
            return
        with self._lock:
            self.writes.append(model.name)
            number = len(self.writes)
        self._mine.number = number  # its answer comes on the same thread, others' between
        self._strike(number, "before")
        if number == self._fail:
            raise EndpointConnectionError(endpoint_url="https://nowhere.example")

    def after(self, model: Any, **_: Any) -> None:
        if model.name in WRITES:
            self._strike(self._mine.number, "after")

    def _strike(self, number: int, when: str) -> None:
        if self._die == (number, when):
            os.kill(os.getpid(), signal.SIGKILL)
            signal.pause()


class Clock:
    """Tells the commands' time; each time that it is asked it is a `tick` later."""

    def __init__(self) -> None:
        self.now, self.tick = 0, 0

    def __call__(self) -> int:
        self.now += self.tick
        return self.now


def write_delay(params: dict[str, Any], **_: Any) -> None:
    seconds = str(params.pop("DelaySeconds", 0))
    params["MessageAttributes"] = {DELAY: {"DataType": "Number", "StringValue": seconds}}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    sys.stdout = sys.stderr  # the app's log
    hand = Hand()
    boto3.setup_default_session()
    events = boto3.DEFAULT_SESSION.events
    events.register("before-call", hand.before)
    events.register("after-call", hand.after)
    held = Held()
    held.register(events)
    JsonService.call = held.wrap(hand.wrap(JsonService.call))  # type: ignore[method-assign]
    events.register("provide-client-params.sqs.SendMessage", write_delay)

    from chalicelib.wiring import system  # noqa: PLC0415  its clock is replaced before anything is wired

    clock = Clock()
    system.now = clock
    import app  # noqa: PLC0415

    for line in sys.stdin:
        command = json.loads(line)
        clock.now, clock.tick = command["now"], command["tick"]
        hand.arm(command["die"], command["fail"])
        held.function = command["function"]
        try:
            told = {"answer": getattr(app, command["function"])(command["event"], None)}
        except Exception as error:  # noqa: BLE001  Lambda tells whoever invoked, whatever it is
            told = {"error": type(error).__name__}
        answers.write(json.dumps({**told, "writes": hand.writes, "now": clock.now}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
