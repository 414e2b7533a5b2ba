"""Lists of jobs, newest first, through the indexes that hold their keys.

    the list is narrowed to        index                partitions               newest by
    a subject                      jobs-of-subject      1: the subject           accepted_at
    PENDING or IN_PROGRESS         open-jobs            OPEN_SHARDS              due_at: looked after last
    FAILED or CANCELLED            unsuccessful-jobs    UNSUCCESSFUL_SHARDS      accepted_at
    anything else                  jobs-of-type         LIST_SHARDS of the types accepted_at

Several partitions are asked side by side and merged. Rows of one sort value stand in the order of their partitions, and
within one partition in DynamoDB's own, which nobody documents: so a page begins behind a row, by its key, and never by
comparing ids.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.errors import InvalidParameter, Unreadable
from chalicelib.model.job import OPEN, Type
from chalicelib.model.listing import LATEST, Position
from chalicelib.store import keys
from chalicelib.store.attributes import to_attributes
from chalicelib.store.items import JOB_ATTRIBUTES, job_from_item

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Executor

    from chalicelib.model.job import Job
    from chalicelib.model.listing import Wanted
    from chalicelib.store.table import Table

SHARD_PAGE = 25
"""Rows asked first of each of several partitions: what the least read, half a unit of 4 KB, brings anyhow."""

FURTHER_PAGE = 100
"""Rows asked of a partition that has run dry."""


class Source(Struct, frozen=True, kw_only=True):
    """Where a list comes from: an index, its hash and range key, and those of its partitions that hold the list."""

    index: str
    hash: str
    range: str
    partitions: Sequence[str]


class Start(Struct, frozen=True, kw_only=True):
    """Where the rows of a partition begin: at a bound of the sort value, and behind a key where there is one."""

    relation: Literal["<", "<="]
    at: int
    key: Mapping[str, Any] | None = None


Page = tuple[list[Position], Start | None]
"""Rows of a partition, and where the next page starts; None where there is none."""


def source_of(wanted: Wanted) -> Source:
    """Choose the index whose rows are the fewest to look at."""
    if wanted.subject is not None:
        return Source(index="jobs-of-subject", hash="subject", range="accepted_at", partitions=[wanted.subject])
    if wanted.status in OPEN:
        return Source(index="open-jobs", hash="open_shard", range="due_at", partitions=keys.open_shards())
    if wanted.status in keys.UNSUCCESSFUL:
        shards = keys.unsuccessful_shards(wanted.status)
        return Source(index="unsuccessful-jobs", hash="unsuccessful_shard", range="accepted_at", partitions=shards)
    types = Type if wanted.type is None else [wanted.type]
    shards = [shard for job_type in types for shard in keys.list_shards(job_type)]
    return Source(index="jobs-of-type", hash="list_shard", range="accepted_at", partitions=shards)


class JobLists:
    """The lists of one table. `pool` asks partitions side by side."""

    def __init__(self, table: Table, pool: Executor) -> None:
        self._table = table
        self._pool = pool

    def rows(self, wanted: Wanted, *, after: Position | None, ahead: int, latest: int = LATEST) -> Iterator[Position]:
        """Yield the rows of a list, newest first, from behind row `after`; some may not belong to it (see Wanted).

        One Query of `ahead` rows where it is one partition's, else one of SHARD_PAGE rows for each; then further ones
        of those that run dry. The first page begins at sort value `latest`. Raises InvalidParameter for an `after` that
        is no row of this list.
        """
        source = source_of(wanted)
        starts = _starts(source, after, latest)
        size = ahead if len(source.partitions) == 1 else SHARD_PAGE
        first = self._pool.map(lambda partition: self._query(source, partition, size, starts[partition]), starts)
        pages = zip(starts, list(first), strict=True)
        partitions = [self._partition(source, partition, page) for partition, page in pages]
        return heapq.merge(*partitions, key=lambda row: -row.at)  # of equals the earlier partition's come first

    def jobs(self, rows: Sequence[Position]) -> Mapping[str, Job]:
        """Return the jobs of up to 100 rows by id, as the table has them. One BatchGetItem.

        Left out is what is gone by its time to live since, and what a later version wrote.
        """
        ids = dict.fromkeys(row.id for row in rows)  # a batch that names a key twice is refused
        items = self._table.get_many([keys.job_key(job_id) for job_id in ids], only=JOB_ATTRIBUTES)
        return {job.id: job for item in items if (job := _readable(item)) is not None}

    def _partition(self, source: Source, partition: str, page: Page) -> Iterator[Position]:
        """Yield a partition's rows from a page on, each further page when it is come to."""
        rows, further = page
        yield from rows
        while further:
            rows, further = self._query(source, partition, FURTHER_PAGE, further)
            yield from rows

    def _query(self, source: Source, partition: str, size: int, start: Start) -> Page:
        items, more = self._table.query(
            IndexName=source.index,
            KeyConditionExpression=f"#shard = :shard AND #at {start.relation} :at",
            ExpressionAttributeNames={"#shard": source.hash, "#at": source.range},
            values={":shard": partition, ":at": start.at},
            ScanIndexForward=False,
            Limit=size,
            **({"ExclusiveStartKey": start.key} if start.key else {}),
        )
        rows = [Position(partition=partition, at=item[source.range], id=keys.job_id(item)) for item in items]
        return rows, replace(start, key=more) if more else None


def _starts(source: Source, after: Position | None, latest: int) -> dict[str, Start]:
    """Return for each partition where its rows behind `after` begin.

    Of the rows with its sort value, those of earlier partitions were shown and those of later ones were not; in its own
    partition DynamoDB goes on behind its key, whether or not the row still stands there.
    """
    if after is None:
        return dict.fromkeys(source.partitions, Start(relation="<=", at=latest))
    if after.partition not in source.partitions:  # forged, or given when the shards were others
        rule = "one that this service gave"
        raise InvalidParameter(f"cursor: {rule}", field="cursor", rule=rule)
    key = to_attributes({source.hash: after.partition, source.range: after.at, **keys.job_key(after.id)})
    begun = source.partitions.index(after.partition)
    return {
        **dict.fromkeys(source.partitions[:begun], Start(relation="<", at=after.at)),
        after.partition: Start(relation="<=", at=after.at, key=key),
        **dict.fromkeys(source.partitions[begun + 1 :], Start(relation="<=", at=after.at)),
    }


def _readable(item: Mapping[str, Any]) -> Job | None:
    try:
        return job_from_item(item)
    except Unreadable:  # a later version's, say: one row must not cost everybody else theirs
        return None
