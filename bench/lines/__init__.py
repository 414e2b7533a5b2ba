"""The lines of the table, a file each: `measure(scale)` returns one line, or several."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.figures import Line, Scale

ORDER = (
    "cold-intake",
    "cold-zip",
    "cold-others",
    "warm-intake",
    "warm-intake-database",
    "settle",
    "fan-out",
    "end-to-end",
    "push",
    "growth",
    "cost",
)
"""As the table shows them: what a login waits for, what happens behind it, the whole. Others come last."""


def names() -> list[str]:
    """Return what may be measured, as `--only` takes it: `cold-intake` for `cold_intake.py`."""
    found = [module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__)]
    return sorted(found, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


def load(name: str) -> Callable[[Scale], list[Line]]:
    """Return what measures a line."""
    measure: Callable[[Scale], list[Line]] = importlib.import_module(f"{__name__}.{name.replace('-', '_')}").measure
    return measure
