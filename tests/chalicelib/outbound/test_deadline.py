from __future__ import annotations

import socket
import threading
import time
from ipaddress import ip_address
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from chalicelib.errors import AnswerLost, NotSent
from chalicelib.outbound import http as module
from chalicelib.outbound.addresses import parse_endpoint
from chalicelib.outbound.http import Outside
from tests.chalicelib.outbound.server import Server, answering, ok

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "MARKER-refresh-token"


@pytest.fixture
def outside() -> Outside:
    return Outside(allow_private=True)


def dripping(before: bytes, drop: bytes) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(before)
        for _ in range(60):
            connection.sendall(drop)
            time.sleep(0.05)

    return behave


SLOW = {
    "says nothing": lambda connection: time.sleep(1.5) or connection.recv(1),
    "drips its status line": dripping(b"", b"H"),
    "drips its headers": dripping(b"HTTP/1.1 200 OK\r\n", b"A: a\r\n"),
    "drips a body of a known length": dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b" "),
    "drips a body of no known length": dripping(b"HTTP/1.1 200 OK\r\n\r\n", b" "),
    "drips chunks": dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "says 100 for ever": dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("behave", SLOW.values(), ids=SLOW)
def test_the_deadline_is_for_all_of_an_answer_however_it_drips(
    outside: Outside, behave: Callable[[socket.socket], None]
) -> None:
    with Server(behave) as server:
        begun = time.monotonic()
        with pytest.raises(AnswerLost, match="did not answer in time"):
            outside.post_form(server.url(), {"refresh_token": SECRET}, timeout=0.5)

        assert 0.4 < time.monotonic() - begun < 1.2


def test_no_thread_is_left_behind_by_a_call(outside: Outside) -> None:
    with answering(ok()) as server:
        outside.get(server.url())
        time.sleep(0.05)

        assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


@pytest.mark.parametrize(
    ("answer", "is_whole"),
    [
        (ok(b"{}"), True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\n\r\n{}", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}", False),
    ],
)
def test_an_answer_that_came_whole_in_the_last_moment_is_not_thrown_away(answer: bytes, is_whole: bool) -> None:  # noqa: FBT001
    """It may hold the only copy of a new refresh token."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        endpoint = parse_endpoint("https://idp.example/", allow_private=False)
        over = SimpleNamespace(passed=True)

        if is_whole:
            assert module._asked(ours, endpoint, module._Request("GET", {}), over).body == b"{}"
        else:
            with pytest.raises(AnswerLost, match="in time"):
                module._asked(ours, endpoint, module._Request("GET", {}), over)


def test_nothing_is_begun_when_no_time_is_left() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with pytest.raises(NotSent, match="no time was left"):
            module._connected([ip_address("127.0.0.1")], 1, time.monotonic() - 1)
        with pytest.raises(NotSent, match="handshake in time"):
            module._shake_hands(ours, SimpleNamespace(passed=True))


def test_a_deadline_that_passes_behind_the_end_of_a_call_shuts_nobodys_socket() -> None:
    """The number of a closed socket may be another's by then."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with module._Deadline(ours, time.monotonic() + 60) as deadline:
            pass
        deadline._shut()

        ours.sendall(b"still open")
        assert (theirs.recv(100), deadline.passed) == (b"still open", False)
