"""The open jobs, through the sparse sharded index that a job leaves when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.errors import Unreadable
from chalicelib.model.watch import Scope
from chalicelib.store import keys
from chalicelib.store.items import job_from_item

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chalicelib.model.job import Job
    from chalicelib.model.watch import Watch
    from chalicelib.store.table import Table

INDEX = "open-jobs"

OLDEST_AMONG = 1_000
"""Rows of a partition that are looked at for the oldest: a few read units a minute, also behind a backlog."""


class OpenJobs:
    """The open jobs of one table. The index follows the table within milliseconds, not at once."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def heard_by(self, watch: Watch, *, limit: int) -> tuple[list[Job], bool]:
        """Return up to `limit` open jobs that a watch may hear of, oldest first, and whether there are more.

        One Query for jobs about a person: they share a shard. What a person handed in about others is spread over
        all OPEN_SHARDS, one Query each; only who may hand in is asked for.
        """
        if watch.scope is Scope.JOB:
            item = self._table.get(keys.job_key(str(watch.job_id)))
            return ([job_from_item(item)] if item else []), False
        shards = [keys.open_shard(watch.person)]
        if watch.scope is Scope.PERSON and watch.hands_in:
            shards = self.shards()
        found: list[Job] = []
        for shard in shards:
            for job in self._in(shard, watch.person):
                if not isinstance(job, Unreadable) and watch.hears_of(job):
                    found.append(job)
                if len(found) > limit:
                    return _oldest_first(found[:limit]), True
        return _oldest_first(found), False

    def shards(self) -> list[str]:
        """Return the index's partitions."""
        return keys.open_shards()

    def oldest(self, shard: str) -> int | None:
        """Return when a partition's oldest job was accepted, of the OLDEST_AMONG due first; None where none is open.

        One Query. What was accepted long ago and is still open is due again and again, so it stands among the first.
        """
        items, _ = self._table.query(
            IndexName=INDEX,
            KeyConditionExpression="open_shard = :shard",
            ProjectionExpression="accepted_at",
            Limit=OLDEST_AMONG,
            values={":shard": shard},
        )
        return min((item["accepted_at"] for item in items), default=None)

    def due(self, shard: str, now: int) -> Iterator[Job | Unreadable]:
        """Yield a partition's jobs that were due at `now`, longest overdue first; for an unreadable one, why.

        One Query a page.
        """
        return self._pages(
            KeyConditionExpression="open_shard = :shard AND due_at <= :now", values={":shard": shard, ":now": now}
        )

    def _in(self, shard: str, person: str) -> Iterator[Job | Unreadable]:
        return self._pages(
            KeyConditionExpression="open_shard = :shard",
            FilterExpression="#subject = :person OR requester = :person",
            ExpressionAttributeNames={"#subject": "subject"},
            values={":shard": shard, ":person": person},
        )

    def _pages(self, *, values: dict[str, object], **arguments: Any) -> Iterator[Job | Unreadable]:
        start: dict[str, Any] = {}
        while True:
            items, more = self._table.query(IndexName=INDEX, values=dict(values), **arguments, **start)
            yield from (_job_or_fault(item) for item in items)
            if not more:
                return
            start = {"ExclusiveStartKey": more}


def _job_or_fault(item: Mapping[str, Any]) -> Job | Unreadable:
    try:
        return job_from_item(item)
    except Unreadable as fault:  # a later version's, say: one row must not cost everybody else theirs
        return fault


def _oldest_first(jobs: list[Job]) -> list[Job]:
    return sorted(jobs, key=lambda job: job.accepted_at)
