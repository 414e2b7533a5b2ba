from __future__ import annotations

import pytest
from msgspec.structs import replace

from chalicelib.model.cached import SKEW, Entry, Held, Step, Terms, held_from, next_step
from chalicelib.model.clock import SECOND
from tests.chalicelib.examples import NOW

TERMS = Terms(fresh=300 * SECOND, keep=3_600 * SECOND, cooldown=30 * SECOND, retry=5 * SECOND, lease=4 * SECOND)
NOTHING = Entry(name="n")


def fetched(age: int) -> Entry:
    """Return what a fetch left that was begun `age` seconds ago and took one."""
    begun = NOW - age * SECOND
    return NOTHING.leased(TERMS, begun).fetched(b"document", TERMS, begun + SECOND)


def held(age: int) -> Held[str]:
    return held_from(fetched(age), "value")


def step(
    age: int | None, *, suits: bool = True, seen: Entry | None = None, tried: int = 0, failed: int = 0, now: int = NOW
) -> Step:
    """Decide with a document of this age (seconds)."""
    own = None if age is None else held(age)
    entry = seen or (NOTHING if age is None else fetched(age))
    return next_step(own, entry, TERMS, now, suits=suits, tried_at=tried, failed_at=failed)


@pytest.mark.parametrize(
    ("age", "suits", "expected"),
    [
        (0, True, Step.SERVE),
        (299, True, Step.SERVE),
        (300, True, Step.FETCH),
        (3_599, True, Step.FETCH),
        (3_600, True, Step.FETCH),
        (None, False, Step.FETCH),
        (29, False, Step.SERVE),
        (30, False, Step.FETCH),
        (299, False, Step.FETCH),
        (300, False, Step.FETCH),
    ],
)
def test_what_is_done_follows_from_the_age_and_from_whether_it_suits(
    age: int | None,
    suits: bool,  # noqa: FBT001
    expected: Step,
) -> None:
    assert step(age, suits=suits) is expected


@pytest.mark.parametrize(
    ("age", "suits", "expected"),
    [(10, True, Step.SERVE), (400, True, Step.SERVE), (400, False, Step.WAIT), (4_000, True, Step.WAIT)],
)
def test_while_another_fetches_the_stale_one_serves_and_who_has_nothing_waits(
    age: int,
    suits: bool,  # noqa: FBT001
    expected: Step,
) -> None:
    begun = fetched(age).leased(TERMS, NOW - SECOND)

    assert step(age, suits=suits, seen=begun) is expected
    assert step(None, suits=False, seen=NOTHING.leased(TERMS, NOW - SECOND)) is Step.WAIT


def test_a_lease_ends_by_time_and_then_the_next_one_may_fetch() -> None:
    begun = NOTHING.leased(TERMS, NOW)

    assert step(None, suits=False, seen=begun, now=NOW + 4 * SECOND - 1) is Step.WAIT
    assert step(None, suits=False, seen=begun, now=NOW + 4 * SECOND) is Step.FETCH


def test_a_failure_is_followed_by_the_cooldown_where_there_is_something_to_serve() -> None:
    elsewhere = fetched(400).leased(TERMS, NOW - 29 * SECOND).failed(NOW - 28 * SECOND)

    assert step(400, seen=elsewhere) is Step.SERVE
    assert step(400, seen=elsewhere, now=NOW + SECOND) is Step.FETCH
    assert step(400, tried=NOW - 29 * SECOND) is Step.SERVE
    assert step(400, tried=NOW - 30 * SECOND) is Step.FETCH


def test_where_there_is_nothing_only_ones_own_failure_makes_one_wait_and_briefly() -> None:
    elsewhere = NOTHING.leased(TERMS, NOW - SECOND).failed(NOW)

    assert step(None, suits=False, seen=elsewhere) is Step.FETCH
    assert step(None, suits=False, failed=NOW - 5 * SECOND + 1) is Step.SERVE
    assert step(None, suits=False, failed=NOW - 5 * SECOND) is Step.FETCH


@pytest.mark.parametrize("ahead", [SKEW + 1, 10**15])
def test_what_claims_to_come_from_later_is_not_believed_for_it_would_never_grow_old(ahead: int) -> None:
    later = NOTHING.leased(TERMS, NOW + ahead).fetched(b"", TERMS, NOW + ahead)

    assert not held_from(later, "value").is_usable(TERMS, NOW)
    assert step(400, seen=replace(fetched(400), tried_at=NOW + ahead)) is Step.FETCH
    assert step(None, seen=replace(NOTHING, lease_until=NOW + TERMS.lease + ahead)) is Step.FETCH


def test_a_clock_that_is_a_little_ahead_does_no_harm() -> None:
    later = NOTHING.leased(TERMS, NOW + SKEW).fetched(b"", TERMS, NOW + SKEW)

    assert held_from(later, "value").is_fresh(TERMS, NOW)


@pytest.mark.parametrize("times", [{"fresh_until": 10**18, "stale_until": 10**18}, {"stale_until": NOW}])
def test_of_the_writers_terms_and_our_own_the_shorter_count(times: dict[str, int]) -> None:
    stored = replace(held(300), **times)

    assert not stored.is_fresh(TERMS, NOW)
    assert stored.is_usable(TERMS, NOW) == (stored.stale_until > NOW)
    assert not replace(stored, fetched_at=NOW - TERMS.keep).is_usable(TERMS, NOW)


def test_the_age_counts_from_when_the_fetch_began() -> None:
    entry = NOTHING.leased(TERMS, NOW).fetched(b"x", TERMS, NOW + 3 * SECOND)

    assert (entry.fetched_at, entry.fresh_until, entry.stale_until) == (NOW, NOW + TERMS.fresh, NOW + TERMS.keep)
    assert (entry.lease_until, entry.document) == (0, b"x")


def test_every_write_has_a_rev_of_its_own_also_where_the_clock_stands() -> None:
    entries = [NOTHING]
    for change in (
        lambda entry: entry.leased(TERMS, NOW),
        lambda entry: entry.fetched(b"x", TERMS, NOW),
        lambda entry: entry.leased(TERMS, NOW),
        lambda entry: entry.failed(NOW),
        lambda entry: entry.dropped(NOW),
    ):
        entries.append(change(entries[-1]))

    assert [entry.rev - NOW for entry in entries[1:]] == [0, 1, 2, 3, 4]
    assert [entry.generation - NOW for entry in entries[2:]] == [1, 1, 1, 4]
    assert entries[-1] == Entry(name="n", rev=NOW + 4, generation=NOW + 4)


def test_a_failure_leaves_what_there_was() -> None:
    entry = fetched(400)

    after = entry.leased(TERMS, NOW).failed(NOW + SECOND)

    assert (after.document, after.generation, after.fetched_at) == (b"document", entry.generation, entry.fetched_at)
    assert (after.tried_at, after.failed_at, after.lease_until) == (NOW, NOW + SECOND, 0)
