"""From when to when, the entries that a list of the audit is narrowed to, and the cursor that goes on in it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.model.listing import LATEST

if TYPE_CHECKING:
    from chalicelib.model.audit import Entry

LONGEST_CURSOR = 512
_FORM = 1
PLACE = re.compile(r"[0-9]{16}(#[a-z2-7]{26})?")
"""How a place in time among entries is written: an entry's own, or a moment before all of its."""


class Window(Struct, frozen=True, kw_only=True):
    """Moments from `since` (in) to `until` (out), in microseconds, and what of them is wanted; None narrows nothing."""

    since: int
    until: int
    subject: str | None = None
    principal: str | None = None

    def takes(self, entry: Entry) -> bool:
        """Tell whether an entry belongs to the list."""
        return self.subject in (None, entry.subject) and self.principal in (None, entry.who.principal)

    @property
    def mark(self) -> str:
        """Tell lists apart in few characters, whatever their times. A plain hash, as in `listing`."""
        names = json.dumps([self.subject, self.principal])
        return hashlib.sha256(names.encode()).hexdigest()[:16]


def window_cursor(window: Window, after: str | None) -> str | None:
    """Write the cursor of the page behind `after`; None behind the last.

    It holds the window: that of a list without `from` and `to` moves on from page to page.
    """
    if after is None:
        return None
    parts = [_FORM, window.mark, window.since, window.until, after]
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


def window_from_cursor(text: str, window: Window) -> tuple[Window, str]:
    """Return the window that a cursor goes on in, and behind what. Raises ValueError, whose text is the rule broken."""
    try:
        form, mark, since, until, after = _parts(text)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise ValueError("one that this service gave") from None
    if form != _FORM or not isinstance(after, str) or not PLACE.fullmatch(after):
        raise ValueError("one that this service gave")
    if not isinstance(since, int) or not isinstance(until, int) or not 0 <= since <= until <= LATEST:
        raise ValueError("one that this service gave")
    if mark != window.mark:
        raise ValueError("one that this service gave for the same subject and principal")
    return replace(window, since=since, until=until), after


def _parts(text: str) -> list[object]:
    if len(text) > LONGEST_CURSOR:
        raise ValueError
    parts = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    if not isinstance(parts, list):
        raise TypeError
    return parts
