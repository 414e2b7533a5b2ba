"""How far a running job is, told at most once a second: each telling is a write, and a push to whoever watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from msgspec import Struct

from chalicelib.model.clock import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY = SECOND

P = TypeVar("P")


class Progress(Struct, Generic[P], kw_only=True):
    """Hear of every step, and `write` the newest at most once in EVERY (microseconds). `write` may raise LeaseLost.

    What was heard and not written yet is in `untold`: whoever stops writes it, with `flush` or in a write of its own.
    """

    write: Callable[[P], None]
    now: Callable[[], int]
    untold: P | None = None
    _told_at: int | None = None

    def tell(self, how_far: P) -> None:
        """Hear of a step; the first is written at once."""
        self.untold = how_far
        if self._told_at is None or self.now() - self._told_at >= EVERY:
            self.flush()

    def flush(self) -> None:
        """Write what was not written yet."""
        how_far, self.untold = self.untold, None
        if how_far is not None:
            self._told_at = self.now()
            self.write(how_far)
