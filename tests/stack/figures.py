"""Measured figures, shown also by a run that passes: they are what the test is for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest


def show(capsys: pytest.CaptureFixture[str], *lines: str) -> None:
    """Write lines past pytest's capture."""
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")
        sys.stdout.flush()


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Return lines with columns side by side: the first to the left, numbers to the right."""
    cells = [list(heads), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    numeric = [all(isinstance(row[column], int | float) for row in rows) for column in range(len(heads))]
    lines = []
    for row in cells:
        columns = zip(row, widths, numeric, strict=True)
        lines.append("  ".join(text.rjust(width) if right else text.ljust(width) for text, width, right in columns))
    return [line.rstrip() for line in [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]]


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
