"""A plain HTTP server between the functions and the local cloud: a test may look at what passes, or hold it up."""

from __future__ import annotations

import http.client
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from devtool.testing import LiveCloud

PATIENCE = 30.0
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}
_FROM_HEAD = _HOP_BY_HOP - {"content-length"}
"""The answer to a HEAD says how long the body would be."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a function asked."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What it was answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256  # a function opens 32 connections at once; the default of 5 would refuse most of them


class Between:
    """Passes requests on as they are; subclasses override `answer`. A context manager."""

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream).netloc
        self._connections = threading.local()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def answer(self, request: Request) -> Reply:
        """Answer a request, on a thread of its connection's."""
        return self.pass_on(request)

    def pass_on(self, request: Request) -> Reply:
        """Ask the local cloud: once more where it has closed an idle connection meanwhile."""
        try:
            return self._ask(request)
        except (http.client.HTTPException, ConnectionError):
            self.close()
            return self._ask(request)

    def close(self) -> None:
        """Close this thread's connection to the local cloud."""
        kept = getattr(self._connections, "kept", None)
        if kept is not None:
            kept.close()
            self._connections.kept = None

    def _ask(self, request: Request) -> Reply:
        kept = getattr(self._connections, "kept", None)
        if kept is None:
            kept = self._connections.kept = http.client.HTTPConnection(self._upstream, timeout=PATIENCE)
        # With the Host that was signed, which is ours.
        kept.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.items():
            if name.lower() not in _HOP_BY_HOP:
                kept.putheader(name, value)
        kept.putheader("Content-Length", str(len(request.body)))
        kept.endheaders(request.body)
        answer = kept.getresponse()
        body = answer.read()
        dropped = _FROM_HEAD if request.method == "HEAD" else _HOP_BY_HOP
        headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in dropped]
        return Reply(answer.status, headers, body)


@contextmanager
def environment_of(cloud: LiveCloud, function: str, changes: Mapping[str, str]) -> Iterator[None]:
    """Give a deployed function other settings for a while; its workers start anew each time."""
    functions, name = cloud.client("lambda"), cloud.function_name(function)
    before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": before | dict(changes)})
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": before})


def _handler(between: Between) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        timeout = PATIENCE

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            reply = between.answer(Request(self.command, self.path, dict(self.headers.items()), body))
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            if self.command != "HEAD":
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = do_DELETE = do_PUT = do_HEAD = _pass  # noqa: N815  http.server's names

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                self.close_connection = True  # the function gave up waiting, or its worker ended
            finally:
                between.close()

        def log_message(self, *arguments: object) -> None:
            """Say nothing on standard error."""

    return Handler
