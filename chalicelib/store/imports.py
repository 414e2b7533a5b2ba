"""Imports in the table: the job with where its lines are and how far it is, its tokens, its refused lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from chalicelib.errors import Conflict, NotFound, Unreadable
from chalicelib.model.imports import CHUNK_LINES, ImportRequest, Refusal, Source, keep_import_until, refusal_view
from chalicelib.model.job import BUDGETS, DISPATCH_GRACE, Status, Type
from chalicelib.store import keys
from chalicelib.store.deposits import NEW
from chalicelib.store.items import current_to_item, deposit_to_item, history_entry, job_from_item, job_to_item
from chalicelib.store.settling import NEWER
from chalicelib.store.table import ConditionFailed, TransactionCancelled
from chalicelib.store.trail import Trail

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from chalicelib.model.deposit import Deposit
    from chalicelib.model.job import Job
    from chalicelib.model.token import Token
    from chalicelib.store.table import Table

LINES_OF_AN_ITEM = CHUNK_LINES
"""Lines that one item of refused lines is about, in any version so far: a page begins in an item that begins so many
lines before it at the most. Never lower it below what was written."""

RACES = 5
"""How often a transaction is tried against what it finds there already, and newer tokens."""


class Imports:
    """The imports of one table."""

    def __init__(self, table: Table, trail: Trail | None = None) -> None:
        self._table = table
        self._trail = Trail(table) if trail is None else trail

    def accept(self, request: ImportRequest) -> ImportRequest | None:
        """Store an import with one conditional PutItem and no read.

        Returns None when it is stored now; otherwise what is stored under this id already, unchanged.
        """
        item = {
            **job_to_item(request.job, ttl=keep_import_until(request.job)),
            "source": {"key": request.source.key, "etag": request.source.etag, "size": request.source.size},
            "body_mark": request.body_mark,
            "key_version": request.key_version,
        }
        try:
            self._table.put(item, condition=NEW)
        except ConditionFailed as taken:
            if taken.item is None:
                raise
            return _request(taken.item)
        return None

    def source(self, job_id: str) -> Source:
        """Return where an import's lines are. Raises NotFound."""
        item = self._table.get(keys.job_key(job_id))
        if item is None:
            raise NotFound
        return _source(item)

    def store(self, deposits: Sequence[Deposit], now: int, refresh_at: Callable[[Token], int | None]) -> None:
        """Store up to TRANSACTION_TOKENS tokens, each settled already, in one transaction; one that is there stays.

        Of several tokens of a place the last becomes current, unless a newer one stands there: a transaction cannot
        touch an item twice. `refresh_at` says when such a one is refreshed by itself (epoch seconds). Raises Conflict
        when other writers were in the way too often.
        """
        waiting, superseded = list(deposits), frozenset[str]()
        for _ in range(RACES):
            if not waiting:
                return
            last = {deposit.token.place: deposit.token.id for deposit in waiting}
            current = frozenset(last.values()) - superseded
            try:
                self._table.transact(self._operations(waiting, current, now, refresh_at))
            except TransactionCancelled as cancelled:
                waiting, superseded = without_failed(waiting, current, superseded, cancelled.failed)
            else:
                return
        raise Conflict("places changed too often while an import's tokens were put there")

    def leave(self, deposit: Deposit, now: int) -> None:
        """Store a token for the stream to settle, as the intake does; one that is there stays.

        Its time to be settled counts from now: the import may have been accepted a day ago.
        """
        job = replace(deposit.job, due_at=now + DISPATCH_GRACE, deadline_at=now + BUDGETS[deposit.job.type].lifetime)
        try:
            self._table.put(deposit_to_item(replace(deposit, job=job)), condition=NEW)
        except ConditionFailed:
            return

    def refuse(self, job: Job, first_line: int, refusals: Sequence[Refusal]) -> None:
        """Note the refused lines of a chunk, which begins at `first_line`: again is the same."""
        self._table.put(
            {
                **keys.refusals_key(job.id, first_line),
                "kind": "refusals",
                "refusals": [refusal_view(one) for one in refusals],
                "ttl": keep_import_until(job),
            }
        )

    def refusals(self, job_id: str, *, after: int, limit: int) -> tuple[list[Refusal], int | None]:
        """Return up to `limit` refused lines behind line `after`, and the line that the next page begins behind.

        One Query, of up to 1 MB where every line was refused.
        """
        first = max(0, after + 1 - LINES_OF_AN_ITEM)
        items, more = self._table.query(
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            values={
                ":pk": keys.job_key(job_id)["pk"],
                ":first": keys.refusals_key(job_id, first)["sk"],
                ":last": keys.refusals_key(job_id, keys.LAST_LINE)["sk"],
            },
            Limit=limit + 1,  # the first item may hold nothing that is behind `after`
            ConsistentRead=True,
        )
        found = [refusal for item in items for refusal in _refusals(item) if refusal.line > after]
        page = found[:limit]
        return page, page[-1].line if page and (more or len(found) > limit) else None

    def _operations(
        self,
        deposits: Sequence[Deposit],
        current: frozenset[str],
        now: int,
        refresh_at: Callable[[Token], int | None],
    ) -> list[dict[str, Any]]:
        """Return the writes of the deposits, in their order; of the `current` tokens, in the same; of their entries."""
        stored = [
            self._table.put_operation(_current(deposit, now, refresh_at), condition=NEW)
            if deposit.token.id in current
            else self._table.put_operation(_settled(deposit, now, current=False), condition=NEW)
            for deposit in deposits
        ]
        put_up = [
            self._table.put_operation(
                current_to_item(deposit.token), condition=NEWER, names={"#rank": "rank"}, rank=deposit.token.rank
            )
            for deposit in deposits
            if deposit.token.id in current
        ]
        entries = [
            self._trail.stored(deposit.job, deposit.token, now, current=deposit.token.id in current)
            for deposit in deposits
        ]
        return stored + put_up + entries


def without_failed(
    waiting: list[Deposit], current: frozenset[str], superseded: frozenset[str], failed: Sequence[bool]
) -> tuple[list[Deposit], frozenset[str]]:
    """Return what is still to be stored, and which of it is not to be current.

    A deposit that failed is there: an attempt that died stored it, and decided then whether it was current.
    """
    put_up = [deposit for deposit in waiting if deposit.token.id in current]
    of_places = failed[len(waiting) : len(waiting) + len(put_up)]
    newer = {deposit.token.id for deposit, lost in zip(put_up, of_places, strict=True) if lost}
    left = [deposit for deposit, lost in zip(waiting, failed, strict=False) if not lost]
    return left, superseded | newer


def _current(deposit: Deposit, now: int, refresh_at: Callable[[Token], int | None]) -> dict[str, object]:
    """Write a token that is put up as current, on the schedule of refreshes if it is to be refreshed by itself."""
    item, at = _settled(deposit, now, current=True), refresh_at(deposit.token)
    return item if at is None else {**item, "refresh_shard": keys.refresh_shard(deposit.token.id), "refresh_at": at}


def _settled(deposit: Deposit, now: int, *, current: bool) -> dict[str, object]:
    """Write a token as it is when its job has ended: `rev` and the history tell of one change, as with any other."""
    result = {"current": current}
    # Whence it was asked for stands in its entry of the audit and on the import: here it would cost a KB of each token.
    ended = replace(deposit.job, status=Status.SUCCEEDED, rev=2, updated_at=now, attempts=1, result=result, origin=None)
    item = deposit_to_item(replace(deposit, job=ended))
    return {**item, "history": [history_entry(Status.SUCCEEDED, now)]}


def _request(item: Mapping[str, Any]) -> ImportRequest:
    try:
        return ImportRequest(
            job=job_from_item(item),
            source=_source(item),
            body_mark=item["body_mark"],
            key_version=item["key_version"],
        )
    except KeyError as missing:
        raise Unreadable(f"an import without {missing}") from None


def _source(item: Mapping[str, Any]) -> Source:
    if item.get("type") != Type.IMPORT:
        raise NotFound
    try:
        return Source(**item["source"])
    except (KeyError, TypeError):
        raise Unreadable("an import whose source this version does not know") from None


def _refusals(item: Mapping[str, Any]) -> list[Refusal]:
    return [
        Refusal(line=one["line"], code=one["code"], field=one.get("field"), rule=one["rule"])
        for one in item["refusals"]
    ]
