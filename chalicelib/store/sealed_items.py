"""Everything that is sealed under a domain's key: the one walk over the whole table, for maintenance alone.

No index leads here. One by domain and version would cost each token a write unit at its acceptance, for a walk that an
operator asks for once in months; and the walk visits most of a table by its nature. Open work is never found this way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.errors import Unreadable
from chalicelib.model.job import Type
from chalicelib.model.provider import sealed_under
from chalicelib.model.sealed import Page, SealedItem
from chalicelib.model.token import DEFAULT_SCOPE_NAME, Place
from chalicelib.store import keys
from chalicelib.store.attributes import from_attributes, to_attributes
from chalicelib.store.table import ConditionFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.model.sealed import Older
    from chalicelib.store.table import Table

PAGE_ITEMS = 500
"""Items that one page looks at: at most 1 MB, 128 read units, whatever the filter leaves of them."""

AS_SEEN = "sealed = :seen"
"""Nobody refreshed the token, erased it, or sealed it anew since it was read: what they wrote is newer than ours."""

_OF_THE_DOMAIN = "#environment = :environment AND #domain = :domain"
_OLDER = "sealed < :older AND "
_NAMES = ("pk", "sk", "kind", "type", "environment", "domain", "subject", "provider", "sealed")


class SealedItems:
    """The sealed items of one table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def page(self, wanted: Older, segment: int, segments: int, after: Mapping[str, Any] | None) -> Page:
        """Look at the next items of a segment, behind the key `after`. Half a read unit per 4 KB of what is there."""
        names = {f"#{name}": name for name in _NAMES}
        values = {":older": wanted.than, ":environment": wanted.environment, ":domain": wanted.domain}
        filtering = _OLDER + _OF_THE_DOMAIN
        if wanted.environment == wanted.domain == DEFAULT_SCOPE_NAME:
            filtering = f"{_OLDER}(({_OF_THE_DOMAIN}) OR #kind = :provider)"
            values[":provider"] = "provider"
        start = {} if after is None else {"ExclusiveStartKey": to_attributes(after)}
        items, looked, last = self._table.scan(
            Segment=segment,
            TotalSegments=segments,
            Limit=PAGE_ITEMS,
            FilterExpression=filtering,
            ProjectionExpression=", ".join(names),
            ExpressionAttributeNames=names,
            values=values,
            **start,
        )
        return Page(
            found=[_sealed_item(item) for item in items],
            looked=looked,
            last=None if last is None else from_attributes(last),
        )

    def replace(self, item: SealedItem, sealed: bytes) -> bool:
        """Put another sealed form of the same secret in its place; False when somebody was faster.

        A token's `rev` stays, for no watcher could see a difference. A provider's rises: who sets it up writes the
        whole item and would otherwise put the old form back.
        """
        change, operands = "SET sealed = :sealed", {"sealed": sealed, "seen": item.sealed}
        if item.key["pk"] == keys.PROVIDERS:
            change += ", rev = rev + :one"
            operands |= {"one": 1}  # type: ignore[dict-item]
        try:
            self._table.update(item.key, change, condition=AS_SEEN, **operands)
        except ConditionFailed:
            return False
        return True


def _sealed_item(item: Mapping[str, Any]) -> SealedItem | Unreadable:
    """Read what was found; one that this version does not know stops nobody else."""
    key = {"pk": item["pk"], "sk": item["sk"]}
    try:
        if item["kind"] == "provider":
            place, sealed_id = sealed_under(str(item["sk"]).removeprefix("PROVIDER#"))
        elif (item["kind"], item["type"]) == ("job", Type.STORE):
            place = Place(**{name: item[name] for name in ("environment", "domain", "subject", "provider")})
            sealed_id = keys.job_id(item)
        else:
            return Unreadable("something sealed of a kind that this version does not know")
    except KeyError as missing:
        return Unreadable(f"something sealed without {missing}")
    return SealedItem(key=key, place=place, id=sealed_id, sealed=item["sealed"])
