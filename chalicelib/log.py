"""Structured logs: one JSON line per outcome, facts in fields, never a body, never a secret."""

from __future__ import annotations

import os
import sys
import time
import traceback
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from chalicelib.errors import CloakroomError
from chalicelib.metrics import embedded

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_VALUE = 300

_ENCODER = msgspec.json.Encoder()

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
    given = {"event": event, "stage": _stage(), **_about, **fields}
    line = {
        # Most values are short texts already; asked here, they cost a third.
        name: value if type(value) is str and len(value) <= LONGEST_VALUE else _short(value)
        for name, value in given.items()
        if value is not None
    }
    line |= embedded(event, line, time.time_ns() // 1_000_000)
    sys.stdout.write(_written(line))
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


@cache
def _stage() -> str:
    return os.environ.get("STAGE", "local")


def _short(value: object) -> object:
    if isinstance(value, bool | int | float):
        return value
    return str(value)[:LONGEST_VALUE]


def _written(line: Mapping[str, object]) -> str:
    """Write a line in ASCII, with its end: what lies beyond is escaped, for some of it ends a line, too."""
    try:
        written = _ENCODER.encode(line).decode("ascii")
    except UnicodeError:  # other letters, or half of a surrogate pair: `json` escapes both, at four times the price
        import json  # noqa: PLC0415  they seldom come

        written = json.dumps(line, separators=(",", ":"))
    return f"{written}\n"
