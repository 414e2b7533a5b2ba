"""An OAuth provider on loopback that answers what a test tells it to, over real HTTP.

It rotates its refresh tokens as strictly as a provider can: each is good for one use, a second use is theft and counted
in `reuses`. What is not told otherwise is answered as RFC 6749, 7009 and 7662 want it.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as it came."""

    path: str
    form: dict[str, str]
    headers: dict[str, str]
    at: float


@dataclass(frozen=True, kw_only=True)
class Told:
    """An answer instead of the usual one. With `used` the refresh token is spent all the same; without `status` the
    connection is closed unanswered."""

    status: int | None = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    used: bool = False
    after: float = 0.0


class PlayedProvider:
    """The provider's memory and its script."""

    def __init__(self, address: str, *, rotates: bool = True) -> None:
        self.address = address
        self.rotates = rotates
        self.asked: list[Asked] = []
        self.script: list[Told] = []
        self.revoked: list[tuple[str, str]] = []
        self.reuses = 0
        self.most_at_once = 0
        self.life: object = 3_600
        self._live: set[str] = set()
        self._spent: set[str] = set()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._inside = 0

    @property
    def token_endpoint(self) -> str:
        return f"{self.address}/token"

    @property
    def refreshes(self) -> int:
        """How often a refresh was asked for."""
        return sum(one.path == "/token" for one in self.asked)

    def issue(self) -> str:
        """Give a refresh token, as at a login."""
        token = f"refresh-{next(self._numbers):06d}-of-the-played-provider"
        self._live.add(token)
        return token

    def answer(self, asked: Asked) -> Told:
        with self._lock:
            self.asked.append(asked)
            told = self.script.pop(0) if self.script and asked.path == "/token" else None
            usual: Callable[[dict[str, str]], Told] = {
                "/token": self._refresh,
                "/revoke": self._revoke,
                "/introspect": self._introspect,
            }[asked.path]
            if told is None:
                return usual(asked.form)
            if told.used:
                given = usual(asked.form)
                return Told(status=told.status, body=given.body if told.body is None else told.body, after=told.after)
            return told

    @contextmanager
    def inside(self) -> Iterator[None]:
        with self._lock:
            self._inside += 1
            self.most_at_once = max(self.most_at_once, self._inside)
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1

    def _refresh(self, form: dict[str, str]) -> Told:
        given = form.get("refresh_token", "")
        if given in self._spent:
            self.reuses += 1
            self._live.clear()  # theft, for all it knows: the whole family is revoked
            return Told(status=400, body={"error": "invalid_grant", "error_description": "reused"})
        if given not in self._live:
            return Told(status=400, body={"error": "invalid_grant"})
        number = next(self._numbers)
        body: dict[str, Any] = {"access_token": f"access-{number:06d}-played", "token_type": "Bearer"}
        if self.life is not None:
            body["expires_in"] = self.life
        if self.rotates:
            self._live.remove(given)
            self._spent.add(given)
            body["refresh_token"] = self.issue()
        return Told(body=body)

    def _revoke(self, form: dict[str, str]) -> Told:
        self.revoked.append((form.get("token_type_hint", ""), form.get("token", "")))
        self._live.discard(form.get("token", ""))
        return Told(body="")

    def _introspect(self, form: dict[str, str]) -> Told:
        return Told(body={"active": form.get("token") in self._live})


@contextmanager
def played_provider(*, rotates: bool = True) -> Iterator[PlayedProvider]:
    """Start one and end it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            with provider.inside():
                asked = Asked(path=self.path, form=dict(parse_qsl(body)), headers=headers, at=time.monotonic())
                told = provider.answer(asked)
                time.sleep(told.after)
            self.close_connection = True
            if told.status is None:
                return
            text = told.body if isinstance(told.body, str) else json.dumps(told.body)
            self.send_response(told.status)
            for name, value in {"Content-Type": "application/json", **told.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider = PlayedProvider(f"http://127.0.0.1:{server.server_port}", rotates=rotates)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join(10)
