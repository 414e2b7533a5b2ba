"""Tickets: kept for a minute by their hash, taken once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.errors import BadTicket
from chalicelib.model.clock import SECOND
from chalicelib.model.watch import TICKET_SECONDS
from chalicelib.store import keys
from chalicelib.store.connections import watch_attributes, watch_from
from chalicelib.store.table import ConditionFailed

if TYPE_CHECKING:
    from chalicelib.model.watch import Watch
    from chalicelib.store.table import Table

UNUSED_AND_FRESH = "attribute_exists(pk) AND expires_at > :now"
"""Nobody came with this ticket before, and its minute is not over: of two that come at once, one deletes the item."""


class Tickets:
    """The tickets of one table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def issue(self, ticket: str, watch: Watch, now: int) -> int:
        """Keep a ticket for TICKET_SECONDS and return when it ends (microseconds). Its text is not stored."""
        ends = now + TICKET_SECONDS * SECOND
        item = {
            **keys.ticket_key(ticket),
            "kind": "ticket",
            **watch_attributes(watch),
            "expires_at": ends,
            "ttl": ends // SECOND,
        }
        self._table.put(item)
        return ends

    def take(self, ticket: str, now: int) -> Watch:
        """Take a ticket, which ends it. Raises BadTicket for one that is unknown, used or too old."""
        try:
            item = self._table.delete(keys.ticket_key(ticket), condition=UNUSED_AND_FRESH, now=now)
        except ConditionFailed:
            raise BadTicket from None
        if item is None:
            raise BadTicket
        return watch_from(item)
