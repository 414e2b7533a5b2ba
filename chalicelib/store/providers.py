"""Providers ⇄ items, each with its sealed credential: one item, so that no reader meets half of a change.

What is stored is a contract (see `items.py`): an attribute that is missing has the default of `Provider`, so a default
must not change while items rely on it; what a provider bears and `rotates` are therefore always written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict, replace

from chalicelib.errors import Conflict, Unreadable
from chalicelib.model.provider import AuthMethod, Discovered, Provider
from chalicelib.store import keys
from chalicelib.store.attributes import to_attributes
from chalicelib.store.table import ConditionFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.store.table import Table

VERSION = 1

NEW = "attribute_not_exists(pk)"
"""Nobody set this provider up meanwhile."""

AS_SEEN = "rev = :seen"
"""Nobody changed it since it was read."""

AS_SEEN_THEN = "rev = :seen AND updated_at = :seen_at"
"""Nor deleted it and set it up again, which begins with `rev` 1 once more."""

_NOT_STORED = frozenset({"name", "auth_method", "discovered", "has_credential", "parameters"})
"""Members whose attribute differs from them, or that follow from another."""


class Providers:
    """The providers of one table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, name: str) -> tuple[Provider, bytes | None] | None:
        """Return a provider and its sealed credential, if it has one; None if there is no such provider."""
        item = self._table.get(keys.provider_key(name))
        return None if item is None else (provider_from_item(item), item.get("sealed"))

    def put(
        self, provider: Provider, sealed: bytes | None, seen_rev: int | None, *, seen_at: int | None = None
    ) -> Provider:
        """Create a provider (`seen_rev` None) or put it in place of the one that was seen; return it as stored.

        `rev` is one above the seen one. With `seen_at` (its `updated_at`) one that was deleted and set up again is
        told apart from it. Raises Conflict when another writer was first.
        """
        rev = 1 if seen_rev is None else seen_rev + 1
        stored = replace(provider, rev=rev, has_credential=sealed is not None)
        item = provider_to_item(stored, sealed)
        try:
            if seen_rev is None:
                self._table.put(item, condition=NEW)
            elif seen_at is None:
                self._table.put(item, condition=AS_SEEN, seen=seen_rev)
            else:
                self._table.put(item, condition=AS_SEEN_THEN, seen=seen_rev, seen_at=seen_at)
        except ConditionFailed:
            raise Conflict("the provider was changed by another at the same time") from None
        return stored

    def delete(self, name: str) -> Provider | None:
        """Delete a provider with its credential and return what it was, None if there was none."""
        item = self._table.delete(keys.provider_key(name))
        return None if item is None else provider_from_item(item)

    def page(self, *, limit: int, after: str | None) -> tuple[list[Provider], str | None]:
        """Return up to `limit` providers by name, behind the name `after`; and the next page's `after`. One Query."""
        start = {} if after is None else {"ExclusiveStartKey": to_attributes(keys.provider_key(after))}
        items, more = self._table.query(
            KeyConditionExpression="pk = :pk", values={":pk": keys.PROVIDERS}, Limit=limit, ConsistentRead=True, **start
        )
        providers = [provider_from_item(item) for item in items]
        return providers, providers[-1].name if more and providers else None


def provider_to_item(provider: Provider, sealed: bytes | None) -> dict[str, object]:
    """Write a provider and its sealed credential."""
    found = provider.discovered
    plain = {member: getattr(provider, member) for member in provider.__struct_fields__ if member not in _NOT_STORED}
    return {
        **keys.provider_key(provider.name),
        "kind": "provider",
        "v": VERSION,
        **plain,
        "auth_method": str(provider.auth_method),
        "parameters": dict(provider.parameters),
        "discovered": None if found is None else asdict(found),
        "sealed": sealed,
    }


def provider_from_item(item: Mapping[str, Any]) -> Provider:
    """Read a provider. Raises Unreadable for anything that this version does not know."""
    given = {
        member: item[member] for member in Provider.__struct_fields__ if member not in _NOT_STORED and member in item
    }
    try:
        return Provider(
            **given,
            name=str(item["sk"]).removeprefix("PROVIDER#"),
            auth_method=AuthMethod(item["auth_method"]),
            parameters=item.get("parameters", {}),
            discovered=_discovered(item["discovered"]) if "discovered" in item else None,
            has_credential="sealed" in item,
        )
    except (KeyError, TypeError, ValueError):  # their texts could quote what was stored
        raise Unreadable("a provider of a form that this version does not know") from None


def _discovered(stored: Mapping[str, Any]) -> Discovered:
    known = Discovered.__struct_fields__
    return Discovered(**{name: stored[name] for name in known if name in stored})
