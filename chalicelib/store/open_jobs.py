"""The open jobs, through the sparse sharded index that a job leaves when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.model.watch import Scope
from chalicelib.store import keys
from chalicelib.store.items import job_from_item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.model.job import Job
    from chalicelib.model.watch import Watch
    from chalicelib.store.table import Table

INDEX = "open-jobs"


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
            shards = [keys.shard_name(number) for number in range(keys.OPEN_SHARDS)]
        found: list[Job] = []
        for shard in shards:
            for job in self._in(shard, watch.person):
                if watch.hears_of(job):
                    found.append(job)
                if len(found) > limit:
                    return _oldest_first(found[:limit]), True
        return _oldest_first(found), False

    def _in(self, shard: str, person: str) -> Iterator[Job]:
        start: dict[str, Any] = {}
        while True:
            items, more = self._table.query(
                IndexName=INDEX,
                KeyConditionExpression="open_shard = :shard",
                FilterExpression="#subject = :person OR requester = :person",
                ExpressionAttributeNames={"#subject": "subject"},
                values={":shard": shard, ":person": person},
                **start,
            )
            yield from (job_from_item(item) for item in items)
            if not more:
                return
            start = {"ExclusiveStartKey": more}


def _oldest_first(jobs: list[Job]) -> list[Job]:
    return sorted(jobs, key=lambda job: job.accepted_at)
