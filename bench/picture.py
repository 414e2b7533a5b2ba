"""The picture: how far ours and the peer are from the limit, on a scale where each step is a multiple."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bench import table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.figures import Line

# Readable on white and on black: GitHub shows the same file in both modes, on a background of its own.
_TEXT, _GRID = "#7d8590", "#7d859055"
_OURS, _PEER, _LIMIT, _TARGET = "#2f81f7", "#d29922", "#7d8590", "#f85149"
_OF_LIMIT = re.compile(r"([≤≥]) ([0-9.]+) × limit")
_BAR = 0.28
_LEFT = 0.8
"""Where bars begin: a scale of multiples has no zero."""
_INCHES_WIDE, _INCHES_A_LINE, _INCHES_AROUND = 9.0, 0.62, 1.3


def draw(lines: Sequence[Line], out: Path) -> None:
    """Draw the lines that have a limit as an SVG; the same lines give the same bytes."""
    import matplotlib as mpl  # noqa: PLC0415  half a second that only a full run pays

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  after the backend is chosen

    shown = [line for line in lines if line.ours and line.limit]
    style = {"svg.hashsalt": "cloakroom", "svg.fonttype": "none", "font.size": 9, "text.color": _TEXT}
    with mpl.rc_context(style):
        figure, axes = plt.subplots(figsize=(_INCHES_WIDE, _INCHES_AROUND + _INCHES_A_LINE * len(shown)))
        axes.set_xscale("log")
        for number, line in enumerate(shown):
            _draw_line(axes, number, line)
        axes.set_yticks(range(len(shown)), [line.name for line in shown])
        axes.invert_yaxis()
        axes.axvline(1, color=_LIMIT, linewidth=1)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} ×")
        axes.xaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:.1e}"[0] in "25" else "")
        axes.set_xlim(left=_LEFT)
        axes.tick_params(colors=_TEXT, which="both", length=0)
        axes.grid(axis="x", color=_GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.set_title("times the physical limit: shorter is better", color=_TEXT, fontsize=10, loc="left", pad=24)
        _explain(axes)
        figure.tight_layout()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        plt.close(figure)
    # matplotlib leaves blanks at the ends of its lines.
    out.write_text("".join(f"{line.rstrip()}\n" for line in out.read_text().splitlines()))


def _draw_line(axes: Any, number: int, line: Line) -> None:
    target = target_of(line)
    for offset, value, color in ((-_BAR / 2, line.ours, _OURS), (_BAR / 2, line.peer, _PEER)):
        times = times_the_limit(line, value)
        if times is None:
            continue
        axes.barh(number + offset, times - _LEFT, left=_LEFT, height=_BAR * 0.9, color=color)
        told = f"{table.figure(times)} × · {table.figure(value)} {line.unit}"
        behind = (max(times, target or times), number + offset)
        axes.annotate(told, behind, xytext=(4, 0), textcoords="offset points", va="center", fontsize=8)
    if target is not None:
        axes.vlines(target, number - 0.4, number + 0.4, color=_TARGET, linewidth=1.5)


def _explain(axes: Any) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415
    from matplotlib.patches import Patch  # noqa: PLC0415

    known = [
        Patch(color=_OURS, label="ours"),
        Patch(color=_PEER, label="the usual way"),
        Line2D([], [], color=_LIMIT, linewidth=1, label="limit"),
        Line2D([], [], color=_TARGET, linewidth=1.5, label="target"),
    ]
    axes.legend(handles=known, frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))


def times_the_limit(line: Line, value: float | None) -> float | None:
    """Return how many times worse than the limit a figure is; None where there is none."""
    if not value or not line.limit:
        return None
    return line.limit / value if line.more_is_better else value / line.limit


def target_of(line: Line) -> float | None:
    """Return how many times worse than the limit the target lets a line be; None where it says nothing of the limit."""
    wanted = _OF_LIMIT.search(line.target)
    if wanted is None:
        return None
    return float(wanted[2]) if wanted[1] == "≤" else 1 / float(wanted[2])
