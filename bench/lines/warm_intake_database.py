"""Warm intake against a database that takes 4 ms: the time that a login waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import warm
from bench.figures import Line, Target, compared, interleaved, middle

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.figures import Scale
    from bench.kept import Kept

TARGET = Target(limit_at_most=1.05)
DELAY = 0.004
_MILLISECONDS = 1_000


def measure(scale: Scale) -> list[Line]:
    """Ask each for a block of requests, in turn."""
    block = scale.of(full=20, quick=10)
    with warm.intakes(delay=DELAY) as intakes:
        samples = interleaved(scale.of(full=30, quick=6), {who: _wall(one, block) for who, one in intakes.items()})
    details = [f"{who}: {middle(samples[who]):.2f} ms" for who in (warm.RESOLVER, warm.FASTAPI)]
    return [compared("warm intake, 4 ms database", "ms", samples, TARGET, details=details)]


def _wall(intake: Kept, block: int) -> Callable[[], float]:
    return lambda: intake.serve(block).wall * _MILLISECONDS
