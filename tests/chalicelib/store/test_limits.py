"""What a provider bears is never exceeded, however many workers ask."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from chalicelib.errors import NoTurn
from chalicelib.model.clock import SECOND
from chalicelib.store.limits import PERMIT, Limits
from tests.chalicelib.examples import NOW, Clock
from tests.chalicelib.model.test_renewal import provider

if TYPE_CHECKING:
    from chalicelib.store.table import Table


def of(table: Table, clock: Clock) -> Limits:
    return Limits(table, now=clock, pause=clock.pass_seconds, chance=lambda: 0.0)


def test_turns_lie_apart_and_a_worker_waits_for_its_own(table: Table, clock: Clock) -> None:
    limits, asked = of(table, clock), provider(per_second=5, at_once=10)
    moments = []

    for number in range(6):
        limits.enter(asked, f"job-{number}")
        moments.append(clock.now)

    assert [(moment - NOW) // 1_000 for moment in moments] == [0, 250, 500, 750, 1_000, 1_250]


def test_a_turn_that_is_too_far_away_is_refused_with_when_to_ask_again(table: Table, clock: Clock) -> None:
    asked = provider(per_second=1, at_once=10)
    waiting = Limits(table, now=clock, pause=lambda _: None, chance=lambda: 0.5)
    for number in range(3):
        waiting.enter(asked, f"job-{number}")

    with pytest.raises(NoTurn) as refused:
        waiting.enter(asked, "job-9")

    assert refused.value.retry_after == 3
    clock.pass_seconds(5)
    assert waiting.enter(asked, "job-9")


def test_who_oversleeps_its_turn_takes_another(table: Table, clock: Clock) -> None:
    asked, slept = provider(per_second=1, at_once=10), []

    def oversleep(seconds: float) -> None:
        slept.append(seconds)
        clock.pass_seconds(seconds + (0.2 if len(slept) == 1 else 0.0))

    limits = Limits(table, now=clock, pause=oversleep, chance=lambda: 0.0)
    limits.enter(asked, "job-1")
    limits.enter(asked, "job-2")

    assert len(slept) == 2
    assert clock.now - NOW == 2_500_000


def test_places_are_given_up_by_leaving_and_by_time(table: Table, clock: Clock) -> None:
    limits, asked = of(table, clock), provider(per_second=1_000, at_once=2)
    leave = limits.enter(asked, "job-1")
    limits.enter(asked, "job-2")
    with pytest.raises(NoTurn):
        limits.enter(asked, "job-3")

    leave()
    limits.enter(asked, "job-3")
    with pytest.raises(NoTurn):
        limits.enter(asked, "job-4")

    clock.now += PERMIT + 1
    assert limits.enter(asked, "job-4")
    leave()  # again, and late: the place is another's
    limits.enter(asked, "job-5")
    with pytest.raises(NoTurn):
        limits.enter(asked, "job-6")


def test_who_is_refused_a_turn_holds_no_place(table: Table, clock: Clock) -> None:
    waiting = Limits(table, now=clock, pause=lambda _: None, chance=lambda: 0.0)
    asked = provider(per_second=1, at_once=5)
    for number in range(3):
        waiting.enter(asked, f"job-{number}")

    for _ in range(5):
        with pytest.raises(NoTurn):
            waiting.enter(asked, "job-9")

    clock.pass_seconds(10)
    assert waiting.enter(asked, "job-10")


def test_providers_have_limits_of_their_own(table: Table, clock: Clock) -> None:
    limits = of(table, clock)

    limits.enter(provider(name="google", at_once=1), "job-1")
    limits.enter(provider(name="slack", at_once=1), "job-2")


@pytest.mark.slow
def test_a_provider_that_bears_five_a_second_is_never_asked_more_by_three_workers(table: Table) -> None:
    asked = provider(per_second=5, at_once=2)
    calls: list[float] = []
    inside, most, lock = 0, 0, threading.Lock()

    def worker(name: int) -> None:
        nonlocal inside, most
        limits = Limits(table, now=lambda: time.time_ns() // 1_000, pause=time.sleep, chance=random.random)
        until = time.monotonic() + 6
        while time.monotonic() < until:
            try:
                leave = limits.enter(asked, f"worker-{name}-{time.monotonic()}")
            except NoTurn:
                time.sleep(0.05)
                continue
            with lock:
                calls.append(time.monotonic())
                inside += 1
                most = max(most, inside)
            time.sleep(0.05)
            with lock:
                inside -= 1
            leave()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(worker, range(3)))

    calls.sort()
    busiest = max(sum(start <= moment < start + 1 for moment in calls) for start in calls)
    assert busiest <= 5
    assert most <= 2
    assert len(calls) >= 15
    assert SECOND == 1_000_000
