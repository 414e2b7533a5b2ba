"""Jobs of a table on which somebody else is always a moment faster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.store.jobs import Jobs

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.store.table import Table


class _Restless:
    def __init__(self, inner: Table, operation: str, meddle: Callable[[], object], calls: int) -> None:
        self._inner = inner
        self._calls = calls
        self._operation = operation
        self._meddle = meddle

    def __getattr__(self, name: str) -> Any:
        if name == self._operation:
            self._calls -= 1
            if self._calls < 0:
                self._meddle()
        return getattr(self._inner, name)


def restless(table: Table, operation: str, meddle: Callable[[], object], *, behind: int = 0) -> Jobs:
    """Return the jobs of a table where `meddle` happens right before each call of one operation, `behind` the first."""
    return Jobs(_Restless(table, operation, meddle, behind))
