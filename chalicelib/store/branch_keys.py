"""Wrapped branch keys in the table: one item a version, never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.errors import Unreadable
from chalicelib.model.branch_key import WrappedKey
from chalicelib.store import keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.store.table import Table

NEW_VERSION = "attribute_not_exists(pk)"
"""A version is made once: of two processes that make it at the same time, one wins and both use its key."""


class BranchKeys:
    """The KeyStore of one table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def latest(self, environment: str, domain: str) -> WrappedKey | None:
        """Return the newest version, or None before the first. One Query of one item."""
        items, _ = self._table.query(
            KeyConditionExpression="pk = :pk",
            values={":pk": keys.branch_partition(environment, domain)},
            ScanIndexForward=False,
            Limit=1,
            ConsistentRead=True,
        )
        return _from_item(items[0]) if items else None

    def version(self, environment: str, domain: str, version: int) -> WrappedKey | None:
        """Return one version, or None where it does not exist."""
        item = self._table.get(keys.branch_key(environment, domain, version))
        return None if item is None else _from_item(item)

    def add(self, key: WrappedKey) -> None:
        """Keep a new version. Raises Conflict if that version exists."""
        self._table.put(
            {
                **keys.branch_key(key.environment, key.domain, key.version),
                "kind": "branch_key",
                "environment": key.environment,
                "domain": key.domain,
                "version": key.version,
                "wrapped": key.wrapped,
                "check": key.check,
            },
            condition=NEW_VERSION,
        )


def _from_item(item: Mapping[str, Any]) -> WrappedKey:
    try:
        return WrappedKey(
            environment=item["environment"],
            domain=item["domain"],
            version=item["version"],
            wrapped=item["wrapped"],
            check=item["check"],
        )
    except KeyError as missing:
        raise Unreadable(f"a branch key without {missing}") from None
