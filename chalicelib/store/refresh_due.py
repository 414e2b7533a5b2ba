"""The scheduled refreshes, through the sparse sharded index that a token leaves when its refresh begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.model.clock import SECOND
from chalicelib.store import keys
from chalicelib.store.table import ConditionFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.store.table import Table

INDEX = "refresh-due"

THERE = "attribute_exists(pk)"
"""The item was not deleted meanwhile: an update would make it anew."""


class RefreshDue:
    """The schedule of one table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def shards(self) -> list[str]:
        """Return the index's partitions."""
        return keys.refresh_shards()

    def due(self, shard: str, now: int) -> Iterator[str]:
        """Yield the ids of the tokens due at `now` (microseconds), longest overdue first. One Query a page."""
        start: dict[str, Any] = {}
        while True:
            items, more = self._table.query(
                IndexName=INDEX,
                KeyConditionExpression="refresh_shard = :shard AND refresh_at <= :now",
                values={":shard": shard, ":now": now // SECOND},
                **start,
            )
            yield from (str(item["pk"]).removeprefix("JOB#") for item in items)
            if not more:
                return
            start = {"ExclusiveStartKey": more}

    def drop(self, token_id: str) -> None:
        """Take a token off the schedule."""
        try:
            self._table.update(keys.job_key(token_id), "REMOVE refresh_shard, refresh_at", condition=THERE)
        except ConditionFailed:
            return
