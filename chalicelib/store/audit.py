"""Lists of the audit's entries, latest first.

    the list is narrowed to    where                                partitions
    a subject                  audit-of-subject                     1
    a principal                audit-of-principal                   PRINCIPAL_SHARDS
    neither                    the table, a day after the other     AUDIT_SHARDS of each day

An index holds whole entries, so that a page needs no second read. What several partitions hold is asked side by side
and merged. No two entries have the same sort key, so a page goes on behind the last one's, in all partitions.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from chalicelib.errors import Unreadable
from chalicelib.model.audit import DAY
from chalicelib.model.clock import SECOND
from chalicelib.store import keys
from chalicelib.store.trail import day_of, entry_from_item

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Executor

    from chalicelib.model.audit import Entry
    from chalicelib.model.window import Window
    from chalicelib.store.table import Table

EXAMINED = 1_000
"""Entries that are looked at for a page, at the most: what is rare (a subject's, by one principal) must not take all
day."""

EXAMINED_DAYS = 4
"""Days that a page of all entries looks into, at the most: each is AUDIT_SHARDS Queries."""

FIRST_PAGE = 20
"""Entries asked first of each of several partitions: they are a kilobyte each, and most are not shown."""

FURTHER_PAGE = 50
"""Entries asked of a partition that has run dry."""

Page = tuple[list["Entry"], str | None]
"""Entries, and what the next page begins behind; None at the end."""


class _Source(Struct, frozen=True, kw_only=True):
    """Where rows come from: an index (None: the table itself), its hash key, the partitions."""

    index: str | None
    hash: str
    partitions: Sequence[str]


class AuditLists:
    """The audit of one table, as it is read. `pool` asks partitions side by side."""

    def __init__(self, table: Table, pool: Executor) -> None:
        self._table = table
        self._pool = pool

    def page(self, window: Window, *, limit: int, after: str | None) -> Page:
        """Return up to `limit` entries from behind `after`, latest first, and what the next page begins behind.

        A page may hold fewer than `limit`, even none, and not be the last.
        """
        found: list[Entry] = []
        looked_at = 0
        for entry in self.entries(window, after=after, ahead=limit + 1):
            if isinstance(entry, str):  # days without an entry were looked into, enough for a page
                return found, entry
            if len(found) == limit or looked_at == EXAMINED:
                return found, after
            looked_at, after = looked_at + 1, entry.order
            if window.takes(entry):
                found.append(entry)
        return found, None

    def entries(self, window: Window, *, after: str | None, ahead: int) -> Iterator[Entry | str]:
        """Yield the entries of a window from behind `after`, latest first; some may not belong to it (see Window).

        Of a list without subject and principal, EXAMINED_DAYS at the most; then what to go on behind, if there is more.
        """
        if window.subject is not None:
            source = _Source(index="audit-of-subject", hash="audit_subject", partitions=[window.subject])
        elif window.principal is not None:
            shards = keys.principal_shards(window.principal)
            source = _Source(index="audit-of-principal", hash="audit_principal", partitions=shards)
        else:
            yield from self._by_day(window, after, ahead)
            return
        yield from self._merged(source, _place(window.since), after or _place(window.until), ahead)

    def _by_day(self, window: Window, after: str | None, ahead: int) -> Iterator[Entry | str]:
        high = after or _place(window.until)
        moment = int(high[:16]) - ("#" not in high)  # what stands before midnight itself is of the day before
        for _ in range(EXAMINED_DAYS):
            if moment < window.since:
                return
            begins = moment - moment % (DAY * SECOND)
            source = _Source(index=None, hash="pk", partitions=keys.audit_partitions(day_of(moment)))
            yield from self._merged(source, _place(max(begins, window.since)), high, ahead)
            high, moment = _place(begins), begins - 1
        if moment >= window.since:
            yield high

    def _merged(self, source: _Source, low: str, high: str, ahead: int) -> Iterator[Entry]:
        size = ahead if len(source.partitions) == 1 else min(FIRST_PAGE, ahead)
        first = list(self._pool.map(lambda one: self._query(source, one, (low, high), size), source.partitions))
        rows = [self._rows(source, one, (low, high), page) for one, page in zip(source.partitions, first, strict=True)]
        for item in heapq.merge(*rows, key=lambda item: str(item["sk"]), reverse=True):
            entry = _readable(item)
            if entry is not None and item["sk"] < high:  # the bound itself was shown, or is out
                yield entry

    def _rows(
        self, source: _Source, partition: str, bounds: tuple[str, str], page: tuple[list[dict[str, Any]], Any]
    ) -> Iterator[dict[str, Any]]:
        items, more = page
        yield from items
        while more:
            items, more = self._query(source, partition, bounds, FURTHER_PAGE, more)
            yield from items

    def _query(
        self, source: _Source, partition: str, bounds: tuple[str, str], size: int, start: Any = None
    ) -> tuple[list[dict[str, Any]], Any]:
        return self._table.query(
            **({} if source.index is None else {"IndexName": source.index}),
            KeyConditionExpression="#hash = :shard AND sk BETWEEN :low AND :high",
            ExpressionAttributeNames={"#hash": source.hash},
            values={":shard": partition, ":low": bounds[0], ":high": bounds[1]},
            ScanIndexForward=False,
            Limit=size,
            **({} if start is None else {"ExclusiveStartKey": start}),
        )


def _place(at: int) -> str:
    """Return what sorts before all entries of a moment and behind all of earlier ones."""
    return f"{at:016d}"


def _readable(item: Mapping[str, Any]) -> Entry | None:
    try:
        return entry_from_item(item)
    except Unreadable:  # what was never written by this code: it must not hide the others
        return None
