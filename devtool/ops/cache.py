"""`ops cache`: what was taken from outsiders, and letting it serve nobody any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.errors import Conflict, Unreadable
from devtool.errors import DevError
from devtool.ops import show
from devtool.ops.stage import now

if TYPE_CHECKING:
    from chalicelib.model.cached import Entry
    from devtool.ops.stage import Stage


def listed(stage: Stage, *, as_json: bool) -> None:
    """List the documents: how old they are, and how long they serve."""
    moment = now()
    found = [_row(entry, moment) for entry in stage.cache.listed()]
    show.rows(found, as_json=as_json, nothing="nothing is cached")


def dropped(stage: Stage, name: str) -> str:
    """Let a document serve nobody any more. Returns what was done. Raises DevError if it was not dropped."""
    try:
        is_dropped = stage.cache.drop(name, now())
    except Conflict as outrun:
        raise DevError(outrun.detail) from None
    if not is_dropped:
        raise DevError(f"nothing is cached under {name}: see ./dev ops cache list")
    return "dropped: within a second nobody serves it any more, and the next one to need it fetches it"


def _row(entry: Entry | Unreadable, moment: int) -> show.Row:
    if isinstance(entry, Unreadable):
        return _columns(name=None, state=f"unreadable: {entry.detail}")
    return _columns(
        name=entry.name,
        state=_state(entry, moment),
        bytes=None if entry.document is None else len(entry.document),
        fetched=show.ago(entry.fetched_at, moment) if entry.fetched_at else None,
        tried=show.ago(entry.tried_at, moment) if entry.tried_at else None,
        failed=show.ago(entry.failed_at, moment) if entry.failed_at else None,
    )


def _columns(**given: object) -> show.Row:
    return {**dict.fromkeys(("name", "state", "bytes", "fetched", "tried", "failed")), **given}


def _state(entry: Entry, moment: int) -> str:
    if moment < entry.lease_until:
        return "being fetched"
    if entry.document is None:
        return "dropped" if entry.generation else "never fetched"
    if moment < entry.fresh_until:
        return "fresh"
    return "stale" if moment < entry.stale_until else "too old"
