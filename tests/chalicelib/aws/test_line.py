from __future__ import annotations

import gc
import re
import socket
import threading
import time
import warnings
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import botocore
import pytest

from chalicelib.aws.endpoints import Endpoint
from chalicelib.aws.exchange import written
from chalicelib.aws.line import Line, Unanswered
from chalicelib.aws.trust import OWN_BUNDLES, ROOTS, Trust
from tests.chalicelib.aws.scripted import (
    Scripted,
    breaks_off,
    closes,
    drips,
    is_silent,
    resets,
    says,
    sends,
    serving,
    then_closes,
)

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

ASKED = written("POST", "/", {"host": "table.example", "content-type": "application/json"}, b'{"a": 1}')


def test_one_connection_serves_all_requests() -> None:
    with Scripted([says(200, {"n": n}) for n in range(3)]) as server, closing(Line(server.endpoint)) as line:
        replies = [line.exchange(ASKED) for _ in range(3)]

    assert [(reply.status, reply.body) for reply in replies] == [(200, b'{"n": %d}' % n) for n in range(3)]
    assert server.opened == 1
    assert server.heard[0] == (
        {
            ":line": "POST / HTTP/1.1",
            "host": "table.example",
            "content-type": "application/json",
            "content-length": "8",
            "accept-encoding": "identity",
        },
        b'{"a": 1}',
    )


def test_a_kept_connection_that_was_closed_meanwhile_is_replaced_before_anything_is_sent() -> None:
    with Scripted([then_closes(says(200)), says(200)]) as server, closing(Line(server.endpoint)) as line:
        line.exchange(ASKED)
        assert server.closed.wait(5)
        assert line.exchange(ASKED).status == 200

    assert (server.opened, len(server.heard)) == (2, 2)


def test_a_kept_connection_that_breaks_before_an_answer_is_replaced_once_and_the_request_sent_again() -> None:
    with Scripted([says(200), closes, says(201)]) as server, closing(Line(server.endpoint)) as line:
        line.exchange(ASKED)
        assert line.exchange(ASKED).status == 201

    assert (server.opened, len(server.heard)) == (2, 3)


def test_a_kept_connection_that_breaks_and_whose_successor_breaks_too_is_given_up() -> None:
    with Scripted([says(200), closes, closes, says(200)]) as server, closing(Line(server.endpoint)) as line:
        line.exchange(ASKED)
        with pytest.raises(Unanswered):
            line.exchange(ASKED)
        assert line.exchange(ASKED).status == 200

    assert len(server.heard) == 4


@pytest.mark.parametrize("step", [closes, breaks_off, resets])
def test_a_fresh_connection_that_breaks_is_not_tried_again(step: object) -> None:
    with Scripted([step]) as server, pytest.raises(Unanswered):  # type: ignore[list-item]
        Line(server.endpoint).exchange(ASKED)

    assert len(server.heard) == 1


@pytest.mark.parametrize("half", [breaks_off, resets])
def test_half_an_answer_on_a_kept_connection_is_none_and_is_not_tried_again_here(
    half: Callable[[socket.socket], bool],
) -> None:
    with Scripted([says(200), half, says(200)]) as server, closing(Line(server.endpoint)) as line:
        line.exchange(ASKED)
        with pytest.raises(Unanswered):
            line.exchange(ASKED)

    assert len(server.heard) == 2


def test_silence_ends_with_the_time_out_and_its_connection_is_not_used_again() -> None:
    with (
        Scripted([says(200), is_silent(2), says(204)]) as server,
        closing(Line(server.endpoint, read_timeout=0.2)) as line,
    ):
        line.exchange(ASKED)
        with pytest.raises(Unanswered, match="Timeout"):
            line.exchange(ASKED)
        assert line.exchange(ASKED).status == 204

    assert server.opened == 2


def test_an_answer_that_drips_ends_with_the_time_out_too() -> None:
    whole = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
    began = time.monotonic()

    with (
        Scripted([drips(0.05, whole)]) as server,
        closing(Line(server.endpoint, read_timeout=0.3)) as line,
        pytest.raises(Unanswered, match="Timeout"),
    ):
        line.exchange(ASKED)

    assert time.monotonic() - began < 1


def test_an_answer_that_comes_late_is_not_the_next_one_s() -> None:
    def late(connection: socket.socket) -> bool:
        time.sleep(0.3)
        return says(500)(connection)

    with Scripted([late, says(201)]) as server, closing(Line(server.endpoint, read_timeout=0.1)) as line:
        with pytest.raises(Unanswered, match="Timeout"):
            line.exchange(ASKED)
        time.sleep(0.4)
        assert line.exchange(ASKED).status == 201


def test_what_is_done_meanwhile_is_done_before_the_answer_is_there() -> None:
    is_done = threading.Event()

    def waits(connection: socket.socket) -> bool:
        assert is_done.wait(5)
        return says(200)(connection)

    with Scripted([waits]) as server, closing(Line(server.endpoint)) as line:
        assert line.exchange(ASKED, meanwhile=is_done.set).status == 200


def test_what_is_sent_again_has_what_is_done_meanwhile_done_again() -> None:
    done: list[int] = []

    with Scripted([says(200), closes, says(201)]) as server, closing(Line(server.endpoint)) as line:
        line.exchange(ASKED)
        reply = line.exchange(ASKED, meanwhile=lambda: done.append(len(server.heard)))

    assert (reply.status, len(done)) == (201, 2)


def test_what_is_not_sent_has_nothing_done_meanwhile() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        endpoint = Endpoint(is_secure=False, host="127.0.0.1", port=nobody.getsockname()[1])
    done: list[int] = []

    with pytest.raises(Unanswered):
        Line(endpoint).exchange(ASKED, meanwhile=lambda: done.append(1))

    assert done == []


def test_the_answer_to_a_request_whose_sender_failed_meanwhile_is_not_the_next_one_s() -> None:
    def fails() -> None:
        while len(server.script) > 1:
            time.sleep(0.001)  # it is heard, and its answer is under way
        raise LookupError

    with Scripted([says(200), says(500), says(201)]) as server, closing(Line(server.endpoint)) as line:
        line.exchange(ASKED)
        with pytest.raises(LookupError):
            line.exchange(ASKED, meanwhile=fails)
        assert line.exchange(ASKED).status == 201

    assert server.opened == 2


def test_what_comes_behind_an_answer_is_not_the_next_one_s() -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"

    with (
        Scripted([sends(answer + answer), sends(answer), says(201)]) as server,
        closing(Line(server.endpoint)) as line,
    ):
        assert line.exchange(ASKED).status == 200
        assert line.exchange(ASKED).status == 200
        assert line.exchange(ASKED).status == 201

    assert server.opened == 2


def test_what_comes_unasked_is_not_the_next_one_s() -> None:
    answer, unasked = says(200), threading.Event()

    def twice(connection: socket.socket) -> bool:
        answer(connection)
        time.sleep(0.1)
        answer(connection)
        unasked.set()
        return True

    with Scripted([twice, says(201)]) as server, closing(Line(server.endpoint)) as line:
        line.exchange(ASKED)
        assert unasked.wait(5)
        assert line.exchange(ASKED).status == 201

    assert server.opened == 2


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}", b"{}"),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", b"{}"),
        (b"HTTP/1.0 204 Nothing\r\n\r\n", b""),
    ],
)
def test_a_connection_that_will_be_closed_is_not_used_again(answer: bytes, body: bytes) -> None:
    with (
        Scripted([then_closes(sends(answer)), says(201)]) as server,
        closing(Line(server.endpoint)) as line,
    ):
        assert line.exchange(ASKED).body == body
        assert line.exchange(ASKED).status == 201

    assert server.opened == 2


def test_an_answer_in_chunks_behind_an_interim_one_is_read() -> None:
    head = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"

    with (
        Scripted([sends(head + b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"), says(201)]) as server,
        closing(Line(server.endpoint)) as line,
    ):
        reply = line.exchange(ASKED)
        assert (reply.status, reply.body) == (200, b"{}")
        assert line.exchange(ASKED).status == 201

    assert server.opened == 1


def test_a_line_that_is_collected_in_a_circle_closes_its_connection_and_nobody_complains() -> None:
    with Scripted([says(200)]) as server:
        circle: dict[str, object] = {"line": (line := Line(server.endpoint))}
        circle["itself"] = circle
        line.exchange(ASKED)

        del line, circle
        with warnings.catch_warnings(record=True) as complaints:
            warnings.simplefilter("always")
            gc.collect()

        assert server.closed.wait(5)
    assert [str(one.message) for one in complaints] == []


def test_a_connection_that_was_opened_ahead_is_the_one_that_is_used() -> None:
    with Scripted([says(200), says(201)]) as server, closing(Line(server.endpoint)) as line:
        line.open()
        line.open()

        assert [line.exchange(ASKED).status, line.exchange(ASKED).status] == [200, 201]

    assert server.opened == 1


def test_a_connection_that_was_opened_ahead_and_closed_meanwhile_is_replaced() -> None:
    with Scripted([says(200)]) as server, closing(Line(server.endpoint)) as line:
        line.open()
        line._kept[0]._socket.shutdown(socket.SHUT_RDWR)

        assert line.exchange(ASKED).status == 200

    assert server.opened == 2


def test_what_cannot_be_opened_ahead_says_so_and_is_opened_when_it_is_asked() -> None:
    with closing(Line(Endpoint(is_secure=False, host="127.0.0.1", port=9))) as line:
        with pytest.raises(Unanswered, match="ConnectionRefusedError"):
            line.open()
        with pytest.raises(Unanswered, match="ConnectionRefusedError"):
            line.exchange(ASKED)


def test_an_answer_that_is_none_says_what_is_wrong_and_not_what_came() -> None:
    with (
        Scripted([sends(b"SSH-2.0-secret\r\n\r\n")]) as server,
        closing(Line(server.endpoint)) as line,
        pytest.raises(Unanswered, match=r"^the answer is no HTTP$"),
    ):
        line.exchange(ASKED)


def test_what_is_left_of_the_caller_s_time_counts_where_it_is_less() -> None:
    with Scripted([is_silent(2)]) as server, pytest.raises(Unanswered, match="Timeout"):
        Line(server.endpoint, read_timeout=60).exchange(ASKED, within=0.2)


def test_where_nobody_listens_nothing_is_answered() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(Unanswered, match="ConnectionRefused"):
        Line(Endpoint(is_secure=False, host="127.0.0.1", port=port)).exchange(ASKED)


def in_a_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_threads_that_ask_at_the_same_time_have_a_connection_each() -> None:
    everybody = threading.Barrier(3, timeout=5)

    def answers_when_all_have_asked(connection: socket.socket) -> bool:
        everybody.wait()
        return says(200)(connection)

    with Scripted([answers_when_all_have_asked] * 6) as server, closing(Line(server.endpoint)) as line:
        for _ in range(2):
            for thread in [in_a_thread(lambda: line.exchange(ASKED)) for _ in range(3)]:
                thread.join(5)

    assert (server.opened, len(server.heard)) == (3, 6)


def test_threads_that_ask_one_after_the_other_share_a_connection() -> None:
    with Scripted([says(200), says(201), says(202)]) as server, closing(Line(server.endpoint)) as line:
        line.open()
        for _ in range(3):
            in_a_thread(lambda: line.exchange(ASKED)).join(5)

    assert (server.opened, len(server.heard)) == (1, 3)


def test_of_several_kept_connections_those_that_were_closed_meanwhile_are_passed_over() -> None:
    both = threading.Barrier(2, timeout=5)

    def answers_both(connection: socket.socket) -> bool:
        both.wait()
        return says(200)(connection)

    with Scripted([answers_both, answers_both, says(201)]) as server, closing(Line(server.endpoint)) as line:
        for thread in [in_a_thread(lambda: line.exchange(ASKED)) for _ in range(2)]:
            thread.join(5)
        line._kept[-1]._socket.shutdown(socket.SHUT_RDWR)

        assert line.exchange(ASKED).status == 201
        assert (server.opened, len(line._kept)) == (2, 1)


# TLS -----------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OWN_BUNDLES:
        monkeypatch.delenv(name, raising=False)


def test_a_certificate_that_nobody_vouches_for_is_refused(authority: Path) -> None:
    with Scripted([says(200)], serving(authority)) as server, pytest.raises(Unanswered, match="CertVerification"):
        Line(server.endpoint, believing=Trust()).exchange(ASKED)

    assert server.heard == []


def test_an_end_that_tls_does_not_vouch_for_ends_no_answer(authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority))
    to_the_end = sends(b"HTTP/1.1 200 OK\r\n\r\n{}")

    with (
        Scripted([then_closes(to_the_end)], serving(authority)) as server,
        closing(Line(server.endpoint, believing=Trust())) as line,
        pytest.raises(Unanswered, match="EOF"),
    ):
        line.exchange(ASKED)


@pytest.mark.parametrize("setting", OWN_BUNDLES)
def test_an_operator_s_own_bundle_is_believed(authority: Path, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    monkeypatch.setenv(setting, str(authority))

    server = Scripted([says(200)], serving(authority))
    with server, closing(Line(server.endpoint, believing=Trust())) as line:
        assert line.exchange(ASKED).status == 200


def test_where_amazon_s_roots_do_not_reach_the_system_s_are_read_after_all(
    authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))  # what Python's default context reads
    believing = Trust()

    with (
        Scripted([says(200), says(200)], serving(authority)) as server,
        closing(Line(server.endpoint, believing=believing)) as line,
    ):
        assert [line.exchange(ASKED).status, line.exchange(ASKED).status] == [200, 200]

    assert server.opened == 2  # the handshake that failed, and the one that both requests used
    assert not believing.widen()


def test_where_somebody_else_has_widened_the_trust_meanwhile_it_is_tried_by_that(
    authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))

    class Widened(Trust):
        def context(self) -> ssl.SSLContext:
            believed = super().context()
            self.widen()
            return believed

    with (
        Scripted([says(200)], serving(authority)) as server,
        closing(Line(server.endpoint, believing=Widened())) as line,
    ):
        assert line.exchange(ASKED).status == 200


def test_amazon_s_roots_are_among_those_that_botocore_believes() -> None:
    kept = certificates(Path(ROOTS))

    assert len(kept) == 5
    assert kept <= certificates(Path(botocore.__file__).with_name("cacert.pem"))


def certificates(file: Path) -> set[str]:
    """Return a bundle's certificates as text: two of Amazon's have serial number 0, which `cryptography` warns of."""
    return set(re.findall("-----BEGIN CERTIFICATE-----[^-]+", file.read_text(encoding="utf-8")))
