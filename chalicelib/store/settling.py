"""Settle a token: make it its place's current one, and end its job, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.errors import Conflict
from chalicelib.model.audit import Event, asker_of
from chalicelib.model.clock import SECOND
from chalicelib.model.job import Job, Status
from chalicelib.model.token import KEEP_RECORD
from chalicelib.store import keys
from chalicelib.store.deposits import NEW
from chalicelib.store.endings import OURS, ended, ours
from chalicelib.store.items import current_from_item, current_to_item, job_to_item
from chalicelib.store.table import TransactionCancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.model.token import Token
    from chalicelib.store.endings import Outcome
    from chalicelib.store.table import Table
    from chalicelib.store.trail import Trail

STILL_PENDING = "#status = :pending"
"""The job was neither finished nor claimed: a second delivery of the same record changes nothing."""

KEPT = "attribute_not_exists(revoked_at)"
"""Nobody deleted the token before it was settled."""

NEWER = "attribute_not_exists(pk) OR #rank < :rank"
"""No token accepted later stands in this place already: newest wins, in whatever order records come."""

STANDS_AS_SEEN = "token_id = :seen"
"""The place still shows the token that is being replaced."""

THERE_AND_KEPT = "attribute_exists(pk) AND attribute_not_exists(revoked_at)"
"""The token that is being replaced is there, and nobody deleted it."""

_RANK = {"#rank": "rank"}
RACES = 5


def settle(table: Table, job: Job, token: Token, now: int, refresh_at: int | None, *, trail: Trail) -> Status | None:
    """Settle a token: see `Jobs.settle`."""
    try:
        table.transact(operations(table, job, token, now, refresh_at, trail=trail))
    except TransactionCancelled as cancelled:
        job_refused, superseded, _ = cancelled.failed
        if job_refused:
            return _refused(table, job, cancelled.items[0], now, trail)
        if not superseded:
            raise
        return _end_superseded(table, job, token, now, trail)
    return Status.SUCCEEDED


def operations(
    table: Table, job: Job, token: Token, now: int, refresh_at: int | None, *, trail: Trail
) -> list[dict[str, Any]]:
    """Return what settles a token: its job's end, its place's current token, the audit's entry; in this order."""
    return [
        table.update_operation(**_settled(job, now, current=True, refresh_at=refresh_at)),
        table.put_operation(current_to_item(token), condition=NEWER, names=_RANK, rank=token.rank),
        trail.stored(job, token, now, current=True),
    ]


def settle_instead(
    table: Table,
    job: Job,
    token: Token,
    now: int,
    *,
    refresh_at: int | None,
    revoking: Callable[[Token], Job],
    trail: Trail,
) -> Status | None:
    """Settle a token and delete the one that it replaces: see `Jobs.settle_instead`.

    Where nothing stands, or something newer, or what was deleted before, there is nothing to replace.
    """
    for _ in range(RACES):
        item = table.get(keys.current_key(token.place))
        standing = None if item is None else current_from_item(item)
        if standing is not None and (standing.revoked_at is not None or standing.rank >= token.rank):
            return settle(table, job, token, now, refresh_at, trail=trail)
        condition, operands = (NEW, {}) if standing is None else (STANDS_AS_SEEN, {"seen": standing.id})
        replacing = [
            table.update_operation(**_settled(job, now, current=True, refresh_at=refresh_at)),
            table.put_operation(current_to_item(token), condition=condition, **operands),
            *([] if standing is None else _deleting(table, standing, revoking(standing), now, trail)),
            trail.stored(job, token, now, current=True),
        ]
        try:
            table.transact(replacing)
        except TransactionCancelled as cancelled:
            if cancelled.failed[0]:
                return _refused(table, job, cancelled.items[0], now, trail)
            if standing is not None and cancelled.failed[2] and not cancelled.failed[1]:
                return settle(table, job, token, now, refresh_at, trail=trail)  # deleted, or past its time to live
            continue
        return Status.SUCCEEDED
    raise Conflict("the place changed too often while its token was being replaced")


def _deleting(table: Table, standing: Token, revocation: Job, now: int, trail: Trail) -> list[dict[str, Any]]:
    mark = table.update_operation(
        keys.job_key(standing.id),
        "SET revoked_at = :now, revocation = :revocation",
        condition=THERE_AND_KEPT,
        now=now,
        revocation=revocation.id,
    )
    return [
        mark,
        table.put_operation(job_to_item(revocation, ttl=now // SECOND + KEEP_RECORD), condition=NEW),
        trail.about_token(standing, Event.DELETED, now, asker_of(revocation), job_id=revocation.id, code="replaced"),
    ]


def _end_superseded(table: Table, job: Job, token: Token, now: int, trail: Trail) -> Status | None:
    ending = table.update_operation(**_settled(job, now, current=False))
    try:
        table.transact([ending, trail.stored(job, token, now, current=False)])
    except TransactionCancelled as cancelled:
        if not cancelled.failed[0]:
            raise
        return _refused(table, job, cancelled.items[0], now, trail)
    return Status.SUCCEEDED


def was_deleted(job: Job, stored: Mapping[str, object]) -> bool:
    """Tell whether a job that cannot be settled is still as it was, and its token deleted: so it is to be cancelled."""
    return "revoked_at" in stored and stored.get("status") == job.status


def _refused(table: Table, job: Job, stored: Mapping[str, object] | None, now: int, trail: Trail) -> Status | None:
    """End the job as CANCELLED if its token was deleted before it was settled; else it is not ours to end."""
    if stored is None or not was_deleted(job, stored):
        return None
    outcome = {"result": {"reason": "token_deleted"}}
    entry = trail.ended(job, Status.CANCELLED, now, outcome)
    try:
        table.transact([table.update_operation(**_cancelled(job, now, outcome)), entry])
    except TransactionCancelled as cancelled:
        if not cancelled.failed[0]:
            raise
        return None
    return Status.CANCELLED


def _settled(job: Job, now: int, *, current: bool, refresh_at: int | None = None) -> dict[str, Any]:
    """Return the update that ends a settled job: one that the stream brings, or one that the worker has claimed."""
    condition, operands = _mine(job)
    also_set = ", attempts = attempts + :one" if job.status is Status.PENDING else ""
    if refresh_at is not None:
        also_set += ", refresh_shard = :refresh_shard, refresh_at = :refresh_at"
        operands |= {"refresh_shard": keys.refresh_shard(job.id), "refresh_at": refresh_at}
    return ended(
        job,
        Status.SUCCEEDED,
        now,
        {"result": {"current": current}},
        condition=f"{condition} AND {KEPT}",
        operands=operands,
        also_set=also_set,
    )


def _cancelled(job: Job, now: int, outcome: Outcome) -> dict[str, Any]:
    condition, operands = _mine(job)
    return ended(job, Status.CANCELLED, now, outcome, condition=condition, operands=operands)


def _mine(job: Job) -> tuple[str, dict[str, object]]:
    if job.status is Status.PENDING:
        return STILL_PENDING, {"pending": Status.PENDING}
    return OURS, ours(job)
