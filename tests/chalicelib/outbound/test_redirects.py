from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from chalicelib.errors import AddressRefused, AnswerLost
from chalicelib.outbound.http import Outside
from tests.chalicelib.outbound.server import Server, answering, ok, redirect

if TYPE_CHECKING:
    import socket

SECRET = "MARKER-refresh-token"


@pytest.fixture
def outside() -> Outside:
    return Outside(allow_private=True)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_of_a_form_is_an_answer_like_any_other(outside: Outside, status: str) -> None:
    with answering(redirect("/elsewhere", status), ok()) as server:
        answer = outside.post_form(server.url(), {"refresh_token": SECRET})

    assert answer.status == int(status[:3])
    assert server.connections == 1


def test_a_document_is_followed_through_three_redirects_and_not_a_fourth(outside: Outside) -> None:
    with answering(redirect("/2"), redirect("3"), redirect("?4"), ok(b"there")) as server:
        assert outside.get(server.url("/1")).body == b"there"
    with answering(redirect("/again")) as server:
        assert outside.get(server.url()).status == 302

    assert server.connections == 4


INSIDE = {
    "metadata": "http://169.254.169.254/latest/meta-data/",
    "a mapped address": "http://[::ffff:127.0.0.1]/",
    "unspecified": "http://0.0.0.0/",
    "no address at all": "http://[",
    "another scheme": "file:///etc/passwd",
    "user information": "http://a@127.0.0.1/",
}


@pytest.mark.parametrize("location", INSIDE.values(), ids=INSIDE)
def test_where_a_redirect_leads_is_checked_like_where_it_began(outside: Outside, location: str) -> None:
    with answering(redirect(location)) as server, pytest.raises(AddressRefused):
        outside.get(server.url())

    assert server.connections == 1


def test_a_redirect_to_a_name_that_resolves_inside_is_refused() -> None:
    def resolve(host: str, _: int) -> list[str]:
        return ["127.0.0.1"] if host == "idp.example" else ["169.254.169.254"]

    with answering(redirect("http://metadata.example/")) as server, pytest.raises(AddressRefused):
        Outside(allow_private=True, resolve=resolve).get(server.url(host="idp.example"))


def test_headers_of_the_caller_are_told_to_no_other_origin(outside: Outside) -> None:
    with answering(ok()) as other, answering(redirect(other.url("/b")), ok()) as first:
        outside.get(first.url("/a"), headers={"Authorization": SECRET})
    with answering(redirect("/b"), ok()) as same:
        outside.get(same.url("/a"), headers={"Authorization": SECRET})

    assert SECRET.encode() in first.requests[0]
    assert SECRET.encode() not in other.requests[0]
    assert SECRET.encode() in same.requests[1]


def test_the_deadline_is_for_all_redirects_together(outside: Outside) -> None:
    def slow(connection: socket.socket) -> None:
        connection.recv(65_536)
        time.sleep(0.2)
        connection.sendall(redirect("/again"))

    with Server(slow) as server:
        begun = time.monotonic()
        with pytest.raises(AnswerLost):
            outside.get(server.url(), timeout=0.5)

        assert time.monotonic() - begun < 1.0
