"""`python -m bench.answering JSON`: the process behind `bench.server`. One thread, a fixed answer after a fixed time.

It prints `{"port": ...}` when it listens, answers `counts` and `forget` on its standard input, and ends with that.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import ssl
import sys
import time
import zlib
from collections import Counter, deque
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

USUAL: dict[str, Any] = {
    "PutItem": {},
    "UpdateItem": {},
    "DeleteItem": {},
    "TransactWriteItems": {},
    "BatchWriteItem": {"UnprocessedItems": {}},
    "GetItem": {},
    "BatchGetItem": {"Responses": {}, "UnprocessedKeys": {}},
    "TransactGetItems": {"Responses": []},
    "Query": {"Items": [], "Count": 0, "ScannedCount": 0},
    "@connections": {},
}
"""What an empty table answers, and a socket that takes what it is sent."""

_END_OF_HEAD = b"\r\n\r\n"


class Desk:
    """What all connections share: the answers, and the counts."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self._ready: dict[str, bytes] = {}
        self._by_text: dict[str, list[tuple[bytes, bytes]]] = {}
        for name, answer in {**USUAL, **answers}.items():
            operation, _, text = name.partition(" ")
            if text and not text.startswith("/"):
                self._by_text.setdefault(operation, []).append((text.encode(), _response(answer)))
            else:
                self._ready[name] = _response(answer)
        self._unknown = _response({"status": 404, "body": {"__type": "UnknownOperationException"}})
        self.open = 0
        self.forget()

    def forget(self) -> None:
        """Count from zero."""
        self._connections = self._requests = 0
        self._most_open = self.open
        self._operations: Counter[str] = Counter()

    def counts(self) -> dict[str, Any]:
        """Return what was counted."""
        return {
            "requests": self._requests,
            "connections": self._connections,
            "most_open": self._most_open,
            "operations": dict(self._operations),
        }

    def opened(self) -> None:
        """Count a connection."""
        self._connections += 1
        self.open += 1
        self._most_open = max(self._most_open, self.open)

    def response(self, head: bytes, body: bytes) -> bytes:
        """Count a request and return its answer, as it goes over the wire."""
        operation = _operation(head)
        self._requests += 1
        self._operations[operation] += 1
        for text, response in self._by_text.get(operation, ()):
            if text in body:
                return response
        ready = self._ready.get(operation)
        if ready is not None:
            return ready
        computed = _COMPUTED.get(operation)
        return self._unknown if computed is None else _response(computed(json.loads(body)))


class Clock:
    """What is to be called when the server's one delay is over.

    The timers of asyncio and uvloop know whole milliseconds: of many answers under way some left one too early and most
    one too late, where a single client's were on time.
    """

    def __init__(self, delay: float, loop: asyncio.AbstractEventLoop) -> None:
        self._delay = delay
        self._due: deque[tuple[float, Callable[[], None]]] = deque()
        """In order, for all wait equally long."""
        loop.add_signal_handler(signal.SIGALRM, self._ring)

    def later(self, call: Callable[[], None]) -> None:
        """Call when the delay is over; at once where there is none."""
        if not self._delay:
            call()
            return
        self._due.append((time.monotonic() + self._delay, call))
        if len(self._due) == 1:
            signal.setitimer(signal.ITIMER_REAL, self._delay)

    def stop(self) -> None:
        """Call nothing more."""
        self._due.clear()
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _ring(self) -> None:
        while self._due:
            left = self._due[0][0] - time.monotonic()
            if left > 0:
                signal.setitimer(signal.ITIMER_REAL, left)
                return
            self._due.popleft()[1]()


class Connection(asyncio.Protocol):
    """One connection, kept alive; requests may follow each other before they are answered."""

    def __init__(self, desk: Desk, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock
        self._heard = bytearray()
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport
        self._desk.opened()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """End."""
        self._desk.open -= 1

    def data_received(self, data: bytes) -> None:
        """Answer each request that is complete."""
        self._heard += data
        while (end := self._heard.find(_END_OF_HEAD)) >= 0:
            head = bytes(self._heard[:end])
            begins = end + len(_END_OF_HEAD)
            ends = begins + _length(head)
            if len(self._heard) < ends:
                return
            body = bytes(self._heard[begins:ends])
            del self._heard[:ends]
            self._clock.later(partial(self._transport.write, self._desk.response(head, body)))


def _operation(head: bytes) -> str:
    """Return what a request asks for: the operation that AWS's JSON protocol names, or method and path."""
    target = _header(head, b"x-amz-target")
    if target:
        return target.decode().rpartition(".")[2]
    method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
    return "@connections" if "/@connections/" in path or "/%40connections/" in path else f"{method} {path}"


def _length(head: bytes) -> int:
    return int(_header(head, b"content-length") or 0)


def _header(head: bytes, name: bytes) -> bytes:
    begins = head.lower().find(b"\r\n" + name + b":")
    if begins < 0:
        return b""
    begins += len(name) + 3
    ends = head.find(b"\r\n", begins)
    return head[begins : len(head) if ends < 0 else ends].strip()


def _response(answer: Any) -> bytes:
    """Write an answer, with the headers that DynamoDB sends."""
    is_refusal = isinstance(answer, dict) and set(answer) == {"status", "body"}
    status, content = (answer["status"], answer["body"]) if is_refusal else (200, answer)
    body = json.dumps(content, separators=(",", ":")).encode()
    return (
        f"HTTP/1.1 {status} {'OK' if status == 200 else 'Refused'}\r\n"  # noqa: PLR2004
        "server: Server\r\ndate: Sat, 21 Nov 2026 09:00:00 GMT\r\n"
        f"content-type: application/x-amz-json-1.0\r\ncontent-length: {len(body)}\r\n"
        "connection: keep-alive\r\nx-amzn-requestid: 4KBNVRGD25RG1KEO9UT4V3FQDJVV4KQNSO5AEMVJF66Q9ASUAAJG\r\n"
        f"x-amz-crc32: {zlib.crc32(body)}\r\n\r\n"
    ).encode() + body


def _sent(message: dict[str, Any], text: str) -> dict[str, Any]:
    # boto3 compares the sum with its own.
    digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    return {**message, "MessageId": "5fea7756-0ea4-451a-a703-a558b933e274", "MD5OfMessageBody": digest}


_COMPUTED: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "SendMessage": lambda asked: _sent({}, asked["MessageBody"]),
    "SendMessageBatch": lambda asked: {
        "Successful": [_sent({"Id": entry["Id"]}, entry["MessageBody"]) for entry in asked["Entries"]]
    },
}
"""What no fixed answer fits."""


async def _serve(asked: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    desk, clock = Desk(asked["answers"]), Clock(asked["delay"], loop)
    context = None
    if asked["certificate"]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(asked["certificate"], asked["key"])
    listening = await loop.create_server(lambda: Connection(desk, clock), "127.0.0.1", 0, ssl=context, backlog=2048)
    _say({"port": listening.sockets[0].getsockname()[1]})
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        if line.strip() == b"forget":
            desk.forget()
        _say(desk.counts())
    clock.stop()
    listening.close()


def _say(told: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until standard input ends."""
    try:
        from uvloop import run  # noqa: PLC0415  the tests run without the bench's requirements
    except ImportError:
        from asyncio import run  # noqa: PLC0415
    run(_serve(json.loads(sys.argv[1])))


if __name__ == "__main__":
    main()
