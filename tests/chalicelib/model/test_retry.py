from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.model.clock import SECOND
from chalicelib.model.retry import Again, Failure, Kind, Stop, decide
from tests.chalicelib.examples import NOW

DEADLINE = NOW + 86_400 * SECOND


def a_failure(kind: Kind, retry_after: int = 0) -> Failure:
    return Failure(kind=kind, code="unavailable", message="It did not answer.", retry_after=retry_after)


def decided(failure: Failure, **changes: object) -> Again | Stop:
    usual: dict[str, object] = {"attempt": 1, "allowed": 10, "now": NOW, "deadline_at": DEADLINE, "chance": 0.5}
    return decide(failure, **{**usual, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("attempt", "chance", "seconds"), [(1, 0.5, 1), (2, 0.5, 2), (3, 0.5, 4), (4, 0.25, 4), (1, 0.0, 0), (9, 0.5, 256)]
)
def test_a_transient_failure_waits_a_random_part_of_a_doubling_backoff(
    attempt: int, chance: float, seconds: int
) -> None:
    decision = decided(a_failure(Kind.TRANSIENT), attempt=attempt, chance=chance)

    assert decision == Again(not_before=NOW + seconds * SECOND)


def test_the_backoff_stops_growing_at_fifteen_minutes() -> None:
    decision = decided(a_failure(Kind.TRANSIENT), attempt=60, allowed=100, chance=0.999_999)

    assert isinstance(decision, Again)
    assert NOW + 899 * SECOND < decision.not_before < NOW + 900 * SECOND


def test_what_the_other_side_asked_for_is_waited_out() -> None:
    decision = decided(a_failure(Kind.TRANSIENT, retry_after=120 * SECOND), chance=0.5)

    assert decision == Again(not_before=NOW + 120 * SECOND)


def test_a_permanent_failure_ends_the_job_at_once() -> None:
    assert decided(a_failure(Kind.PERMANENT)) == Stop(code="unavailable", message="It did not answer.")


@pytest.mark.parametrize(("attempt", "ends"), [(1, False), (2, False), (3, True), (4, True)])
def test_a_failure_that_nobody_foresaw_ends_the_job_at_its_third_attempt(attempt: int, *, ends: bool) -> None:
    assert isinstance(decided(a_failure(Kind.UNKNOWN), attempt=attempt), Stop) is ends


@pytest.mark.parametrize(("attempt", "ends"), [(9, False), (10, True), (11, True)])
def test_a_job_ends_when_its_attempts_are_used_up(attempt: int, *, ends: bool) -> None:
    assert isinstance(decided(a_failure(Kind.TRANSIENT), attempt=attempt), Stop) is ends


def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    decision = decided(a_failure(Kind.TRANSIENT), deadline_at=NOW + SECOND, chance=0.5)

    assert isinstance(decision, Stop)


@given(
    kind=st.sampled_from(Kind),
    attempt=st.integers(1, 10_000),
    allowed=st.integers(1, 100),
    left=st.integers(-10, 10**6),
    chance=st.floats(0, 1, exclude_max=True),
    retry_after=st.integers(0, 10**12),
)
def test_a_job_is_tried_again_only_within_its_budget(  # noqa: PLR0917  hypothesis draws them
    kind: Kind, attempt: int, allowed: int, left: int, chance: float, retry_after: int
) -> None:
    deadline = NOW + left * SECOND

    decision = decide(
        a_failure(kind, retry_after), attempt=attempt, allowed=allowed, now=NOW, deadline_at=deadline, chance=chance
    )

    if isinstance(decision, Again):
        assert attempt < allowed
        assert NOW + retry_after <= decision.not_before < deadline
