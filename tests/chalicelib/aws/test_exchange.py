"""Requests written and answers read, byte by byte; the standard library's reader is asked for a second opinion."""

from __future__ import annotations

import gc
import http.client
import io
import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.aws.exchange import LARGEST_BODY, LARGEST_HEAD, Answer, Garbled, written

if TYPE_CHECKING:
    from collections.abc import Iterable

BODIES = st.binary(max_size=200)
VALUES = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=20).map(str.strip)
EXTRAS = st.dictionaries(st.from_regex(r"x-[a-z0-9-]{1,12}", fullmatch=True), VALUES, max_size=4)
COUNTED, CHUNKED, TO_THE_END = "counted", "chunked", "to the end"


@st.composite
def answers(draw: st.DrawFn, framings: Iterable[str] = (COUNTED, CHUNKED)) -> tuple[bytes, int, dict[str, str], bytes]:
    """Draw an answer's bytes, and what they say: status, headers beside those of its length, body."""
    status = draw(st.sampled_from([200, 201, 400, 410, 429, 500, 503, 599]))
    headers, body, framing = draw(EXTRAS), draw(BODIES), draw(st.sampled_from(sorted(framings)))
    interim = b"".join(
        draw(st.lists(st.sampled_from([b"HTTP/1.1 100 \r\n\r\n", b"HTTP/1.1 103\r\nlink: x\r\n\r\n"]), max_size=2))
    )
    lines = [f"HTTP/1.1 {status} {draw(VALUES)}", *(f"{name}: {value}" for name, value in headers.items())]
    if framing == COUNTED:
        lines, sent = [*lines, f"Content-Length: {len(body)}"], body
    elif framing == CHUNKED:
        lines, sent = [*lines, "Transfer-Encoding: chunked"], draw(chunks(body))
    else:
        sent = body
    return interim + "\r\n".join([*lines, "", ""]).encode("latin-1") + sent, status, headers, body


@st.composite
def chunks(draw: st.DrawFn, body: bytes) -> bytes:
    cuts = sorted({0, len(body), *draw(st.lists(st.integers(0, len(body)), max_size=5))})
    extension = draw(st.sampled_from([b"", b";a=1"]))
    sent = [b"%X%b\r\n%b\r\n" % (end - at, extension, body[at:end]) for at, end in itertools.pairwise(cuts)]
    trailers = draw(st.sampled_from([b"", b"x-trailer: 1\r\n"]))
    return b"".join(sent) + b"0%b\r\n%b\r\n" % (extension, trailers)


def pieces(content: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = sorted({0, len(content), *(cut % (len(content) + 1) for cut in cuts)})
    return [content[at:end] for at, end in itertools.pairwise(places)]


def fed(*content: bytes) -> tuple[Answer, list[bool]]:
    answer = Answer()
    return answer, [answer.feed(piece) for piece in content]


CUTS = st.lists(st.integers(0, 10_000), max_size=20)


# Requests --------------------------------------------------------------------------------------------------


def test_a_request_is_its_line_its_headers_its_length_and_its_body() -> None:
    assert written("POST", "/a%20b", {"host": "t.example", "x-amz-date": "now"}, b"{}") == (
        b"POST /a%20b HTTP/1.1\r\nhost: t.example\r\nx-amz-date: now\r\n"
        b"accept-encoding: identity\r\ncontent-length: 2\r\n\r\n{}"
    )


@pytest.mark.parametrize("text", ["a\r\nb: c", "a\nb", "a\rb", "a\0b", "\x7f", "ä", "\u2028"])
@pytest.mark.parametrize("place", ["path", "name", "value"])
def test_what_would_begin_another_header_or_another_request_is_not_sent(text: str, place: str) -> None:
    said = {"path": "/", "name": "x", "value": "y", place: text}

    with pytest.raises(ValueError, match="printable ASCII"):
        written("POST", said["path"], {said["name"]: said["value"]}, b"")


def test_a_path_with_a_space_is_not_sent() -> None:
    with pytest.raises(ValueError, match="no space"):
        written("POST", "/ HTTP/1.1", {}, b"")


# Answers ---------------------------------------------------------------------------------------------------


@given(answers(), CUTS)
def test_an_answer_is_the_same_in_whatever_pieces_it_comes(said: Any, cuts: list[int]) -> None:
    content, status, headers, body = said

    answer, whole = fed(*pieces(content, cuts))

    assert whole == [False] * (len(whole) - 1) + [True]
    assert (answer.status, answer.body, answer.is_kept) == (status, body, True)
    assert {name: answer.headers[name] for name in headers} == headers


@given(answers([TO_THE_END]), CUTS)
def test_an_answer_that_does_not_say_how_long_it_is_ends_with_its_connection(said: Any, cuts: list[int]) -> None:
    content, status, _, body = said

    answer, whole = fed(*pieces(content, cuts))
    answer.end()

    assert not any(whole)
    assert (answer.status, answer.body, answer.is_kept) == (status, body, False)


@given(answers(), st.data())
def test_an_answer_that_broke_off_is_never_whole(said: Any, data: st.DataObject) -> None:
    content = said[0][: data.draw(st.integers(1, len(said[0]) - 1))]

    answer, whole = fed(content)

    assert whole == [False]
    with pytest.raises(Garbled, match="broke off"):
        answer.end()


@given(answers(), st.binary(min_size=1, max_size=20), CUTS)
def test_a_connection_with_anything_behind_its_answer_is_not_kept(said: Any, unasked: bytes, cuts: list[int]) -> None:
    content, status, _, body = said
    answer = Answer()

    *_, last = pieces(content, cuts)
    for piece in pieces(content, cuts)[:-1]:
        assert not answer.feed(piece)

    assert answer.feed(last + unasked)
    assert (answer.status, answer.body, answer.is_kept) == (status, body, False)


@given(st.binary(min_size=1, max_size=100), CUTS)
def test_what_is_no_http_is_garbled_at_its_first_byte(garbage: bytes, cuts: list[int]) -> None:
    with pytest.raises(Garbled):
        fed(*pieces(b"\x15" + garbage, cuts))


@given(answers(), st.data())
@settings(max_examples=400)
def test_where_an_answer_is_changed_it_is_garbled_or_read_as_the_standard_library_reads_it(
    said: Any, data: st.DataObject
) -> None:
    content = bytearray(said[0])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from([b"", b"\r", b"\n", b"\r\n", b"\r\n ", b" :", b":", b"\0", b"0", b"9", b"a", b"\xe4"])
        )
    answer = Answer()

    try:
        is_whole = answer.feed(bytes(content)) if content else False
    except Garbled:
        return

    if is_whole:
        assert (answer.status, answer.body) == second_opinion(bytes(content))


def second_opinion(content: bytes) -> tuple[int, bytes]:
    class Socket:
        def makefile(self, _mode: str) -> io.BytesIO:
            return io.BytesIO(content)

    response = http.client.HTTPResponse(Socket(), method="POST")  # type: ignore[arg-type]
    response.begin()
    while 100 < response.status < 200:  # it skips 100 alone
        rest = response.fp.read()
        content, response = rest, http.client.HTTPResponse(Socket(), method="POST")  # type: ignore[arg-type]
        response.begin()
    return response.status, response.read()


@pytest.mark.parametrize(
    "head",
    [
        "HTTP/2 200",
        "HTTP/1.2 200 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1  200 OK",
        "HTTP/1.1 099 OK",
        "HTTP/1.1 2\u00b20 OK",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2",
        "HTTP/1.1 200 OK\r\ncontent-length: +1",
        "HTTP/1.1 200 OK\r\ncontent-length: 1_0",
        "HTTP/1.1 200 OK\r\ncontent-length: ",
        "HTTP/1.1 200 OK\r\ncontent-length: \u00b2",
        f"HTTP/1.1 200 OK\r\ncontent-length: {LARGEST_BODY + 1}",
        f"HTTP/1.1 200 OK\r\ncontent-length: {'9' * 5_000}",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "HTTP/1.1 200 OK\r\ncontent-length : 2",
        "HTTP/1.1 200 OK\r\nx: 1\r\n content-length: 2",
        "HTTP/1.1 200 OK\r\nx: 1\ncontent-length: 2",
        "HTTP/1.1 200 OK\r\nx: 1\rcontent-length: 2",
        "HTTP/1.1 200 OK\r\nx: 1\0\r\ncontent-length: 2",
        "HTTP/1.1 200 OK\r\n: 1\r\ncontent-length: 2",
        "HTTP/1.1 200 OK\r\nx\r\ncontent-length: 2",
    ],
)
def test_a_head_that_could_be_read_in_two_ways_is_garbled(head: str) -> None:
    with pytest.raises(Garbled):
        fed(f"{head}\r\n\r\n{{}}".encode("latin-1"))


@pytest.mark.parametrize(
    "body",
    [
        b"\r\n",
        b"2 \r\n",
        b"0x2\r\n{}\r\n",
        b"-2\r\n",
        b"2\r\n{}0\r\n",
        b"2\n{}\n0\n\n\r\n",
        b"fffffffff\r\n",
        b"f" * 2_000,
    ],
)
def test_a_chunk_that_is_not_as_it_says_is_garbled(body: bytes) -> None:
    with pytest.raises(Garbled):
        fed(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + body)


@pytest.mark.parametrize(
    ("head", "is_kept"),
    [
        (b"HTTP/1.1 200 OK", True),
        (b"HTTP/1.1 200 OK\r\nconnection: keep-alive", True),
        (b"HTTP/1.1 200 OK\r\nConnection: Close", False),
        (b"HTTP/1.1 200 OK\r\nconnection: keep-alive, close", False),
        (b"HTTP/1.1 200 OK\r\nconnection: keep-alive\r\nconnection: close", False),
        (b"HTTP/1.0 200 OK\r\nconnection: keep-alive", False),
    ],
)
def test_a_connection_is_kept_unless_the_answer_says_otherwise(head: bytes, *, is_kept: bool) -> None:
    answer, whole = fed(head + b"\r\ncontent-length: 2\r\n\r\n{}")

    assert whole == [True]
    assert answer.is_kept is is_kept


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_is_whole_with_its_head(status: int) -> None:
    answer, whole = fed(b"HTTP/1.1 %d Nothing\r\ncontent-length: 7\r\n\r\n" % status)

    assert whole == [True]
    assert (answer.status, answer.body, answer.is_kept) == (status, b"", True)


def test_a_head_a_body_and_a_line_have_their_limits() -> None:
    head = b"HTTP/1.1 200 OK\r\n"
    too_much = [
        head + b"x: " + b"y" * LARGEST_HEAD,
        head + b"x: " + b"y" * LARGEST_HEAD + b"\r\n\r\n",
        head + b"transfer-encoding: chunked\r\n\r\n" + b"%x\r\n" % (LARGEST_BODY + 1),
        head + b"transfer-encoding: chunked\r\n\r\n0\r\nx: " + b"y" * 2_000,
        head + b"\r\n" + b"x" * (LARGEST_BODY + 1),
    ]

    for content in too_much:
        with pytest.raises(Garbled, match="too l"):
            fed(content)


def test_many_small_pieces_are_read_without_going_deep() -> None:
    interim, chunk = b"HTTP/1.1 100 Continue\r\n\r\n", b"1\r\nx\r\n"

    answer, whole = fed(
        interim * 5_000 + b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunk * 5_000 + b"0\r\n\r\n"
    )

    assert whole == [True]
    assert answer.body == b"x" * 5_000


def test_an_answer_leaves_nothing_to_the_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        for _ in range(100):
            fed(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        assert [one for one in gc.get_objects() if isinstance(one, Answer)] == []
    finally:
        gc.enable()
