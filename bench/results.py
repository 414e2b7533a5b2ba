"""`bench/results.json` and the table of `bench/README.md`: what the last full run found, for machines and people."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import table
from bench.figures import Line

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"
README = FOLDER / "README.md"
BEGINS = "<!-- the table: written by ./dev bench -->"
ENDS = "<!-- end of the table -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One full run: when (RFC 3339), on what, what it found."""

    at: str
    machine: str
    lines: Sequence[Line]


def to_json(run: Run) -> str:
    """Write a run's figures; their spread and details were for who watched."""
    document = {"at": run.at, "machine": run.machine, "lines": [_members(line) for line in run.lines]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def from_json(text: str) -> Run:
    """Read what `to_json` wrote."""
    document = json.loads(text)
    return Run(at=document["at"], machine=document["machine"], lines=[_line(one) for one in document["lines"]])


def with_table(readme: str, run: Run) -> str:
    """Return the README with a run's table in place of what stood there.

    Raises ValueError where the two marks are not there once each, in this order.
    """
    before, begins, rest = readme.partition(BEGINS)
    _, ends, after = rest.partition(ENDS)
    if not begins or not ends or BEGINS in rest or ENDS in after:
        raise ValueError(f"bench/README.md must hold {BEGINS!r} and behind it {ENDS!r}, once each")
    told = f"Measured {run.at} on {run.machine}."
    return f"{before}{BEGINS}\n{told}\n\n{table.markdown(run.lines)}{ENDS}{after}"


def machine() -> str:
    """Describe the machine in a line: how much of it there is, whose it is, which Python."""
    model = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        named = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = named[0] if named else model
    return f"{os.cpu_count()} cores ({model}), {platform.system()}, Python {platform.python_version()}"


def _members(measured: Line) -> dict[str, Any]:
    # Rounded before they are divided, so that who divides the written figures finds the written ratios.
    line = replace(measured, ours=_rounded(measured.ours), peer=_rounded(measured.peer), limit=_rounded(measured.limit))
    return {
        "name": line.name,
        "unit": line.unit,
        "ours": line.ours,
        "peer": line.peer,
        "limit": line.limit,
        "ratio_to_limit": _rounded(line.ratio_to_limit),
        "ratio_to_peer": _rounded(line.ratio_to_peer),
        "target": line.target,
        "pass": line.passed,
    }


def _line(members: dict[str, Any]) -> Line:
    ours, peer, better = members["ours"], members["peer"], members["ratio_to_peer"]
    return Line(
        name=members["name"],
        unit=members["unit"],
        ours=ours,
        peer=peer,
        limit=members["limit"],
        target=members["target"],
        passed=members["pass"],
        # Of rates the better has more; without a peer nothing depends on it.
        more_is_better=bool(ours and peer and better and (better > 1) == (ours > peer)),
    )


def _rounded(value: float | None) -> float | None:
    """Keep four digits that count: more is noise, and would change with every run."""
    return None if value is None else float(f"{value:.4g}")
