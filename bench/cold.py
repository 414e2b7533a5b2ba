"""A cold start's two lines: in a bare interpreter, and behind what Lambda's own has loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench import fresh
from bench.figures import Line, Target, compared, interleaved, middle
from bench.function import in_runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.function import Function


def lines(
    name: str,
    functions: Mapping[str, Function],
    event: Callable[[], Mapping[str, Any]],
    operations: Callable[[Function], str],
    target: Target,
    *,
    rounds: int,
    notes: Sequence[str] = (),
) -> list[Line]:
    """Start each anew, in turn. `operations` sees that one works, and names what it asks AWS for."""

    def measured(name: str, functions: Mapping[str, Function]) -> Line:
        asked = {who: operations(function) for who, function in functions.items()}
        walls: dict[str, list[float]] = {who: [] for who in functions}
        samples = interleaved(
            rounds,
            {who: fresh.taking(function, event, walls[who]) for who, function in functions.items()},
            warm_up=0,  # seeing that it works has warmed it up
        )
        details = [
            f"wall time: {', '.join(f'{who} {middle(taken):.0f} ms' for who, taken in walls.items())}",
            *(f"{who} asks AWS for {what}" for who, what in asked.items()),
            *notes,
        ]
        return compared(name, "ms of processor", samples, target, details=details)

    there = {who: in_runtime(function) for who, function in functions.items()}
    return [measured(name, functions), measured(f"{name}, in Lambda's runtime", there)]
