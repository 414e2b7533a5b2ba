"""Times as this code keeps them: whole microseconds since the epoch; and as the contract shows them: RFC 3339."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

SECOND = 1_000_000
"""Microseconds in a second."""

SWEEP_PERIOD = 60 * SECOND
"""How often the schedules run: the sweep, and the look for refreshes that are due."""
SWEEP_RUN = 45 * SECOND
"""How long one run takes at the most; what it leaves is the next one's. The function may take 60 s."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(micros: int) -> str:
    """Write `micros` as RFC 3339 in UTC, to the millisecond: `2026-11-20T09:30:00.123Z`."""
    moment = _EPOCH + timedelta(microseconds=micros)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def micros(moment: datetime) -> int:
    """Return an aware `moment` as microseconds since the epoch."""
    return (moment - _EPOCH) // timedelta(microseconds=1)
