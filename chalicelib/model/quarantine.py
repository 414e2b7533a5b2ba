"""What is set aside because it cannot be processed, and when."""

from __future__ import annotations

from msgspec import Struct

MOST_SIGHTINGS = 4
"""How often a record or message fails for a reason that nobody foresaw before it is set aside."""

KEEP_SECONDS = 30 * 86_400
"""How long what was set aside can be looked at and replayed."""


class Sighting(Struct, frozen=True, kw_only=True):
    """One failure of a record or message. `pointer` finds it again, `job_id` its job where that is known; no secret."""

    source: str
    pointer: str
    job_id: str | None
    reason: str
    is_final: bool


class Quarantined(Struct, frozen=True, kw_only=True):
    """What is known of something that fails. Times are microseconds since the epoch."""

    source: str
    pointer: str
    job_id: str | None
    reason: str
    first_seen: int
    last_seen: int
    seen: int
    is_aside: bool
