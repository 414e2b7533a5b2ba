"""How figures are taken and judged."""

from __future__ import annotations

import pytest

from bench.figures import Line, Scale, Target, compared, interleaved, quartiles, unmeasured


def test_each_round_begins_with_the_next_so_that_nobody_is_always_first() -> None:
    asked: list[str] = []

    def asking(who: str) -> float:
        asked.append(who)
        return float(len(asked))

    taken = interleaved(
        4, {"ours": lambda: asking("ours"), "peer": lambda: asking("peer"), "limit": lambda: asking("limit")}, warm_up=0
    )

    assert [asked[first : first + 3] for first in range(0, 12, 3)] == [
        ["ours", "peer", "limit"],
        ["peer", "limit", "ours"],
        ["limit", "ours", "peer"],
        ["ours", "peer", "limit"],
    ]
    assert taken == {"ours": [1, 6, 8, 10], "peer": [2, 4, 9, 11], "limit": [3, 5, 7, 12]}


def test_what_warms_up_is_not_counted() -> None:
    figures = iter([100.0, 90.0, 1.0, 2.0])

    assert interleaved(2, {"ours": lambda: next(figures)}, warm_up=2) == {"ours": [1.0, 2.0]}


def test_a_time_is_compared_by_medians_and_is_good_when_it_is_short() -> None:
    samples = {"ours": [15.0, 14.0, 99.0], "peer": [100.0, 90.0, 84.0], "limit": [10.0, 10.0, 11.0]}

    line = compared("cold", "ms", samples, Target(limit_at_most=1.6, peer_at_least=6))

    assert (line.ours, line.peer, line.limit) == (15, 90, 10)
    assert (line.ratio_to_limit, line.ratio_to_peer) == (1.5, 6)
    assert line.spread["ours"] == (14.5, 57.0)
    assert line.target == "≤ 1.6 × limit, ≥ 6 × peer"
    assert line.passed


def test_a_rate_is_good_when_it_is_high() -> None:
    samples = {"ours": [800.0], "peer": [100.0], "limit": [1000.0]}

    line = compared("settle", "1/s", samples, Target(limit_at_least=0.7), more_is_better=True)

    assert (line.ratio_to_limit, line.ratio_to_peer) == (0.8, 8)
    assert line.passed


@pytest.mark.parametrize(
    ("target", "to_limit", "to_peer", "met"),
    [
        (Target(limit_at_most=1.6), 1.6, None, True),
        (Target(limit_at_most=1.6), 1.61, None, False),
        (Target(limit_at_least=0.7), 0.7, None, True),
        (Target(limit_at_least=0.7), 0.69, None, False),
        (Target(peer_at_least=6), None, 6.0, True),
        (Target(peer_at_least=6), None, 5.9, False),
        (Target(peer_at_least=6), None, None, False),
        (Target(limit_at_most=1.6, peer_at_least=6), 1.5, 5.0, False),
        (Target(), None, None, True),
    ],
)
def test_a_target_is_met_by_all_that_it_asks_for(
    *, target: Target, to_limit: float | None, to_peer: float | None, met: bool
) -> None:
    assert target.is_met(to_limit=to_limit, to_peer=to_peer) is met


def test_who_is_neither_ours_nor_peer_nor_limit_is_for_the_details() -> None:
    line = compared("warm", "us", {"ours": [2.0], "limit": [1.0], "fastapi": [9.0]}, Target(limit_at_most=2))

    assert set(line.spread) == {"ours", "limit"}
    assert line.ratio_to_peer is None


def test_what_could_not_be_measured_fails_and_says_why() -> None:
    line = unmeasured("push", "NotRunning: no cloud")

    assert (line.ours, line.ratio_to_limit, line.ratio_to_peer, line.passed) == (None, None, None, False)
    assert line.details == ["not measured: NotRunning: no cloud"]


def test_a_ratio_to_nothing_is_none() -> None:
    line = Line(name="cost", unit="units", ours=2.0, limit=0.0, target="", passed=True)

    assert line.ratio_to_limit is None


def test_one_figure_is_its_own_spread() -> None:
    assert quartiles([3.0]) == (3.0, 3.0)


def test_a_first_look_takes_fewer_rounds() -> None:
    assert (Scale.FULL.of(full=15, quick=3), Scale.QUICK.of(full=15, quick=3)) == (15, 3)
