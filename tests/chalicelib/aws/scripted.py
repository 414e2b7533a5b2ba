"""A real server on loopback that does what its script says, one step for each request that it hears."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from chalicelib.aws.endpoints import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def says(status: int, body: object = None, **headers: str) -> Callable[[socket.socket], bool]:
    """Answer, and keep the connection open."""
    content = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()

    def step(connection: socket.socket) -> bool:
        lines = {
            "content-length": str(len(content)),
            **{name.replace("_", "-"): text for name, text in headers.items()},
        }
        head = "".join(f"{name}: {text}\r\n" for name, text in lines.items())
        connection.sendall(f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode() + content)
        return True

    return step


def then_closes(step: Callable[[socket.socket], bool]) -> Callable[[socket.socket], bool]:
    """Answer, and close the connection without having said so."""

    def closing(connection: socket.socket) -> bool:
        step(connection)
        return False

    return closing


def closes(_connection: socket.socket) -> bool:
    """Hear the request, and close without an answer."""
    return False


def breaks_off(connection: socket.socket) -> bool:
    """Begin an answer, and close in the middle of it."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
    return False


def sends(content: bytes) -> Callable[[socket.socket], bool]:
    """Answer with these bytes, and keep the connection open."""

    def step(connection: socket.socket) -> bool:
        connection.sendall(content)
        return True

    return step


def resets(connection: socket.socket) -> bool:
    """Begin an answer, and let the connection be reset in the middle of it."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
    time.sleep(0.1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def drips(seconds: float, content: bytes) -> Callable[[socket.socket], bool]:
    """Answer byte by byte, with so many seconds between them."""

    def step(connection: socket.socket) -> bool:
        for at in range(len(content)):
            connection.sendall(content[at : at + 1])
            time.sleep(seconds)
        return True

    return step


def is_silent(seconds: float) -> Callable[[socket.socket], bool]:
    """Hear the request, and say nothing for so long."""

    def step(_connection: socket.socket) -> bool:
        time.sleep(seconds)
        return False

    return step


def serving(file: Path) -> ssl.SSLContext:
    """Return what a server with this certificate, its key behind it, speaks TLS by."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@dataclass
class Scripted:
    """The server: `heard` are the requests (headers in lower case, body), `opened` counts connections.

    Each request is the next step's of the script; or the one that `by` names for its headers and body.
    """

    script: list[Callable[[socket.socket], bool]] = field(default_factory=list)
    context: ssl.SSLContext | None = None
    by: Callable[[dict[str, str], bytes], Callable[[socket.socket], bool]] | None = None
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    opened: int = 0
    closed: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    @property
    def endpoint(self) -> Endpoint:
        port: int = self._listener.getsockname()[1]
        host = "127.0.0.1" if self.context is None else "localhost"
        return Endpoint(is_secure=self.context is not None, host=host, port=port)

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, body in self.heard]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.opened += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError):
            with plain, self._secured(plain) as connection:
                reader = connection.makefile("rb")
                while request := _read(reader):
                    self.heard.append(request)
                    step = self.script.pop(0) if self.by is None else self.by(*request)
                    if not step(connection):
                        break
                reader.close()
            self.closed.set()

    def _secured(self, plain: socket.socket) -> socket.socket:
        return plain if self.context is None else self.context.wrap_socket(plain, server_side=True)


def _read(reader: Any) -> tuple[dict[str, str], bytes] | None:
    first = reader.readline()
    if not first:
        return None
    headers = {":line": first.decode().strip()}
    while (line := reader.readline().strip()) != b"":
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    return headers, reader.read(int(headers.get("content-length", "0")))
