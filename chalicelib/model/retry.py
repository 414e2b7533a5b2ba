"""Whether a failed attempt is tried again, and when: a pure function of the failure's kind and the attempt."""

from __future__ import annotations

import enum

from msgspec import Struct

from chalicelib.model.clock import SECOND

FIRST_BACKOFF = 2 * SECOND
LONGEST_BACKOFF = 900 * SECOND
"""Back-off doubles from the first to the longest (microseconds); the wait is a random part of it (full jitter)."""

UNKNOWN_ATTEMPTS = 3
"""Attempts after which a failure that nobody foresaw ends the job: it will most likely be met again."""


class Kind(enum.StrEnum):
    """What a failure says about the next attempt."""

    TRANSIENT = "transient"
    PERMANENT = "permanent"
    UNKNOWN = "unknown"


class Failure(Struct, frozen=True, kw_only=True):
    """Why an attempt failed. `message` is fit for the caller; `retry_after` is what the other side asked for (µs)."""

    kind: Kind
    code: str
    message: str
    retry_after: int = 0


class Again(Struct, frozen=True, kw_only=True):
    """Try again, not before this moment (microseconds since the epoch)."""

    not_before: int


class Stop(Struct, frozen=True, kw_only=True):
    """End the job as FAILED."""

    code: str
    message: str


def decide(  # the whole of it in one place, so that a table of cases can hold it
    failure: Failure, *, attempt: int, allowed: int, now: int, deadline_at: int, chance: float
) -> Again | Stop:
    """Decide what follows a failed attempt.

    `attempt` counts from 1 and is the one that failed; `allowed` is how many there may be; `chance` is from [0, 1).
    """
    stop = Stop(code=failure.code, message=failure.message)
    if failure.kind is Kind.PERMANENT or attempt >= allowed:
        return stop
    if failure.kind is Kind.UNKNOWN and attempt >= UNKNOWN_ATTEMPTS:
        return stop
    backoff = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** min(attempt - 1, 30))
    not_before = now + max(int(backoff * chance), failure.retry_after)
    if not_before >= deadline_at:
        return stop
    return Again(not_before=not_before)
