"""Callers and watchers of the deployed stack: plain requests, joined sockets, and what they were told."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import secrets
import socket
import struct
import time
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlsplit

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

if TYPE_CHECKING:
    from types import TracebackType

    from devtool.testing import LiveCloud

PATIENCE = 30.0
ENDED = {"SUCCEEDED", "FAILED", "CANCELLED"}

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with a bearer token. Each request is a connection of its own, so that threads may share one."""

    api_url: str
    bearer: str

    @classmethod
    def of(cls, cloud: LiveCloud, name: str, *groups: str) -> Caller:
        return cls(cloud.api_url, cloud.token(name, groups))

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Return the answer, whatever its status. Raises OSError or HTTPException when there is none."""
        address = urlsplit(self.api_url)
        with closing(http.client.HTTPConnection(address.netloc, timeout=PATIENCE)) as connection:
            connection.request(
                method,
                address.path + path,
                body=None if body is None else json.dumps(body),
                headers={"Authorization": f"Bearer {self.bearer}", "Content-Type": "application/json", **headers},
            )
            answer = connection.getresponse()
            return Answer(answer.status, _json(answer.read()))

    def hand_in(self, subject: str, provider: str = "hybris", secret: str | None = None) -> str:
        """Hand a token in and return its id, which is its job's too."""
        token = {"access_token": secret or secrets.token_urlsafe(24), "expires_in": 3600}
        answer = self.ask("POST", "/tokens", {"subject": subject, "provider": provider, "token": token})
        assert answer.status == HTTPStatus.ACCEPTED, answer
        return str(answer.body["id"])

    def ticket(self, **about: str) -> dict[str, Any]:
        """Ask for a ticket: for all that is the caller's, or one `subject`, or one `job`."""
        answer = self.ask("POST", "/tickets", about)
        assert answer.status == HTTPStatus.CREATED, answer
        return answer.body

    def join(self, **about: str) -> Watcher:
        """Return a socket that a ticket of one's own opens."""
        return Watcher(str(self.ticket(**about)["url"]))


class Watcher:
    """A socket that joins as a context manager. Messages are read as they come, and kept until they are asked for."""

    socket: ClientConnection

    def __init__(self, url: str) -> None:
        self._opening = connect(url, open_timeout=PATIENCE, close_timeout=PATIENCE, proxy=None)

    def __enter__(self) -> Self:
        self.socket = self._opening.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opening.__exit__(kind, error, trace)

    def next(self, seconds: float = PATIENCE) -> Message:
        """Return the next message. Raises TimeoutError."""
        message: Message = json.loads(self.socket.recv(timeout=seconds))
        return message

    def snapshot(self) -> Message:
        """Return the next message, which must be a snapshot."""
        message = self.next()
        assert message["type"] == "snapshot", message
        return message

    def updates(self, count: int, seconds: float = PATIENCE) -> list[Message]:
        """Return the next `count` messages, each of which must tell of a job."""
        deadline = time.monotonic() + seconds
        found = [self.next(max(0.0, deadline - time.monotonic())) for _ in range(count)]
        assert {message["type"] for message in found} <= {"job.updated"}, found
        return found

    def is_silent_for(self, seconds: float) -> bool:
        """Tell whether nothing more comes for so long."""
        try:
            self.next(seconds)
        except TimeoutError:
            return True
        return False

    def is_closed_within(self, seconds: float) -> bool:
        """Tell whether the other side closes the socket in so long, whatever it says before."""
        deadline = time.monotonic() + seconds
        try:
            while True:
                self.next(max(0.0, deadline - time.monotonic()))
        except ConnectionClosed:
            return True
        except TimeoutError:
            return False

    def say(self, message: object) -> Message:
        """Send a message (text as it is, anything else as JSON) and return the next that comes."""
        self.socket.send(message if isinstance(message, str | bytes) else json.dumps(message))
        return self.next()


def refusal(url: str) -> int:
    """Return the status that a handshake is refused with; 101 if it was not."""
    try:
        with connect(url, open_timeout=PATIENCE, proxy=None):
            return int(HTTPStatus.SWITCHING_PROTOCOLS)
    except InvalidStatus as refused:
        return refused.response.status_code


class RawSocket:
    """A WebSocket whose bytes nobody reads, joined by hand: the client library would read them at once."""

    def __init__(self, url: str, *, receive_buffer: int | None = None) -> None:
        parts = urlsplit(url)
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect((parts.hostname or "", parts.port or 80))
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.socket.recv(1)
            assert byte, head
            head += byte
        assert head.startswith(b"HTTP/1.1 101"), head

    def vanish(self) -> None:
        """Reset the connection (RFC 9293: RST, no FIN), as no client that closes does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def registry(cloud: LiveCloud, person: str) -> list[dict[str, Any]]:
    """Return the raw items of the connections that are registered under a name, each followed by its other half."""
    table = cloud.client("dynamodb")
    entries = table.query(
        TableName=cloud.table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"WATCH#{person}"}},
        ConsistentRead=True,
    )["Items"]
    return [*entries, *filter(None, (connection(cloud, entry["connection"]["S"]) for entry in entries))]


def connection(cloud: LiveCloud, connection_id: str) -> dict[str, Any] | None:
    """Return the raw item that a connection is found by when it closes."""
    key = {"pk": {"S": f"CONNECTION#{connection_id}"}, "sk": {"S": "CONNECTION"}}
    item: dict[str, Any] | None = (
        cloud.client("dynamodb").get_item(TableName=cloud.table, Key=key, ConsistentRead=True).get("Item")
    )
    return item


def ticket_key(ticket: str) -> dict[str, Any]:
    """Return the raw key that a ticket's item has."""
    return {"pk": {"S": f"TICKET#{hashlib.sha256(ticket.encode()).hexdigest()}"}, "sk": {"S": "TICKET"}}


def everything(cloud: LiveCloud) -> list[dict[str, Any]]:
    """Return all raw items of the table."""
    pages = cloud.client("dynamodb").get_paginator("scan").paginate(TableName=cloud.table, ConsistentRead=True)
    return [item for page in pages for item in page["Items"]]


def somebody(name: str) -> str:
    """Return a subject that no other test has."""
    return f"{name}|{secrets.token_hex(4)}"


def in_path(subject: str) -> str:
    """Return a subject as it stands in a path."""
    return quote(subject, safe="")


def _json(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError:
        return {"text": raw[:200].decode(errors="replace")}
    return body if isinstance(body, dict) else {"value": body}
