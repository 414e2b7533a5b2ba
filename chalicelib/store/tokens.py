"""The current tokens of a subject, listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.store import keys
from chalicelib.store.attributes import to_attributes
from chalicelib.store.items import current_from_item

if TYPE_CHECKING:
    from chalicelib.model.token import Owner, Token
    from chalicelib.store.table import Table


class CurrentTokens:
    """The newest token of each provider, by subject."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def page(self, owner: Owner, *, limit: int, after: str | None) -> tuple[list[Token], str | None]:
        """Return up to `limit` tokens by provider name, behind provider `after`; and the next page's `after`.

        One Query.
        """
        partition = keys.subject_partition(owner.environment, owner.domain, owner.subject)
        arguments: dict[str, Any] = {}
        if after is not None:
            start = to_attributes({"pk": partition, "sk": f"PROVIDER#{after}"})
            arguments["ExclusiveStartKey"] = start
        items, more = self._table.query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :provider)",
            values={":pk": partition, ":provider": "PROVIDER#"},
            Limit=limit,
            ConsistentRead=True,
            **arguments,
        )
        tokens = [current_from_item(item) for item in items]
        return tokens, tokens[-1].place.provider if more and tokens else None
