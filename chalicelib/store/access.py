"""Revocations ⇄ items, and the epoch that every change of who may do what raises, in one transaction with it.

All in one partition, which IAM policies name: who may write here decides whose access lasts.
What is stored is a contract (see `items.py`). An epoch that is missing counts 0: nothing was ever changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from chalicelib.errors import Conflict, NotFound, Unreadable
from chalicelib.model.access import Epoch, Kind, Revocation, id_of, kind_of
from chalicelib.model.clock import SECOND
from chalicelib.store import keys
from chalicelib.store.attributes import to_attributes
from chalicelib.store.table import TransactionCancelled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.store.table import Table

VERSION: Final = 1
RACES: Final = 8

KEPT_AFTER: Final = 86_400
"""Seconds from when a revocation has lapsed until DynamoDB may delete it. None is deleted that has not."""

NEW: Final = "attribute_not_exists(pk)"
"""Nobody revoked the same meanwhile."""

AS_SEEN: Final = "rev = :seen"
"""Nobody changed the revocation since it was seen."""

UNREADABLE: Final = "The item cannot be read. It ends all access that its id names, until it is lifted."

THERE: Final = "attribute_exists(pk)"
"""Nobody lifted it before."""


def policies_changed(table: Table) -> dict[str, Any]:
    """Return the operation that each transaction which changes a policy must hold."""
    return _raised(table, "ADD rev :one, policies :one")


def revocations_changed(table: Table) -> dict[str, Any]:
    """Return the operation that each transaction which changes a revocation must hold."""
    return _raised(table, "ADD rev :one")


class Revocations:
    """The revocations of one table, and its epoch."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def epoch(self) -> Epoch:
        """Return the epoch. One GetItem, consistent: half a KB, one unit."""
        item = self._table.get(keys.EPOCH) or {}
        return Epoch(rev=item.get("rev", 0), policies=item.get("policies", 0))

    def all(self) -> dict[str, Revocation]:
        """Return all of them by id, lapsed ones too. One Query a megabyte."""
        found: dict[str, Revocation] = {}
        start: dict[str, Any] = {}
        while True:
            items, more = self._query(**start)
            found |= {one.id: one for one in map(_readable, items) if one is not None}
            if not more:
                return found
            start = {"ExclusiveStartKey": more}

    def page(self, *, limit: int, after: str | None) -> tuple[list[Revocation], str | None]:
        """Return up to `limit` by id, behind the id `after`, and the next page's `after`. One Query."""
        start = {} if after is None else {"ExclusiveStartKey": to_attributes(keys.revocation_key(after))}
        items, more = self._query(Limit=limit, **start)
        last = keys.revocation_id(items[-1]) if more and items else None
        return [one for one in map(_readable, items) if one is not None], last

    def revoke(self, asked: Revocation, now: int) -> Revocation:
        """Keep a revocation and return it as it is then: one that is there already is widened, never narrowed.

        Raises Conflict when others changed the same one too often.
        """
        for _ in range(RACES):
            item = self._table.get(keys.revocation_key(asked.id))
            seen_rev, wanted = 0, asked
            if item is not None:
                seen_rev, stored = item.get("rev", 0), _readable(item)
                if stored is not None and stored.name and not stored.has_lapsed(now):
                    wanted = asked.joined_with(stored)
                    if wanted.meets_as_much_as(stored):
                        return stored
            if (kept := self._kept(wanted, seen_rev)) is not None:
                return kept
        raise Conflict("the revocation changed too often while it was being written")

    def lift(self, revocation_id: str) -> None:
        """Take a revocation away. Raises NotFound."""
        gone = self._table.delete_operation(keys.revocation_key(revocation_id), condition=THERE)
        try:
            self._table.transact([gone, revocations_changed(self._table)])
        except TransactionCancelled:
            raise NotFound from None

    def find(self, revocation_id: str) -> Revocation:
        """Return a revocation. Raises NotFound."""
        item = self._table.get(keys.revocation_key(revocation_id))
        if item is None:
            raise NotFound
        return revocation_from_item(item)

    def _kept(self, wanted: Revocation, seen_rev: int) -> Revocation | None:
        kept = replace(wanted, rev=seen_rev + 1)
        item = revocation_to_item(kept)
        if seen_rev:
            put = self._table.put_operation(item, condition=AS_SEEN, seen=seen_rev)
        else:
            put = self._table.put_operation(item, condition=NEW)
        try:
            self._table.transact([put, revocations_changed(self._table)])
        except TransactionCancelled:
            return None
        return kept

    def _query(self, **arguments: Any) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        return self._table.query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :revoked)",
            values={":pk": keys.ACCESS, ":revoked": keys.REVOKED},
            ConsistentRead=True,
            **arguments,
        )


def revocation_to_item(of: Revocation) -> dict[str, object]:
    """Write a revocation."""
    return {
        **keys.revocation_key(of.id),
        "kind": "revocation",
        "v": VERSION,
        "what": of.kind,
        "name": of.name,
        "by": of.by,
        "at": of.at,
        "why": of.why or None,
        "issued_before": of.issued_before,
        "until": of.until,
        "rev": of.rev,
        "ttl": None if of.until is None else of.until // SECOND + KEPT_AFTER,
    }


def revocation_from_item(item: Mapping[str, Any]) -> Revocation:
    """Read a revocation, also from a stream image. Raises Unreadable."""
    try:
        found = Revocation(
            id=keys.revocation_id(item),
            kind=Kind(item["what"]),
            name=item["name"],
            by=item["by"],
            at=item["at"],
            why=item.get("why", ""),
            issued_before=item.get("issued_before"),
            until=item.get("until"),
            rev=item["rev"],
        )
    except (KeyError, ValueError):
        raise Unreadable("a revocation of a form that this version does not know") from None
    if found.id != id_of(found.kind, found.name):
        raise Unreadable("a revocation under another's key")
    return found


def _readable(item: Mapping[str, Any]) -> Revocation | None:
    """Read a revocation; one that does not parse ends all that its key names, until it is lifted.

    None for a kind that this version does not know: it cannot tell whom that ends.
    """
    try:
        return revocation_from_item(item)
    except Unreadable:
        revocation_id = keys.revocation_id(item)
        kind = kind_of(revocation_id)
        return None if kind is None else Revocation(id=revocation_id, kind=kind, name="", by="", at=0, why=UNREADABLE)


def _raised(table: Table, change: str) -> dict[str, Any]:
    return table.update_operation(keys.EPOCH, f"SET kind = :kind {change}", kind="epoch", one=1)
