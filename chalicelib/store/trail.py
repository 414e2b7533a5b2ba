"""The audit's entries ⇄ items, and how they are written: put, never changed, never deleted but by their time to live.

What is stored is a contract (see `items.py`). An entry's subject and principal stand in the keys of its indexes alone;
its moment and id in its sort key. Text that is not known is not stored.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from chalicelib.errors import Unreadable
from chalicelib.model.audit import DAY, Entry, Event, Who, about_job, about_token, end_event
from chalicelib.model.clock import SECOND
from chalicelib.store import keys
from chalicelib.store.items import kept_until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.model.job import Job, Status
    from chalicelib.model.token import Token
    from chalicelib.store.table import Table

NEW: Final = "attribute_not_exists(pk)"
"""No entry is ever written over."""

USUAL_DAYS: Final = 400
"""Days that an entry is kept: a year, and what it takes to close one."""

SUPERSEDED: Final = "superseded"
"""The code of a token that was settled behind a newer one."""

_WHO = ("issuer", "client", "bearer", "groups", "address")
_ABOUT = ("environment", "domain", "provider", "token_id", "generation", "job_id", "code", "what", "kept_until")


class Trail:
    """The audit of one table."""

    def __init__(self, table: Table, *, days: int = USUAL_DAYS) -> None:
        self._table = table
        self._days = days

    def write(self, entry: Entry) -> None:
        """Write an entry by itself. One PutItem: its unit, and one for each index."""
        self._table.put(self._item(entry), condition=NEW)

    def operation(self, entry: Entry) -> dict[str, Any]:
        """Return an entry for the transaction that makes the change which it tells of.

        Its condition never fails by a second delivery: the change's own does first, and in its moment they differ.
        """
        return self._table.put_operation(self._item(entry), condition=NEW)

    def ended(
        self, job: Job, to: Status, now: int, outcome: Mapping[str, Mapping[str, object]], who: Who | None = None
    ) -> dict[str, Any]:
        """Return the entry of a job's end; `who` ended it, if not what it asked for itself."""
        return self.operation(about_job(job, end_event(job.type, to), now, who=who, code=_code(outcome)))

    def stored(self, job: Job, token: Token, now: int, *, current: bool) -> dict[str, Any]:
        """Return the entry of a token that was settled: it says until when its item is kept."""
        code = None if current else SUPERSEDED
        kept, generation = kept_until(token), token.generation
        return self.operation(about_job(job, Event.STORED, now, code=code, generation=generation, kept_until=kept))

    def about_token(self, token: Token, event: Event, now: int, who: Who, **more: str | None) -> dict[str, Any]:
        """Return the entry of what is done with a token."""
        return self.operation(about_token(token, event, now, who, **more))

    def _item(self, entry: Entry) -> dict[str, object]:
        return entry_to_item(entry, ttl=entry.at // SECOND + self._days * DAY)


def day_of(at: int) -> str:
    """Return the day of a moment (microseconds), in UTC, as partitions name it."""
    return _written(at // SECOND // DAY)


@functools.lru_cache(maxsize=8)
def _written(day: int) -> str:
    return datetime.fromtimestamp(day * DAY, UTC).strftime("%Y%m%d")


def key_of(at: int, entry_id: str, order: str) -> dict[str, object]:
    """Find an entry."""
    return keys.audit_key(day_of(at), entry_id, order)


def entry_to_item(entry: Entry, *, ttl: int) -> dict[str, object]:
    """Write an entry."""
    return {
        **key_of(entry.at, entry.id, entry.order),
        "kind": "audit",
        "event": entry.event,
        "audit_principal": keys.principal_shard(entry.who.principal, entry.id),
        "audit_subject": entry.subject,
        **{name: getattr(entry.who, name) or None for name in _WHO},
        **{name: getattr(entry, name) for name in _ABOUT},
        "job_type": entry.job_type,
        "ttl": ttl,
    }


def entry_from_item(item: Mapping[str, Any]) -> Entry:
    """Read an entry. Raises Unreadable."""
    try:
        at, _, entry_id = item["sk"].partition("#")
        principal, _, _ = item["audit_principal"].rpartition("#")
        return Entry(
            id=entry_id,
            at=int(at),
            event=item["event"],
            who=Who(principal=principal, **{name: item.get(name, "") for name in _WHO}),
            subject=item.get("audit_subject"),
            job_type=item.get("job_type"),
            **{name: item.get(name) for name in _ABOUT},
        )
    except KeyError as missing:
        raise Unreadable(f"an entry of the audit without {missing}") from None
    except ValueError:  # its text quotes what was stored, and the log must not
        raise Unreadable("an entry of the audit of a form that this version does not know") from None


def _code(outcome: Mapping[str, Mapping[str, object]]) -> str | None:
    """Return the code or reason of an end: of a result, only what says why it is not as usual."""
    if "error" in outcome:
        return str(outcome["error"].get("code"))
    result = outcome.get("result", {})
    if result.get("current") is False:
        return SUPERSEDED
    reason = result.get("reason")
    return None if reason is None else str(reason)
