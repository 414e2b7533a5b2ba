"""Quarantine items: what failed, why, how often; in a few partitions, so that a flood of them is no hot key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.errors import NotFound
from chalicelib.model.clock import SECOND
from chalicelib.model.quarantine import KEEP_SECONDS, MOST_SIGHTINGS, Quarantined, Sighting
from chalicelib.store import keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chalicelib.store.table import Table


class Quarantine:
    """The quarantine of one table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def sighted(self, sighting: Sighting, now: int) -> bool:
        """Note a failure and tell whether what failed is set aside now: it need not come again.

        One UpdateItem. It is set aside at once if the failure is final, else when it was met MOST_SIGHTINGS times.
        """
        item = self._table.update_returning(
            keys.quarantine_key(sighting.source, sighting.pointer),
            "SET kind = :kind, #source = :source, #pointer = :pointer, job_id = :job, reason = :reason,"
            " first_seen = if_not_exists(first_seen, :now), last_seen = :now, #ttl = :ttl ADD seen :one",
            names={"#source": "source", "#pointer": "pointer", "#ttl": "ttl"},
            kind="quarantine",
            source=sighting.source,
            pointer=sighting.pointer,
            job=sighting.job_id or "",
            reason=sighting.reason,
            now=now,
            ttl=now // SECOND + KEEP_SECONDS,
            one=1,
        )
        if item.get("is_aside"):
            return True
        if not sighting.is_final and item["seen"] < MOST_SIGHTINGS:
            return False
        self._table.update(keys.quarantine_key(sighting.source, sighting.pointer), "SET is_aside = :yes", yes=True)
        return True

    def listed(self) -> Iterator[Quarantined]:
        """Yield all that is known to fail, one Query a shard and page."""
        for shard in keys.quarantine_shards():
            start: dict[str, Any] = {}
            while True:
                items, more = self._table.query(
                    KeyConditionExpression="pk = :pk", values={":pk": shard}, ConsistentRead=True, **start
                )
                yield from (_from_item(item) for item in items)
                if not more:
                    break
                start = {"ExclusiveStartKey": more}

    def find(self, source: str, pointer: str) -> Quarantined:
        """Return one. Raises NotFound."""
        item = self._table.get(keys.quarantine_key(source, pointer))
        if item is None:
            raise NotFound
        return _from_item(item)

    def release(self, source: str, pointer: str) -> None:
        """Forget one: it was replayed, or somebody decided that it does not matter."""
        self._table.delete(keys.quarantine_key(source, pointer))


def _from_item(item: Mapping[str, Any]) -> Quarantined:
    return Quarantined(
        source=item["source"],
        pointer=item["pointer"],
        job_id=item.get("job_id") or None,
        reason=item["reason"],
        first_seen=item["first_seen"],
        last_seen=item["last_seen"],
        seen=item["seen"],
        is_aside=item.get("is_aside", False),
    )
