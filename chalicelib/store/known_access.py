"""What a process knows of revocations and policies' changes: two seconds old, five where the table does not answer."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from chalicelib.errors import AccessUnknown, CloakroomError
from chalicelib.model.access import Access

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.model.access import Epoch, Revocation


class Source(Protocol):
    """Where revocations are kept."""

    def epoch(self) -> Epoch:
        """Return what counts the changes."""

    def all(self) -> Mapping[str, Revocation]:
        """Return all of them by id."""


class KnownAccess:
    """One process's knowledge. `now` is in microseconds, `fact` logs when it is used beyond its time."""

    def __init__(self, source: Source, now: Callable[[], int], fact: Callable[..., None]) -> None:
        self._source = source
        self._now = now
        self._fact = fact
        self._known: Access | None = None
        self._looking = threading.Lock()

    def current(self) -> Access:
        """Return what is known, looked up again when it is older than FRESH: one GetItem, and the list if it changed.

        Where the table does not answer, what is younger than LAST_RESORT serves on. Raises AccessUnknown beyond.
        """
        known = self._known
        if known is not None and known.is_fresh(self._now()):
            return known
        with self._looking:  # of many threads one looks, and the others have what it found
            known = self._known
            if known is not None and known.is_fresh(self._now()):
                return known
            return self._looked_up(known, last_resort=known)

    def since(self, moment: int) -> Access:
        """Return what the table said at `moment` (microseconds) or later. Raises AccessUnknown."""
        with self._looking:
            known = self._known
            if known is not None and known.known_at >= moment and known.is_fresh(self._now()):
                return known
            return self._looked_up(known, last_resort=None)

    def forget(self) -> None:
        """Let the next question go to the table: something was changed here."""
        self._known = None

    def _looked_up(self, known: Access | None, *, last_resort: Access | None) -> Access:
        begun = self._now()
        try:
            # The epoch first: whatever it counts is in the list that is read after it.
            epoch = self._source.epoch()
            revoked = known.revoked if known is not None and known.epoch.rev == epoch.rev else self._source.all()
        except CloakroomError as error:
            if last_resort is None or not last_resort.may_still_serve(self._now()):
                raise AccessUnknown from error
            self._fact("access.stale", code=error.code, age_ms=(self._now() - last_resort.known_at) // 1_000)
            return last_resort
        self._known = Access(known_at=begun, epoch=epoch, revoked=revoked)
        return self._known
