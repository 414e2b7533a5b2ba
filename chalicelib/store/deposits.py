"""Deposits in the table: what `POST /tokens` writes, and nothing else, for a login waits for all that this loads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.store.items import deposit_from_item, deposit_to_item
from chalicelib.store.table import ConditionFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.model.deposit import Deposit
    from chalicelib.store.table import Table

NEW = "attribute_not_exists(pk)"
"""Nothing stands under this key: of a job, a key's second use or our own lost first write fails here."""


class Deposits:
    """The deposits of one table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def accept(self, deposit: Deposit, *, meanwhile: Callable[[], None] | None = None) -> Deposit | None:
        """Store a deposit with one conditional PutItem and no read.

        Returns None when it is stored now; otherwise what is stored under this id already, unchanged. `meanwhile` is as
        in `Table.put`.
        """
        try:
            self._table.put(deposit_to_item(deposit), condition=NEW, meanwhile=meanwhile)
        except ConditionFailed as taken:
            if taken.item is None:
                raise
            return deposit_from_item(taken.item)
        return None
