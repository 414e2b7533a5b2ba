"""From when to when the audit is asked for: query parameters → a window, or a walk."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.model import names
from chalicelib.model.audit import DAY
from chalicelib.model.clock import SECOND, micros
from chalicelib.model.reconcile import Going, going_from_text
from chalicelib.model.window import Window, window_from_cursor
from chalicelib.web.requests import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_PRINCIPAL = 256
"""Characters of a principal that the audit is asked for."""

LONGEST_WINDOW = 31 * DAY * SECOND
"""From when to when the audit is asked for, at the most: a month (microseconds)."""

LONGEST_WALK = DAY * SECOND
"""From when to when one walk through what was accepted goes, at the most: a day (microseconds)."""

_RULE = "RFC 3339 with an offset, as 2026-11-21T09:30:00Z"
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def window_of(given: Mapping[str, str], now: int) -> tuple[Window, str | None]:
    """Return which entries are asked for, and behind what: the last day's if no times are given.

    With a cursor, those of its first page. Raises InvalidParameter.
    """
    since, until = _times(given, now, LONGEST_WINDOW)
    subject, principal = given.get("subject"), given.get("principal")
    if subject is not None and (fault := names.subject_fault(subject)):
        raise invalid("subject", fault)
    if principal is not None and not 1 <= len(principal) <= LONGEST_PRINCIPAL:
        raise invalid("principal", f"1 to {LONGEST_PRINCIPAL} characters")
    window = Window(since=since, until=until, subject=subject, principal=principal)
    text = given.get("cursor")
    if text is None:
        return window, None
    try:
        goes_on, after = window_from_cursor(text, window)
    except ValueError as fault_found:
        raise invalid("cursor", str(fault_found)) from None
    _check_same(given, (since, until), (goes_on.since, goes_on.until))
    return goes_on, after


def going_of(given: Mapping[str, str], now: int) -> Going:
    """Return where a walk through what was accepted begins or goes on. Raises InvalidParameter."""
    since, until = _times(given, now, LONGEST_WALK)
    text = given.get("cursor")
    if text is None:
        return Going(since=since, until=until)
    try:
        going = going_from_text(text)
    except ValueError as fault:
        raise invalid("cursor", str(fault)) from None
    _check_same(given, (since, until), (going.since, going.until))
    return going


def _check_same(given: Mapping[str, str], asked: tuple[int, int], kept: tuple[int, int]) -> None:
    """Refuse times that are given beside a cursor and are not its own: they would count for nothing."""
    for name, now_asked, before in zip(("from", "to"), asked, kept, strict=True):
        if name in given and now_asked != before:
            raise invalid("cursor", "one that this service gave for the same `from` and `to`")


def _times(given: Mapping[str, str], now: int, longest: int) -> tuple[int, int]:
    until = _moment(given, "to", now + 1)
    since = _moment(given, "from", max(0, until - DAY * SECOND))
    if not 0 <= until - since <= longest:
        raise invalid("from", f"not behind `to`, and at most {longest // (DAY * SECOND)} days before it")
    return since, until


def _moment(given: Mapping[str, str], what: str, default: int) -> int:
    text = given.get(what)
    if text is None:
        return default
    if not _RFC3339.fullmatch(text):
        raise invalid(what, _RULE)
    try:
        return max(0, micros(datetime.fromisoformat(text.upper())))
    except (ValueError, OverflowError):
        raise invalid(what, _RULE) from None
