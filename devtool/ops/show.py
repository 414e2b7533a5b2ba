"""Tables for people, JSON for scripts."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from chalicelib.model.clock import SECOND, rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Row = dict[str, object]


def rows(found: Sequence[Mapping[str, object]], *, as_json: bool, nothing: str) -> None:
    """Print rows as a table with their keys for columns, or as JSON; `nothing` where there are none."""
    if as_json:
        sys.stdout.write(json.dumps(list(found), indent=2, default=str) + "\n")
        return
    if not found:
        sys.stdout.write(nothing + "\n")
        return
    columns = list(found[0])
    cells = [[_cell(row.get(column)) for column in columns] for row in found]
    widths = [max(len(column), *(len(line[at]) for line in cells)) for at, column in enumerate(columns)]
    for line in [columns, *cells]:
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n")


def ago(moment: int, now: int) -> str:
    """Write how long ago something was: `12s`, `5m`, `3h`, `2d`."""
    seconds = max(0, (now - moment) // SECOND)
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def when(moment: int) -> str:
    """Write a moment, `-` for none."""
    return rfc3339(moment) if moment else "-"


def _cell(value: object) -> str:
    return "-" if value in (None, "") else str(value)
