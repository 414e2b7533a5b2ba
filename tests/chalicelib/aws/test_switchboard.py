"""Many connections on one thread, to a real server that answers, breaks, drips, is silent or says too much."""

from __future__ import annotations

import errno
import random
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.aws.endpoints import Endpoint
from chalicelib.aws.exchange import written
from chalicelib.aws.line import Reply, Unanswered
from chalicelib.aws.switchboard import Switchboard
from chalicelib.aws.trust import OWN_BUNDLES, Trust
from chalicelib.aws.wire import Wire
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
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    Step = Callable[[socket.socket], bool]

TWICE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}" * 2


@pytest.fixture(autouse=True)
def no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OWN_BUNDLES:
        monkeypatch.delenv(name, raising=False)


@contextmanager
def a_board(endpoint: Endpoint, **options: Any) -> Iterator[Switchboard]:
    with ThreadPoolExecutor(8) as pool:
        board = Switchboard(endpoint, pool, **options)
        try:
            yield board
        finally:
            pool.shutdown()
            board.close()


def posting(body: bytes) -> bytes:
    return written("POST", "/", {"host": "sockets.example"}, body)


def asked(board: Switchboard, bodies: Iterable[bytes]) -> list[tuple[bytes, int | str]]:
    """Ask for all, as many at a time as there is room for; return each with its status, or why there is none."""
    left, came, under_way = iter(bodies), [], 0

    def done(body: bytes, reply: Reply | Unanswered) -> None:
        nonlocal under_way
        under_way -= 1
        came.append((body, reply.status if isinstance(reply, Reply) else str(reply)))

    def turn() -> bool:
        nonlocal under_way
        while under_way < board.room and (body := next(left, None)) is not None:
            under_way += 1
            board.ask(posting(body), lambda reply, body=body: done(body, reply))
        return under_way > 0

    board.run(turn)
    return came


def numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


def waits_for(others: threading.Barrier) -> Step:
    """Answer when as many requests have come."""

    def step(connection: socket.socket) -> bool:
        others.wait()
        return says(200)(connection)

    return step


def test_as_many_requests_are_under_way_as_there_are_connections() -> None:
    together = threading.Barrier(8, timeout=5)

    with Scripted([waits_for(together)] * 24) as server, a_board(server.endpoint, connections=8) as board:
        came = asked(board, numbered(24))

    assert sorted(came) == sorted((body, 200) for body in numbered(24))
    assert server.opened == 8


def test_one_connection_serves_all_in_their_order() -> None:
    with (
        Scripted([says(200 + number) for number in range(5)]) as server,
        a_board(server.endpoint, connections=1) as board,
    ):
        assert asked(board, numbered(5)) == [(b"%d" % number, 200 + number) for number in range(5)]

    assert server.opened == 1


def test_connections_are_kept_from_one_run_to_the_next() -> None:
    with Scripted([says(200)] * 8) as server, a_board(server.endpoint, connections=4) as board:
        asked(board, numbered(4))
        asked(board, numbered(4))

        assert server.opened <= 4


def test_connections_that_were_all_closed_between_two_runs_are_replaced_before_anything_is_sent() -> None:
    """A frozen Lambda wakes so."""
    with Scripted([then_closes(says(200))] * 4 + [says(200)] * 4) as server:
        together = threading.Barrier(4, timeout=5)
        server.script[:4] = [then_closes(lambda connection: together.wait() >= 0 and says(200)(connection))] * 4
        with a_board(server.endpoint, connections=4) as board:
            first = asked(board, numbered(4))
            time.sleep(0.2)
            second = asked(board, numbered(4))

    assert [status for _, status in first + second] == [200] * 8
    assert Counter(body for _, body in server.heard) == dict.fromkeys(numbered(4), 2)
    assert server.opened == 8


def test_a_kept_connection_that_breaks_before_an_answer_costs_one_resend_on_a_fresh_one() -> None:
    with Scripted([says(200), closes, says(201)]) as server, a_board(server.endpoint, connections=1) as board:
        assert asked(board, numbered(2)) == [(b"0", 200), (b"1", 201)]

    assert [body for _, body in server.heard] == [b"0", b"1", b"1"]
    assert server.opened == 2


def test_what_a_fresh_connection_loses_again_is_given_up() -> None:
    with Scripted([says(200), closes, closes, says(201)]) as server, a_board(server.endpoint, connections=1) as board:
        assert asked(board, numbered(3)) == [(b"0", 200), (b"1", "ConnectionClosed"), (b"2", 201)]


def test_what_a_kept_connection_loses_is_sent_again_though_all_others_are_idle() -> None:
    """It is a fresh connection's, so one of those that are kept makes room for it."""
    all_but_one = threading.Barrier(3, timeout=5)

    def together(connection: socket.socket) -> bool:
        all_but_one.wait()
        return says(200)(connection)

    with Scripted([together] * 3 + [closes, says(201)]) as server, a_board(server.endpoint, connections=3) as board:
        asked(board, numbered(3))
        assert asked(board, [b"3"]) == [(b"3", 201)]


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (closes, "ConnectionClosed"),
        (breaks_off, "the answer broke off"),
        (resets, "ConnectionResetError"),
        (is_silent(1), "TimeoutError"),
        (drips(0.05, TWICE), "TimeoutError"),
        (sends(b"SSH-2.0-secret\r\n\r\n"), "the answer is no HTTP"),
    ],
)
def test_a_fresh_connection_that_fails_is_not_tried_again_and_stops_nobody(step: Step, reason: str) -> None:
    with (
        Scripted(by=lambda _, body: step if body == b"bad" else says(200)) as server,
        a_board(server.endpoint, connections=1, read_timeout=0.3) as board,
    ):
        assert sorted(asked(board, [b"bad", b"good"])) == [(b"bad", reason), (b"good", 200)]

    assert [body for _, body in server.heard] == [b"bad", b"good"]


@pytest.mark.parametrize("half", [breaks_off, resets])
def test_half_an_answer_is_none_on_a_kept_connection_too(half: Step) -> None:
    with Scripted([says(200), half, says(200)]) as server, a_board(server.endpoint, connections=1) as board:
        statuses = [status for _, status in asked(board, numbered(3))]

    assert (statuses[0], statuses[2]) == (200, 200)
    assert statuses[1] in ("the answer broke off", "ConnectionResetError")
    assert len(server.heard) == 3


def test_what_comes_behind_an_answer_is_not_the_next_one_s() -> None:
    with Scripted([sends(TWICE), says(201), says(202)]) as server, a_board(server.endpoint, connections=1) as board:
        assert [status for _, status in asked(board, numbered(3))] == [200, 201, 202]

    assert server.opened == 2


def test_what_comes_unasked_between_two_runs_is_not_the_next_one_s() -> None:
    unasked = threading.Event()

    def twice(connection: socket.socket) -> bool:
        says(200)(connection)
        time.sleep(0.1)
        says(200)(connection)
        unasked.set()
        return True

    with Scripted([twice, says(201)]) as server, a_board(server.endpoint, connections=1) as board:
        asked(board, [b"0"])
        assert unasked.wait(5)
        assert asked(board, [b"1"]) == [(b"1", 201)]


def test_slow_calls_leave_their_place_to_others_before_their_time_is_over() -> None:
    began = time.monotonic()
    served_at = 0.0

    def at_once(connection: socket.socket) -> bool:
        nonlocal served_at
        served_at = time.monotonic() - began
        return says(200)(connection)

    with (
        Scripted(by=lambda _, body: is_silent(3) if body == b"slow" else at_once) as server,
        a_board(server.endpoint, connections=4, read_timeout=1.5) as board,
    ):
        came = asked(board, [b"slow"] * 8 + numbered(40))

    assert Counter(status for _, status in came) == {200: 40, "TimeoutError": 8}
    assert served_at < 1.2  # twice 0.2 s for four of them each
    assert time.monotonic() - began < 4


def test_who_waits_gets_a_connection_as_soon_as_those_under_way_are_slow() -> None:
    came: list[Any] = []

    def turn() -> bool:
        if not came:
            came.append(time.monotonic())
            board.ask(posting(b"slow"), came.append)
            board.ask(posting(b"quick"), came.append)  # beyond what there is room for
        return len(came) < 2

    with (
        Scripted(by=lambda _, body: is_silent(2) if body == b"slow" else says(200)) as server,
        a_board(server.endpoint, connections=1, read_timeout=1.5) as board,
    ):
        board.run(turn)

    assert came[1].status == 200


def test_what_a_slow_connection_loses_has_a_fresh_one_though_others_are_idle() -> None:
    """One of them is closed for it: there is no place for more."""

    def slowly(connection: socket.socket) -> bool:
        time.sleep(0.5)
        return closes(connection)

    answers = iter([says(200), slowly, says(201), says(202)])
    with (
        Scripted(by=lambda *_: next(answers)) as server,
        a_board(server.endpoint, connections=1) as board,
    ):
        asked(board, [b"warm"])
        came = asked(board, [b"lost", b"quick"])

    assert came == [(b"quick", 201), (b"lost", 202)]


def test_nobody_there_is_told_to_each_who_asks() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with a_board(Endpoint(is_secure=False, host="127.0.0.1", port=port), connections=3) as board:
        assert asked(board, numbered(7)) == [(body, "ConnectionRefusedError") for body in numbered(7)]


def test_a_request_larger_than_the_system_takes_at_once_is_sent_in_parts() -> None:
    large = random.Random(0).randbytes(6_000_000)  # noqa: S311

    with Scripted(by=lambda *_: says(200)) as server, a_board(server.endpoint, connections=2) as board:
        answered = asked(board, [large, b"small", large])

    # In what order is up to who is opened first; compared by length, for a difference of 6 MB is nothing to read.
    assert sorted((len(body), status) for body, status in answered) == [(5, 200), *[(len(large), 200)] * 2]
    assert [len(body) for _, body in server.heard].count(len(large)) == 2


def test_free_connections_have_the_next_requests_before_anybody_hears_of_the_last_answers() -> None:
    heard_when_told: list[int] = []

    def told(_: object) -> None:
        time.sleep(0.05)  # what was sent meanwhile is heard by then
        heard_when_told.append(len(server.heard))

    def turn() -> bool:
        if not heard_when_told:
            for number in range(board.room):
                board.ask(posting(b"%d" % number), told)
            time.sleep(0.3)  # all answers are there when it listens
        return len(heard_when_told) < 10

    together = threading.Barrier(8, timeout=5)
    with (
        Scripted(by=lambda _, body: waits_for(together) if body == b"warm" else says(200)) as server,
        a_board(server.endpoint, connections=8) as board,
    ):
        asked(board, [b"warm"] * 8)
        server.heard.clear()
        board.run(turn)

    assert heard_when_told == [10] * 10


def test_a_quarter_more_may_be_asked_for_than_there_are_connections_unless_a_call_is_slow() -> None:
    rooms: list[tuple[float, int]] = []
    began = time.monotonic()
    came: list[Any] = []

    def turn() -> bool:
        if not rooms:
            board.ask(posting(b"slow"), came.append)
            board.later(0.1, lambda: None)
            board.later(0.4, lambda: None)
        rooms.append((time.monotonic() - began, board.room))
        return not came

    with (
        Scripted(by=lambda *_: is_silent(2)) as server,
        a_board(server.endpoint, connections=8, read_timeout=0.8) as board,
    ):
        board.run(turn)
        at_rest = board.room

    assert {room for at, room in rooms if at < 0.19} == {10}
    assert {room for at, room in rooms if 0.3 < at < 0.75} == {9}
    assert at_rest == 10


def test_what_cannot_be_sent_at_all_is_told_at_once_but_not_while_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes: list[Any] = []

    def refuses(*_: object) -> None:
        raise OSError(errno.ENOBUFS, "no buffer space")

    def turn() -> bool:
        if not heard_while_asking:
            board.ask(posting(b"0"), outcomes.append)
            heard_while_asking.extend([*outcomes, "nothing"])
        return not outcomes

    heard_while_asking: list[Any] = []
    with Scripted([says(200)]) as server, a_board(server.endpoint, connections=1) as board:
        asked(board, [b"warm"])
        monkeypatch.setattr(Wire, "begin", refuses)
        began = time.monotonic()
        board.run(turn)

    assert heard_while_asking == ["nothing"]
    assert [str(outcome) for outcome in outcomes] == ["OSError"]
    assert time.monotonic() - began < 0.5


def test_what_a_run_leaves_behind_goes_nowhere() -> None:
    came: list[Any] = []

    def breaks_down() -> bool:
        board.ask(posting(b"left"), came.append)
        board.later(0.01, lambda: came.append("later"))
        if board.room and len(server.heard):
            raise RuntimeError
        time.sleep(0.02)
        return True

    with (
        Scripted(by=lambda _, body: is_silent(1) if body == b"left" else says(200)) as server,
        a_board(server.endpoint, connections=2) as board,
    ):
        with pytest.raises(RuntimeError):
            board.run(breaks_down)
        came.clear()
        assert asked(board, [b"next"]) == [(b"next", 200)]

    assert came == []


def test_other_threads_and_the_clock_are_heard_while_it_runs() -> None:
    said: list[str] = []

    with Scripted() as server, a_board(server.endpoint) as board:
        threading.Timer(0.05, lambda: board.soon(lambda: said.append("thread"))).start()
        board.later(0.15, lambda: said.append("late"))
        board.later(0.10, lambda: said.append("early"))
        board.run(lambda: len(said) < 3)

    assert said == ["thread", "early", "late"]


def test_over_tls_it_is_the_same(authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority))
    large = random.Random(0).randbytes(6_000_000)  # noqa: S311
    closed_once = iter([then_closes(says(200))])

    with (
        Scripted(context=serving(authority), by=lambda *_: next(closed_once, says(200))) as server,
        a_board(server.endpoint, connections=3, believing=Trust()) as board,
    ):
        first = asked(board, [*numbered(20), large])
        time.sleep(0.1)
        second = asked(board, numbered(20))

    assert Counter(status for _, status in first + second) == {200: 41}
    assert 3 <= server.opened <= 4


def test_side_by_side_one_of_many_handshakes_widens_the_trust_for_all(
    authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))  # what Python's default context reads

    with (
        Scripted(context=serving(authority), by=lambda *_: says(200)) as server,
        a_board(server.endpoint, connections=8, believing=Trust()) as board,
    ):
        assert [status for _, status in asked(board, numbered(8))] == [200] * 8


def test_no_answer_comes_to_another_request_than_its_own() -> None:
    """Whatever the server does: each request is called back once, and a 200 holds what was posted."""
    chance = random.Random(6)  # noqa: S311

    def answering(_: object, body: bytes) -> Step:
        answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        return chance.choices(
            [
                sends(answer),
                then_closes(sends(answer)),
                sends(b"HTTP/1.1 100 Continue\r\n\r\n" + answer),
                sends(answer + TWICE),
                sends(answer.replace(b"OK", b"OK\r\nconnection: close")),
                drips(0.0, answer),
                closes,
                breaks_off,
                sends(b"garbage\r\n\r\n"),
                is_silent(0.4),
            ],
            weights=[50, 5, 5, 5, 5, 5, 5, 5, 5, 1],
        )[0]

    came: list[tuple[bytes, Reply | Unanswered]] = []
    bodies = iter([b"%d" % number * (number % 9 + 1) for number in range(600)])
    asked_for = 0

    def turn() -> bool:
        nonlocal asked_for
        while asked_for - len(came) < board.room and (body := next(bodies, None)) is not None:
            asked_for += 1
            board.ask(posting(body), lambda reply, body=body: came.append((body, reply)))
        return len(came) < asked_for

    with Scripted(by=answering) as server, a_board(server.endpoint, connections=8, read_timeout=0.2) as board:
        board.run(turn)

    assert len(came) == len({body for body, _ in came}) == 600
    answered = [(body, reply.body) for body, reply in came if isinstance(reply, Reply)]
    assert len(answered) > 300
    assert all(body == read for body, read in answered)
    assert max(Counter(body for _, body in server.heard).values()) == 2
