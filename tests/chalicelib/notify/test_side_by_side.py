"""Many talks on one thread, to a real server that answers as `@connections` does."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.aws.endpoints import surroundings
from chalicelib.aws.sockets import Sockets
from chalicelib.aws.switchboard import Switchboard
from chalicelib.notify.post import Overloaded
from chalicelib.notify.side_by_side import SideBySide
from chalicelib.notify.talks import Aside, End, Say, Wait
from chalicelib.notify.tell import GoneAway, NotDelivered
from devtool import environment
from tests.chalicelib.aws.scripted import Scripted, is_silent, says

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from chalicelib.notify.talks import Step, Talk

    Answer = Callable[[socket.socket], bool]


@contextmanager
def carried(answer: Callable[[dict[str, str], bytes], Answer], **options: Any) -> Iterator[tuple[SideBySide, Scripted]]:
    around = surroundings(environment.fixed_credentials())
    assert around is not None
    with Scripted(by=answer) as server, ThreadPoolExecutor(8) as pool:
        talks = SideBySide(Sockets(server.endpoint, around), Switchboard(server.endpoint, pool, **options), pool)
        try:
            yield talks, server
        finally:
            pool.shutdown()
            talks.close()


def well(*_: object) -> Answer:
    return says(200)


def saying(*steps: Step, outcomes: list[object] | None = None) -> Talk:
    """Take steps one after the other, and write down what came of each."""
    for step in steps:
        try:
            came: object = yield step
        except (GoneAway, NotDelivered) as error:
            came = type(error)
        if outcomes is not None:
            outcomes.append(came)


def asked_for(server: Scripted) -> list[tuple[str, bytes]]:
    return [(headers[":line"].removesuffix(" HTTP/1.1"), body) for headers, body in server.heard]


def test_the_steps_of_a_talk_are_taken_in_their_order_and_say_what_came_of_them() -> None:
    outcomes: list[object] = []

    with carried(well) as (talks, server):
        talks([saying(Say("a=", b"1"), Aside(lambda: 7), Wait(0.01), Say("a=", b"2"), End("a="), outcomes=outcomes)])

    assert outcomes == [None, 7, None, None, None]
    assert asked_for(server) == [
        ("POST /@connections/a%3D", b"1"),
        ("POST /@connections/a%3D", b"2"),
        ("DELETE /@connections/a%3D", b""),
    ]
    assert "Signature=" in server.heard[0][0]["authorization"]


def test_each_connection_hears_its_messages_in_their_order() -> None:
    with carried(well, connections=5) as (talks, server):
        talks([saying(*(Say(name, b"%d" % number) for number in range(10))) for name in "abcdefgh"])

    for name in "abcdefgh":
        heard = [body for line, body in asked_for(server) if line.endswith(f"/{name}")]
        assert heard == [b"%d" % number for number in range(10)]


@pytest.mark.parametrize(("status", "error"), [(410, GoneAway), (403, NotDelivered), (413, NotDelivered)])
def test_a_refusal_is_thrown_into_its_talk_alone(status: int, error: type[Exception]) -> None:
    outcomes: list[object] = []
    others: list[object] = []

    with carried(lambda headers, _: says(status if "/bad" in headers[":line"] else 200)) as (talks, server):
        talks([saying(Say("bad", b"1"), outcomes=outcomes), saying(Say("good", b"1"), outcomes=others)])

    assert (outcomes, others) == ([error], [None])
    assert len(server.heard) == 2


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_message_for_which_there_is_no_capacity_is_repeated_once(status: int) -> None:
    outcomes: list[object] = []
    answers = iter([status, 200, status, status])

    with carried(lambda *_: says(next(answers))) as (talks, server):
        talks([saying(Say("a", b"1"), Say("a", b"2"), outcomes=outcomes)])

    assert outcomes == [None, Overloaded]
    assert [body for _, body in server.heard] == [b"1", b"1", b"2", b"2"]


def test_closing_is_not_repeated() -> None:
    outcomes: list[object] = []

    with carried(lambda *_: says(500)) as (talks, server):
        talks([saying(End("a"), outcomes=outcomes)])

    assert outcomes == [Overloaded]
    assert len(server.heard) == 1


@pytest.mark.parametrize(("connections", "ahead"), [(2, 0), (8, 2)])
def test_a_talk_begins_when_its_turn_comes(connections: int, ahead: int) -> None:
    """What it decides as it begins is decided when it may speak: behind slow clients, minutes after the first."""
    begun: list[int] = []
    heard_when_begun: list[int] = []

    def talk(number: int) -> Talk:
        begun.append(number)
        heard_when_begun.append(len(server.heard))
        yield Say("a", b"%d" % number)

    with carried(well, connections=connections) as (talks, server):
        talks(talk(number) for number in range(40))

    assert begun == list(range(40))
    assert all(number - heard <= connections + ahead for number, heard in enumerate(heard_when_begun))


def test_who_waits_leaves_its_place_to_others() -> None:
    began = time.monotonic()

    with carried(well, connections=1) as (talks, server):
        talks([*(saying(Wait(0.5), Say("waits", b"")) for _ in range(10)), saying(Say("here", b""))])

    assert asked_for(server)[0] == ("POST /@connections/here", b"")
    assert len(server.heard) == 11
    assert time.monotonic() - began < 3


def test_what_is_asked_aside_holds_up_nobody_and_throws_its_error_in() -> None:
    served = threading.Event()
    outcomes: list[object] = []

    def when_the_other_was_served() -> None:
        assert served.wait(5)
        raise NotDelivered

    def answer(*_: object) -> Answer:
        served.set()
        return says(200)

    with carried(answer, connections=2) as (talks, _):
        talks([saying(Aside(when_the_other_was_served), outcomes=outcomes), saying(Say("a", b""))])

    assert outcomes == [NotDelivered]


def test_an_error_that_a_talk_did_not_catch_stops_nobody_else_and_is_raised_at_the_end() -> None:
    def broken() -> Talk:
        yield Say("broken", b"")
        raise ZeroDivisionError

    with carried(well, connections=1) as (talks, server):
        with pytest.raises(ZeroDivisionError):
            talks([broken(), *(saying(Say("a", b"")) for _ in range(5))])
        talks([saying(Say("next", b""))])

    assert Counter(line for line, _ in asked_for(server)) == {
        "POST /@connections/broken": 1,
        "POST /@connections/a": 5,
        "POST /@connections/next": 1,
    }


def test_what_comes_back_behind_the_end_of_its_round_goes_nowhere() -> None:
    may_end = threading.Event()
    outcomes: list[object] = []

    def begins() -> Iterator[Talk]:
        yield saying(Aside(lambda: may_end.wait(5)), outcomes=outcomes)
        raise ZeroDivisionError

    with carried(well) as (talks, _):
        with pytest.raises(ZeroDivisionError):
            talks(begins())
        may_end.set()
        time.sleep(0.1)
        talks([saying(Say("next", b""))])

    assert outcomes == []


def test_ten_clients_that_take_nothing_cost_the_other_990_none_of_their_two_seconds() -> None:
    """P9. Each of the ten costs a connection, until it is slow; then another one takes its place."""
    served: list[float] = []

    def talk(number: int) -> Talk:
        name = "slow" if number % 100 == 0 else "here"
        try:
            yield Say(name, b"")
            served.append(time.monotonic())
        except NotDelivered:
            slow.append(time.monotonic())

    def answer(headers: dict[str, str], _: bytes) -> Answer:
        return is_silent(4) if "/slow" in headers[":line"] else says(200)

    slow: list[float] = []
    with carried(answer) as (talks, _):
        talks(talk(number) for number in range(1_000))

    assert (len(served), len(slow)) == (990, 10)
    assert max(served) < min(slow)
