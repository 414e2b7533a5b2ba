"""Times as this code keeps them: whole microseconds since the epoch; and as the contract shows them: RFC 3339."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

SECOND = 1_000_000
"""Microseconds in a second."""

SWEEP_PERIOD = 60 * SECOND
"""How often the schedules run: the sweep, and the look for refreshes that are due."""
SWEEP_RUN = 45 * SECOND
"""How long one run takes at the most; what it leaves is the next one's. The function may take 60 s."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEFORE_OFFSET = len("1970-01-01T00:00:00")


def rfc3339(micros: int) -> str:
    """Write `micros` as RFC 3339 in UTC, to the millisecond: `2026-11-20T09:30:00.123Z`."""
    seconds, below = divmod(micros, SECOND)
    return f"{_to_the_second(seconds)}.{below // 1_000:03d}Z"


@lru_cache(maxsize=16)
def _to_the_second(seconds: int) -> str:
    """Write the part that a second's moments share: what is accepted now is written three times, and so is the next."""
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:_BEFORE_OFFSET]


def micros(moment: datetime) -> int:
    """Return an aware `moment` as microseconds since the epoch."""
    return (moment - _EPOCH) // timedelta(microseconds=1)
