"""Warm intake: processor time per request, in processes that are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import warm
from bench.figures import LIMIT, OURS, Line, Target, compared, interleaved, middle

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.figures import Scale
    from bench.kept import Kept

TARGET = Target(limit_at_most=5.5, peer_at_least=5)
_MICROSECONDS = 1_000_000


def measure(scale: Scale) -> list[Line]:
    """Ask each for a block of requests, in turn."""
    block = scale.of(full=150, quick=50)
    with warm.intakes(delay=0) as intakes:
        # The limit's requests are so short that as many of them would be over before its process is warm again.
        blocks = {who: block * 10 if who == LIMIT else block for who in intakes}
        samples = interleaved(
            scale.of(full=25, quick=5), {who: _processor(one, blocks[who]) for who, one in intakes.items()}, warm_up=2
        )
    middles = {who: middle(taken) for who, taken in samples.items()}
    details = [
        f"{who}: {taken:.0f} µs, {taken / middles[LIMIT]:.1f} × limit, {taken / middles[OURS]:.1f} × ours"
        for who, taken in middles.items()
        if who in (warm.RESOLVER, warm.FASTAPI)
    ]
    return [compared("warm intake", "µs of processor", samples, TARGET, details=details)]


def _processor(intake: Kept, block: int) -> Callable[[], float]:
    return lambda: intake.serve(block).processor * _MICROSECONDS
