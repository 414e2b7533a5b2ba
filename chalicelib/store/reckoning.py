"""What a reconciliation reads: of many tokens how they stand, of many ends whether there is their entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.model.job import Status, Type
from chalicelib.model.reconcile import Stored
from chalicelib.store import keys
from chalicelib.store.trail import key_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from chalicelib.store.table import Table

_READ = ("pk", "type", "status", "accepted_at", "history", "revoked_at", "revocation", "ttl")


class Reckoning:
    """The tokens and entries of one table, many at once."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def stored(self, token_ids: Sequence[str]) -> Mapping[str, Stored]:
        """Return those of the tokens that there are, by id. A BatchGetItem for each 100."""
        items = self._table.get_many([keys.job_key(one) for one in dict.fromkeys(token_ids)], only=_READ)
        found = [_stored(item) for item in items if item.get("type") == Type.STORE]
        return {one.id: one for one in found if one is not None}

    def found(self, orders: Iterable[str]) -> frozenset[str]:
        """Return those places in time at which there is an entry. A BatchGetItem for each 100."""
        wanted = [key_of(int(order[:16]), order[17:], order) for order in dict.fromkeys(orders)]
        return frozenset(item["sk"] for item in self._table.get_many(wanted, only=("pk", "sk")))


def _stored(item: Mapping[str, Any]) -> Stored | None:
    """Read a token's life; None for one that this version does not know: it counts as none, and is told of as such."""
    try:
        return Stored(
            id=keys.job_id(item),
            status=Status(item["status"]),
            accepted_at=item["accepted_at"],
            changes=tuple((Status(line["status"]), line["at"]) for line in item.get("history", [])),
            # Without a revocation its storing was cancelled: that is in its history.
            deleted_at=item.get("revoked_at") if "revocation" in item else None,
            ttl=item["ttl"],
        )
    except (KeyError, ValueError):
        return None
