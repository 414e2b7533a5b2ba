"""Whether a connection lasts: its bearer, its policies, nobody's revocation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from chalicelib.model.access import Access
    from chalicelib.model.watch import Connection


class Known(Protocol):
    """What this process knows of revocations; threads ask it side by side."""

    def current(self) -> Access:
        """Raise AccessUnknown."""

    def since(self, moment: int) -> Access:
        """Return what the table said then or later. Raise AccessUnknown."""


def fault_of(connection: Connection, known: Known, now: int) -> str | None:
    """Return why a connection is over, as a code; None while it lasts. Raises AccessUnknown.

    Policies change: another epoch than the ticket's ends it. But it is ours that may be the older one, of a time before
    it joined: then the table is asked.
    """
    fault = connection.watch.fault(known.current(), now)
    if fault != "policies_changed":
        return fault
    return connection.watch.fault(known.since(connection.since), now)
