"""Documents of outsiders ⇄ items: public ones only, for nothing here is sealed.

What is stored is a contract (see `items.py`): times that are missing are 0, which means never; a `document` that is
missing was dropped, or never fetched. All stand in one partition, so that one Query lists them: they are a handful, and
each process looks at one a second, half a read unit for each 4 KB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from chalicelib.errors import CloakroomError, Conflict, Unreadable
from chalicelib.model.cached import Entry, NotRead
from chalicelib.model.clock import SECOND
from chalicelib.store import keys
from chalicelib.store.table import ConditionFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.store.table import Table

NEW: Final = "attribute_not_exists(pk)"
"""Nobody wrote an entry meanwhile."""

AS_SEEN: Final = "rev = :seen"
"""Nobody changed it since it was seen: no lease was taken, nothing fetched, nothing dropped."""

KEPT_AFTER: Final = 86_400
"""Seconds from when a document is no longer usable until DynamoDB may delete it."""

RACES: Final = 8

_TIMES: Final = ("fetched_at", "fresh_until", "stale_until", "tried_at", "failed_at", "lease_until")


class CachedDocuments:
    """The shelf of one table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def look(self, name: str, *, consistent: bool) -> Entry:
        """Return the entry, one with `rev` 0 where there is none. One GetItem; may raise Unreadable."""
        item = self._table.get(keys.cached_key(name), consistent=consistent)
        return Entry(name=name) if item is None else entry_from_item(item)

    def write(self, entry: Entry, *, seen: Entry) -> Entry:
        """Put `entry` in the place of `seen` and return what stands there then: another one if its writer was first.

        One PutItem, which costs what an UpdateItem does (units follow the item's size) and needs one right less.
        """
        item = entry_to_item(entry)
        try:
            if seen.rev:
                self._table.put(item, condition=AS_SEEN, seen=seen.rev)
            else:
                self._table.put(item, condition=NEW)
        except ConditionFailed as refused:
            return Entry(name=entry.name) if refused.item is None else entry_from_item(refused.item)
        return entry

    def to_read(self) -> ReadOnly:
        """Return a shelf for who must not write."""
        return ReadOnly(self)

    def listed(self) -> list[Entry | Unreadable]:
        """Return all entries, for an operator. One Query for each megabyte."""
        found: list[Entry | Unreadable] = []
        start: dict[str, Any] = {}
        while True:
            items, more = self._table.query(
                KeyConditionExpression="pk = :pk", values={":pk": keys.CACHE}, ConsistentRead=True, **start
            )
            found += [_readable(item) for item in items]
            if not more:
                return found
            start = {"ExclusiveStartKey": more}

    def drop(self, name: str, now: int) -> bool:
        """Let a document serve nobody any more, also from memory; False where there is none. Raises Conflict.

        The entry stays as a mark: it refuses the write of whoever is fetching, who may have what is dropped here.
        """
        for _ in range(RACES):
            try:
                seen = self.look(name, consistent=True)
            except Unreadable:  # whatever it is, it must not stand in the way
                self._table.put(entry_to_item(Entry(name=name).dropped(now)))
                return True
            if not seen.rev:
                return False
            dropped = seen.dropped(now)
            if self.write(dropped, seen=seen) == dropped:
                return True
        raise Conflict("the document changed too often while it was being dropped: try again")


class ReadOnly:
    """A shelf on which somebody else is always first: what stands there is read, and nothing is ever fetched for it.

    Who takes no lease does not ask the source either (`outbound.cache`), and waits for those who do. Where the table
    does not answer, `outbound.cache` would go on by asking for itself: it hears NotRead, which it does not catch.
    """

    def __init__(self, documents: CachedDocuments) -> None:
        self._documents = documents

    def look(self, name: str, *, consistent: bool) -> Entry:
        """Return the entry as `CachedDocuments.look` does. Raises NotRead."""
        try:
            return self._documents.look(name, consistent=consistent)
        except CloakroomError as error:
            raise NotRead from error

    def write(self, entry: Entry, *, seen: Entry) -> Entry:  # noqa: ARG002  what a shelf is asked
        """Write nothing, and return what stands there: whoever wrote it was first. Raises NotRead."""
        return self.look(entry.name, consistent=True)


def entry_to_item(entry: Entry) -> dict[str, object]:
    """Write an entry."""
    lasts_until = max(entry.stale_until, entry.rev) // SECOND + KEPT_AFTER
    return {
        **keys.cached_key(entry.name),
        "kind": "cache",
        "name": entry.name,
        "rev": entry.rev,
        "generation": entry.generation,
        "document": entry.document,
        **{time: getattr(entry, time) for time in _TIMES if getattr(entry, time)},
        "ttl": lasts_until,
    }


def entry_from_item(item: Mapping[str, Any]) -> Entry:
    """Read an entry. Raises Unreadable."""
    name, document = item.get("name"), item.get("document")
    numbers = {number: item.get(number, 0) for number in ("rev", "generation", *_TIMES)}
    if not isinstance(name, str) or not isinstance(document, bytes | None):
        raise Unreadable("a cached document of a form that this version does not know")
    if not all(type(number) is int and number >= 0 for number in numbers.values()) or not numbers["rev"]:
        raise Unreadable("a cached document whose times are none")
    return Entry(name=name, document=document, **numbers)


def _readable(item: Mapping[str, Any]) -> Entry | Unreadable:
    try:
        return entry_from_item(item)
    except Unreadable as fault:
        return fault
