"""Figures: how they are taken, and what is made of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

OURS, PEER, LIMIT = "ours", "peer", "limit"
"""Who is measured. A line may measure more of them under other names, and tell of those in its details."""

Measure = Callable[[], float]


class Scale(StrEnum):
    """How long is measured: for the record, or for a first look."""

    FULL = "full"
    QUICK = "quick"

    def of(self, *, full: int, quick: int) -> int:
        """Return the number that belongs to this scale."""
        return full if self is Scale.FULL else quick


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a line must reach: ratios, never seconds. None: not asked for."""

    limit_at_most: float | None = None
    limit_at_least: float | None = None
    peer_at_least: float | None = None

    def __str__(self) -> str:
        """Write it as the table shows it."""
        wanted = (
            (self.limit_at_most, "≤ {:g} × limit"),
            (self.limit_at_least, "≥ {:g} × limit"),
            (self.peer_at_least, "≥ {:g} × peer"),
        )
        return ", ".join(text.format(value) for value, text in wanted if value is not None)

    def is_met(self, *, to_limit: float | None, to_peer: float | None) -> bool:
        """Tell whether these ratios reach it. What is asked for and was not measured is missed."""
        return (
            (self.limit_at_most is None or (to_limit is not None and to_limit <= self.limit_at_most))
            and (self.limit_at_least is None or (to_limit is not None and to_limit >= self.limit_at_least))
            and (self.peer_at_least is None or (to_peer is not None and to_peer >= self.peer_at_least))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the table. `spread` is who -> (first quartile, third quartile), in the line's unit."""

    name: str
    unit: str
    ours: float | None
    """None where it could not be measured: then the first of `details` says why."""
    peer: float | None = None
    limit: float | None = None
    target: str
    passed: bool
    spread: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    details: Sequence[str] = ()
    """Lines of text, shown below the table."""
    more_is_better: bool = False
    """Of rates, such as records a second; of times and counts less is better."""

    @property
    def ratio_to_limit(self) -> float | None:
        """`ours / limit`: of times 1 is the best there is and more is worse, of rates less is worse."""
        return _ratio(self.ours, self.limit)

    @property
    def ratio_to_peer(self) -> float | None:
        """How many times better than the peer, more is better: `peer / ours` of times, `ours / peer` of rates."""
        return _ratio(self.ours, self.peer) if self.more_is_better else _ratio(self.peer, self.ours)


def compared(
    name: str,
    unit: str,
    samples: Mapping[str, Sequence[float]],
    target: Target,
    *,
    details: Sequence[str] = (),
    more_is_better: bool = False,
) -> Line:
    """Return the line that samples make: medians, quartiles, and whether the target is met.

    `samples` are those of `interleaved`, in the line's unit; the names other than ours, peer and limit are left out.
    """
    middles = {who: middle(figures) for who, figures in samples.items()}
    made = Line(
        name=name,
        unit=unit,
        ours=middles[OURS],
        peer=middles.get(PEER),
        limit=middles.get(LIMIT),
        target=str(target),
        passed=False,
        spread={who: quartiles(figures) for who, figures in samples.items() if who in (OURS, PEER, LIMIT)},
        details=details,
        more_is_better=more_is_better,
    )
    return _judged(made, target)


def unmeasured(name: str, reason: str) -> Line:
    """Return the line of what could not be measured: it fails, and says why."""
    return Line(name=name, unit="", ours=None, target="", passed=False, details=[f"not measured: {reason}"])


def interleaved(rounds: int, measures: Mapping[str, Measure], *, warm_up: int = 1) -> dict[str, list[float]]:
    """Take `rounds` figures of each, in turn, in an order that moves on by one each round.

    So that what slows the machine down for a while slows all of them, and nobody is always the first. `warm_up` rounds
    before are thrown away.
    """
    names = list(measures)
    taken: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-warm_up, rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            figure = measures[name]()
            if number >= 0:
                taken[name].append(figure)
    return taken


def middle(figures: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(figures)


def quartiles(figures: Sequence[float]) -> tuple[float, float]:
    """Return the first and the third quartile; of a single figure, itself."""
    if len(figures) == 1:
        return figures[0], figures[0]
    first, _, third = statistics.quantiles(figures, n=4, method="inclusive")
    return first, third


def _judged(line: Line, target: Target) -> Line:
    return replace(line, passed=target.is_met(to_limit=line.ratio_to_limit, to_peer=line.ratio_to_peer))


def _ratio(above: float | None, below: float | None) -> float | None:
    return None if above is None or not below else above / below
