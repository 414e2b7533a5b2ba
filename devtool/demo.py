"""The main job once, before your eyes: a token in, the 202, the push on a WebSocket, the token collected."""

from __future__ import annotations

import json
import secrets
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from devtool.errors import DemoFailed
from devtool.progress import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtool.info import Info
    from devtool.issuer import Issuer

_SECONDS = 20.0
_ACCEPTED = 202
_FINAL = {"SUCCEEDED", "FAILED", "CANCELLED"}


def demonstrate(info: Info, issuer: Issuer) -> None:
    """Hand in a token, hear of it, collect it; each step on a line. Raise DemoFailed naming the step."""
    subject = f"demo|{secrets.token_hex(4)}"
    # Two callers: whoever hands tokens in for anybody may read none.
    producer = issuer.token("demo-login-hook", groups=("producer",), ttl=300)
    consumer = issuer.token(subject, groups=("consumer",), ttl=300)
    secret = secrets.token_urlsafe(24)
    say("A token goes in, a ticket comes out, and the browser hears of it:")
    with _timed("POST /tickets: a one-time ticket for the socket"):
        ticket = _call("POST", f"{info.api_url}/tickets", consumer, {})
    with ExitStack() as stack:
        with _timed("WebSocket joined, snapshot received"):
            socket = stack.enter_context(_joined(info, ticket))
            _receive(socket)
        body = {
            "subject": subject,
            "provider": "demo",
            "token": {"access_token": secret, "token_type": "Bearer", "expires_in": 3600},
        }
        with _timed("POST /tokens: 202, stored"):
            job = _call("POST", f"{info.api_url}/tokens", producer, body, expected=_ACCEPTED)
        with _timed("push on the WebSocket: the job has ended"):
            outcome = _await_end(socket, job["id"])
            if outcome != "SUCCEEDED":
                raise DemoFailed(f"the job ended as {outcome}")
    with _timed("GET /tokens/{id}/secret: the same token"):
        answer = _call("GET", f"{info.api_url}/tokens/{job['id']}/secret?min_ttl=60", consumer, None)
        if secret not in json.dumps(answer):
            raise DemoFailed("the token that was collected is not the one that was handed in")


@contextmanager
def _joined(info: Info, ticket: dict[str, Any]) -> Iterator[ClientConnection]:
    address = ticket.get("url") or f"{info.ws_url}?ticket={ticket['ticket']}"
    try:
        with connect(address, open_timeout=_SECONDS, close_timeout=1) as socket:
            yield socket
    except (OSError, WebSocketException) as error:
        raise DemoFailed(f"the socket failed: {error}") from error


def _receive(socket: ClientConnection) -> dict[str, Any]:
    try:
        message: dict[str, Any] = json.loads(socket.recv(timeout=_SECONDS))
    except (TimeoutError, OSError, WebSocketException, ValueError) as error:
        raise DemoFailed(f"nothing came on the socket: {error or type(error).__name__}") from error
    return message


def _await_end(socket: ClientConnection, job: str) -> str:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        message = _receive(socket)
        told = message.get("job") or {}
        if told.get("id") == job and told.get("status") in _FINAL:
            return str(told["status"])
    raise DemoFailed(f"no push told the end of job {job} within {_SECONDS:.0f} s")


def _call(
    method: str, url: str, bearer: str, body: dict[str, Any] | None, *, expected: int | None = None
) -> dict[str, Any]:
    request = urllib.request.Request(
        url,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_SECONDS) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        raise DemoFailed(f"{method} {url} answered {error.code}: {error.read()[:300].decode()}") from error
    except OSError as error:
        raise DemoFailed(f"{method} {url}: {error}") from error
    if expected is not None and status != expected:
        raise DemoFailed(f"{method} {url} answered {status}, not {expected}")
    try:
        result: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise DemoFailed(f"{method} {url} answered something that is no JSON") from error
    return result


@contextmanager
def _timed(label: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    say(f"  {label:<52} {(time.perf_counter() - began) * 1000:6.0f} ms")
