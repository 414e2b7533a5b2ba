from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from chalicelib.errors import AddressRefused, AnswerLost, AnswerTooLarge, NotSent
from chalicelib.outbound.http import LARGEST_ANSWER, Outside
from tests.chalicelib.outbound.server import Server, answering, ok, response

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "MARKER-refresh-token"


@pytest.fixture
def outside() -> Outside:
    return Outside(allow_private=True)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_a_form_is_sent_as_a_form_and_what_comes_back_is_the_answer(outside: Outside) -> None:
    with answering(
        response("400 Bad Request", b'{"error":"invalid_grant"}', "Content-Type: application/json")
    ) as server:
        answer = outside.post_form(
            server.url("/token?tenant=a"),
            {"grant_type": "refresh_token", "refresh_token": "a b&c=ü"},
            headers={"X-A": "1"},
        )

    assert (answer.status, answer.body) == (400, b'{"error":"invalid_grant"}')
    assert answer.headers["content-type"] == "application/json"
    head, _, body = server.requests[0].decode().partition("\r\n\r\n")
    lines = head.lower().split("\r\n")
    assert lines[0] == "post /token?tenant=a http/1.1"
    assert {f"host: 127.0.0.1:{server.port}", "content-type: application/x-www-form-urlencoded", "x-a: 1"} <= set(lines)
    assert {"accept: application/json", "connection: close", "accept-encoding: identity"} <= set(lines)
    assert parse_qs(body) == {"grant_type": ["refresh_token"], "refresh_token": ["a b&c=ü"]}


def test_a_document_is_fetched(outside: Outside) -> None:
    with answering(ok(b"{}")) as server:
        assert outside.get(server.url("/.well-known/openid-configuration")).body == b"{}"


def test_an_answer_in_chunks_is_read_whole(outside: Outside) -> None:
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    with answering(chunks) as server:
        assert outside.get(server.url()).body == b"abcde"


def test_an_answer_without_a_length_ends_with_its_connection(outside: Outside) -> None:
    with answering(b"HTTP/1.1 200 OK\r\n\r\nabc") as server:
        assert outside.get(server.url()).body == b"abc"


# Where the connection goes ---------------------------------------------------------------------------------


def test_the_name_is_resolved_once_and_the_connection_goes_to_the_address_that_was_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A resolver that changes its mind between check and call (DNS rebinding) is not asked a second time."""
    asked: list[tuple[str, int]] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    systems: list[str] = []
    real = socket.getaddrinfo

    def noted(host: str, *rest: Any, **options: Any) -> Any:
        systems.append(host)
        return real(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", noted)
    with answering(ok()) as server:
        answer = Outside(allow_private=True, resolve=rebinding).get(server.url(host="idp.example"))

    assert answer.status == 200
    assert asked == [("idp.example", server.port)]
    assert set(systems) <= {"127.0.0.1"}, "the socket was given the address, not the name"
    assert f"host: idp.example:{server.port}".encode() in server.requests[0].lower()


def test_an_address_inside_is_not_connected_to() -> None:
    outside = Outside(allow_private=False, resolve=lambda *_: ["127.0.0.1"])
    with answering(ok()) as server:
        url = f"https://idp.example:{server.port}/"
        for call in (lambda: outside.get(url), lambda: outside.post_form(url, {"a": "b"}), lambda: outside.check(url)):
            with pytest.raises(AddressRefused):
                call()

    assert server.connections == 0


def test_a_name_with_one_foot_inside_is_not_connected_to_at_all() -> None:
    with answering(ok()) as server:
        outside = Outside(allow_private=True, resolve=lambda *_: ["127.0.0.1", "::ffff:127.0.0.1"])
        with pytest.raises(AddressRefused):
            outside.get(server.url(host="idp.example"))

    assert server.connections == 0


def test_the_system_resolver_is_the_one_that_is_used(outside: Outside) -> None:
    with answering(ok()) as server:
        assert outside.get(server.url(host="localhost")).status == 200
        with pytest.raises(AddressRefused):
            Outside(allow_private=False).get(f"https://localhost:{server.port}/")


def test_the_next_address_is_tried_where_nobody_listens_at_the_first() -> None:
    with answering(ok()) as server:
        outside = Outside(allow_private=True, resolve=lambda *_: ["127.0.0.9", "127.0.0.1"])

        assert outside.get(server.url(host="idp.example")).status == 200


# What goes wrong -------------------------------------------------------------------------------------------


def fails(resolve: Callable[[str, int], list[str]]) -> Outside:
    return Outside(allow_private=True, resolve=resolve)


def test_a_name_that_does_not_resolve_is_not_sent() -> None:
    def resolve(*_: object) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(NotSent, match="does not resolve"):
        fails(resolve).post_form("https://idp.example/", {})
    with pytest.raises(NotSent, match="no address"):
        fails(lambda *_: []).post_form("https://idp.example/", {})


def test_a_resolver_that_hangs_is_not_waited_for() -> None:
    released = threading.Event()
    begun = time.monotonic()

    with pytest.raises(NotSent, match="not resolved in time"):
        fails(lambda *_: [str(released.wait(5))]).post_form("https://idp.example/", {}, timeout=0.2)

    released.set()
    assert time.monotonic() - begun < 1


def test_a_port_that_nobody_listens_at_is_not_sent(outside: Outside) -> None:
    with pytest.raises(NotSent, match="ConnectionRefusedError"):
        outside.post_form(f"http://127.0.0.1:{closed_port()}/", {"refresh_token": SECRET})


def test_a_host_that_does_not_let_us_connect_is_not_waited_for(outside: Outside) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as waiting:
        for _ in range(4):  # Linux drops what a full queue has no room for, as a silent firewall does
            one = waiting.enter_context(socket.socket())
            one.settimeout(0)
            one.connect_ex(full.getsockname())
        begun = time.monotonic()

        with pytest.raises(NotSent, match="TimeoutError"):
            outside.post_form(f"http://127.0.0.1:{full.getsockname()[1]}/", {"a": "b"}, timeout=0.3)

        assert time.monotonic() - begun < 1


def close_unread(connection: socket.socket) -> None:
    connection.close()


def reset_unread(connection: socket.socket) -> None:
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def close_read(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.close()


def say(text: bytes) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(text)

    return behave


LOST = {
    "closed before it was read": close_unread,
    "reset while it was read": reset_unread,
    "closed once it was read": close_read,
    "no HTTP": say(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "half a status line": say(b"HTTP/1.1 2"),
    "half a head": say(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "half a body": say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
    "no body": say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"),
    "half a chunk": say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nabc"),
    "a chunk of no size": say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabc"),
    "a line that never ends": say(b"HTTP/1.1 200 OK\r\nA: " + b"a" * 70_000),
    "more headers than anybody needs": say(b"HTTP/1.1 200 OK\r\n" + b"A: a\r\n" * 200 + b"\r\n"),
}


@pytest.mark.parametrize("behave", LOST.values(), ids=LOST)
def test_what_goes_wrong_once_it_was_written_leaves_open_whether_it_was_carried_out(
    outside: Outside, behave: Callable[[socket.socket], None]
) -> None:
    with Server(behave) as server, pytest.raises(AnswerLost) as lost:
        outside.post_form(server.url(), {"refresh_token": SECRET})

    assert server.connections == 1, "never sent a second time by itself"
    assert SECRET not in str(lost.value)


def test_an_answer_that_is_too_large_is_not_read_to_its_end(outside: Outside) -> None:
    with answering(ok(b"a" * LARGEST_ANSWER)) as server:
        assert len(outside.get(server.url()).body) == LARGEST_ANSWER
    with answering(ok(b"a" * (LARGEST_ANSWER + 1))) as server, pytest.raises(AnswerTooLarge):
        outside.get(server.url())
    with answering(b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 2_000_000) as server, pytest.raises(AnswerTooLarge):
        outside.get(server.url())
