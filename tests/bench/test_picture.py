"""What the picture shows: multiples of the limit."""

from __future__ import annotations

import pytest

from bench.figures import Line
from bench.picture import target_of, times_the_limit

TIME = Line(name="cold", unit="ms", ours=30.0, limit=20.0, target="≤ 1.6 × limit, ≥ 6 × peer", passed=True)
RATE = Line(
    name="settle", unit="1/s", ours=800.0, limit=1_000.0, target="≥ 0.8 × limit", passed=True, more_is_better=True
)


def test_a_time_is_as_many_times_the_limit_as_it_is_longer_and_a_rate_as_it_is_lower() -> None:
    assert (times_the_limit(TIME, 30.0), times_the_limit(RATE, 800.0)) == (1.5, 1.25)


def test_what_was_not_measured_is_not_drawn() -> None:
    unlimited = Line(name="cost", unit="$", ours=1.0, target="", passed=True)

    assert (times_the_limit(TIME, None), times_the_limit(unlimited, 1.0)) == (None, None)


@pytest.mark.parametrize(("line", "times"), [(TIME, 1.6), (RATE, 1.25)])
def test_the_target_is_drawn_on_the_same_scale(line: Line, times: float) -> None:
    assert target_of(line) == times


def test_a_target_of_the_peer_alone_is_not_drawn() -> None:
    line = Line(name="cost", unit="$", ours=1.0, target="≥ 6 × peer", passed=True)

    assert target_of(line) is None
