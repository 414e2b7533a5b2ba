"""The table: on a terminal, and in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.figures import LIMIT, OURS, PEER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.figures import Line

HEAD = ("line", "unit", "ours", "peer", "limit", "× limit", "× peer", "target", "")
"""`× limit` is ours ÷ limit; `× peer` is how many times better ours is than the peer."""
_SPREAD = "middle half of ours / peer / limit"
_NUMBERS = range(2, 7)
_THOUSAND = 1_000
_HUNDRED = 100
_TEN = 10


def terminal(lines: Sequence[Line]) -> str:
    """Return the table with its columns in line, the spread beside it, the details below."""
    rows = [(*HEAD, _SPREAD), *((*_cells(line), _spread(line)) for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    written = ["  ".join(_put(row, widths)).rstrip() for row in rows]
    written.insert(1, "-" * max(map(len, written)))
    for line in lines:
        if line.details:
            written += ["", f"{line.name}:", *(f"  {detail}" for detail in line.details)]
    return "\n".join(written) + "\n"


def markdown(lines: Sequence[Line]) -> str:
    """Return the table as Markdown."""
    ruler = ["--:" if column in _NUMBERS else "---" for column in range(len(HEAD))]
    rows = [HEAD, ruler, *map(_cells, lines)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cells(line: Line) -> tuple[str, ...]:
    return (
        line.name,
        line.unit,
        figure(line.ours),
        figure(line.peer),
        figure(line.limit),
        figure(line.ratio_to_limit),
        figure(line.ratio_to_peer),
        line.target,
        "pass" if line.passed else "FAIL",
    )


def figure(value: float | None) -> str:
    """Write a figure with three digits that count; nothing where there is none."""
    if value is None:
        return ""
    size = abs(value)
    if size >= _THOUSAND:
        return f"{value:,.0f}"
    digits = 0 if size >= _HUNDRED else 1 if size >= _TEN else 2
    return f"{value:.{digits}f}"


def _spread(line: Line) -> str:
    known = [line.spread.get(who) for who in (OURS, PEER, LIMIT)]
    return " / ".join("-" if one is None else f"{figure(one[0])}..{figure(one[1])}" for one in known)


def _put(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cell.rjust(width) if column in _NUMBERS else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
