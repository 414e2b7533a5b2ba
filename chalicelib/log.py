"""Structured logs: one JSON line per outcome, facts in fields, never a body, never a secret."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from typing import TYPE_CHECKING

from chalicelib.errors import CloakroomError
from chalicelib.metrics import embedded

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_VALUE = 300

_written = json.JSONEncoder(separators=(",", ":")).encode

_about: dict[str, object] = {}
"""What every line of this invocation carries. A plain global: a Lambda process does one invocation at a time, and a
context variable would not reach the threads that the handlers use."""


def begin(**fields: object) -> None:
    """Start an invocation: `fields` (function, request_id, ...) stand on each of its lines."""
    _about.clear()
    _about.update(fields)


def add(**fields: object) -> None:
    """Put more on each further line of this invocation."""
    _about.update(fields)


def fact(event: str, **fields: object) -> None:
    """Log one outcome, which may be a metric too. Values are numbers, booleans or short text; None is left out."""
    line = _plain({"event": event, "stage": _stage(), **_about, **fields})
    line |= embedded(event, line, time.time_ns() // 1_000_000)
    sys.stdout.write(_written(line) + "\n")
    sys.stdout.flush()


def failure(event: str, error: Exception, **fields: object) -> None:
    """Log an error that nobody foresaw: its kind and where it arose.

    Its message only if it is one of ours: that of a parser or a client may quote what it was given, and that may be
    a secret.
    """
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    where = " < ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    reason = error.detail if isinstance(error, CloakroomError) else None
    fact(event, level="error", error=type(error).__name__, reason=reason, where=where, **fields)


def _stage() -> str:
    return os.environ.get("STAGE", "local")


def _plain(line: Mapping[str, object]) -> dict[str, object]:
    return {name: _short(value) for name, value in line.items() if value is not None}


def _short(value: object) -> object:
    if isinstance(value, bool | int | float):
        return value
    return str(value)[:LONGEST_VALUE]
