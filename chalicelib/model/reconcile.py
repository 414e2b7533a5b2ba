"""Prove of accepted tokens that each is live, or ended once: what is stored against what the audit says. Pure.

    walk      goes through                      finds
    jobs      all `token.store` jobs accepted   how each stands, and of each end its entry
    entries   all entries of an end             of each its token: live, ended so, expired in its time, or missing

Neither alone would do: a token that vanished has no job, an entry that was removed is missed by its job only.
"""

from __future__ import annotations

import base64
import binascii
import enum
import json
from itertools import pairwise
from typing import TYPE_CHECKING

from msgspec import Struct

from chalicelib.model.audit import Event, end_event, entry_id, order_of
from chalicelib.model.clock import SECOND
from chalicelib.model.job import ENDED, Status, Type
from chalicelib.model.listing import LATEST, Position
from chalicelib.model.window import PLACE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chalicelib.model.audit import Entry

YOUNG = 300 * SECOND
"""Microseconds in which what is written in one moment may be seen in two."""

ENDS = frozenset({Event.STORED, Event.FAILED, Event.CANCELLED, Event.DELETED})
"""The entries of which each token has those that its item tells of, and no others."""


class Standing(enum.StrEnum):
    """How an accepted token stands. The last three do not add up."""

    OPEN = "open"
    LIVE = "live"
    DELETED = "deleted"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    MISSING = "missing"
    ENDED_TWICE = "ended_twice"
    UNKNOWN = "unknown"


_BY_STATUS = {
    Status.SUCCEEDED: Standing.LIVE,
    Status.FAILED: Standing.FAILED,
    Status.CANCELLED: Standing.CANCELLED,
}

WRONG = frozenset({Standing.MISSING, Standing.ENDED_TWICE, Standing.UNKNOWN})


class Stored(Struct, frozen=True, kw_only=True):
    """What a token's item tells of its life: `changes` are what it became, and when (microseconds).

    `deleted_at` is when somebody deleted it, None also where its storing was cancelled; `ttl` in epoch seconds.
    """

    id: str
    status: Status
    accepted_at: int
    changes: tuple[tuple[Status, int], ...]
    deleted_at: int | None
    ttl: int

    def ends(self) -> Iterator[tuple[Event, int]]:
        """Yield each end that it came to, as its entry names it, with its moment."""
        for status, at in self.changes:
            if status in ENDED:
                yield end_event(Type.STORE, status), at
        if self.deleted_at is not None:
            yield Event.DELETED, self.deleted_at

    def entries(self) -> Mapping[str, int]:
        """Return the places in time of the entries that there must be, each with its moment."""
        return {order_of(at, entry_id(self.id, event, at)): at for event, at in self.ends()}


def standing_of(stored: Stored, found: frozenset[str], now: int) -> Standing:
    """Tell how a token stands of which there is an item; `found` are the places of the entries that there are."""
    wanted = stored.entries()
    if any(order not in found and at < now - YOUNG for order, at in wanted.items()):
        return Standing.UNKNOWN
    if _ends_in_a_row(stored):
        return Standing.ENDED_TWICE
    if stored.ttl * SECOND <= now:
        return Standing.EXPIRED
    if stored.deleted_at is not None:
        return Standing.DELETED
    return _BY_STATUS.get(stored.status, Standing.OPEN)


def standing_by(entry: Entry, stored: Stored | None, now: int) -> Standing | None:
    """Tell what is wrong with the token of an end's entry, or how it ended where its item is gone.

    None where its item says the rest: then it is counted by that.
    """
    if entry.at > now - YOUNG:
        return None
    if stored is not None and stored.accepted_at <= entry.at:
        return None if entry.order in stored.entries() else Standing.ENDED_TWICE
    gone_by = now if stored is None else stored.accepted_at  # an Idempotency-Key that is used again makes the id again
    match entry.event:
        case Event.STORED:
            kept = entry.kept_until
            return Standing.EXPIRED if kept is not None and kept * SECOND <= gone_by else Standing.MISSING
        case Event.FAILED:
            return Standing.FAILED
        case Event.CANCELLED:
            return Standing.CANCELLED
    return None  # deleted, after it was stored: that entry tells of it


class Going(Struct, frozen=True, kw_only=True):
    """Where a walk goes on: among the jobs behind a row, or among the entries behind a place in time (None: first)."""

    since: int
    until: int
    row: Position | None = None
    entry: str | None = None
    is_among_entries: bool = False


def going_to_text(going: Going | None) -> str | None:
    """Write the cursor of the page that goes on so; None behind the last."""
    if going is None:
        return None
    row = None if going.row is None else [going.row.partition, going.row.at, going.row.id]
    parts = [_FORM, going.since, going.until, going.is_among_entries, row, going.entry]
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


def going_from_text(text: str) -> Going:
    """Read a cursor. Raises ValueError, whose text is the rule that it breaks.

    Administrators alone walk: what they forge finds nothing that they may not see.
    """
    try:
        form, since, until, among, row, entry = json.loads(
            base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        )
        partition, at, row_id = ("", 0, "") if row is None else row
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise ValueError("one that this service gave") from None
    numbers = all(type(number) is int and 0 <= number <= LATEST for number in (since, until, at))
    texts = all(isinstance(one, str) and len(one) <= _LONGEST for one in (partition, row_id, entry or ""))
    if form != _FORM or type(among) is not bool or not numbers or not texts or (entry and not PLACE.fullmatch(entry)):
        raise ValueError("one that this service gave")
    place = None if row is None else Position(partition=partition, at=at, id=row_id)
    return Going(since=since, until=until, row=place, entry=entry, is_among_entries=among)


_FORM = 1
_LONGEST = 128


def _ends_in_a_row(stored: Stored) -> bool:
    """Tell whether a job ended that had ended: only a retry lies between two ends."""
    statuses = [status for status, _ in stored.changes]
    return any(one in ENDED and other in ENDED for one, other in pairwise(statuses))
