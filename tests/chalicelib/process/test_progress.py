from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chalicelib.errors import LeaseLost
from chalicelib.process.progress import Progress

if TYPE_CHECKING:
    from tests.chalicelib.examples import Clock


def test_the_first_is_told_at_once_and_then_the_newest_once_a_second(clock: Clock) -> None:
    told: list[tuple[int, int]] = []
    began = clock.now
    progress = Progress[int](write=lambda at: told.append((clock.now - began, at)), now=clock)

    for number in range(25):
        progress.tell(number)
        clock.pass_seconds(0.1)

    assert told == [(0, 0), (1_000_000, 10), (2_000_000, 20)]


def test_what_was_not_told_is_told_before_a_pause_and_only_then(clock: Clock) -> None:
    told: list[int] = []
    progress = Progress[int](write=told.append, now=clock)
    progress.tell(1)
    progress.tell(2)

    progress.flush()
    progress.flush()

    assert told == [1, 2]


def test_nothing_heard_is_nothing_told(clock: Clock) -> None:
    told: list[int] = []

    Progress[int](write=told.append, now=clock).flush()

    assert told == []


def test_a_lost_lease_reaches_whoever_works(clock: Clock) -> None:
    def lost(at: int) -> None:
        raise LeaseLost

    with pytest.raises(LeaseLost):
        Progress[int](write=lost, now=clock).tell(1)
