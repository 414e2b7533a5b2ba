"""A document that an outsider published, as all processes share it, and what to do about it next.

    fetched_at ──── fresh ────► fresh_until ──── stale, still usable ────► stale_until ──── nothing
                 served as it is              served while one refetches              all wait for one who fetches

Times are microseconds; 0 stands for never.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.model.clock import SECOND

SKEW: Final = 60 * SECOND
"""How far the clock of whoever wrote may be ahead of ours. What claims to come from later is not believed: it would
never grow old."""

T = TypeVar("T")


class Terms(Struct, frozen=True, kw_only=True):
    """How long a document counts, and how often its source may be asked."""

    fresh: int
    keep: int
    cooldown: int
    """Between two tries while there is something to serve; by all processes together."""
    retry: int
    """Behind a failure while there is nothing to serve; by each process."""
    lease: int
    """How long others leave a fetch to the one who began it: longer than its time-out."""


class Entry(Struct, frozen=True, kw_only=True):
    """What the table says of a document.

    `rev` rises with every write and is what the next write is conditional on; `generation` is the `rev` of the write
    that last changed or dropped the document. Both are moments rather than counts, so that an entry that was deleted
    and made again is not taken for the one before.
    """

    name: str
    rev: int = 0
    generation: int = 0
    document: bytes | None = None
    fetched_at: int = 0
    fresh_until: int = 0
    stale_until: int = 0
    tried_at: int = 0
    failed_at: int = 0
    lease_until: int = 0

    def leased(self, terms: Terms, now: int) -> Entry:
        """Return it with the word that somebody fetches from now on."""
        return replace(self, rev=self._next(now), tried_at=now, lease_until=now + terms.lease)

    def fetched(self, document: bytes, terms: Terms, now: int) -> Entry:
        """Return it with what was fetched; its age counts from when the fetch began."""
        rev, begun = self._next(now), self.tried_at
        return replace(
            self,
            rev=rev,
            generation=rev,
            document=document,
            fetched_at=begun,
            fresh_until=begun + terms.fresh,
            stale_until=begun + terms.keep,
            lease_until=0,
        )

    def failed(self, now: int) -> Entry:
        """Return it with the word that the fetch came to nothing; what there was stays."""
        return replace(self, rev=self._next(now), failed_at=now, lease_until=0)

    def dropped(self, now: int) -> Entry:
        """Return what is left when its document must not serve any more, wherever it is kept."""
        rev = self._next(now)
        return Entry(name=self.name, rev=rev, generation=rev)

    def _next(self, now: int) -> int:
        return max(now, self.rev + 1)


class Held(Struct, Generic[T], frozen=True, kw_only=True):
    """A document as a process keeps it, read. `generation` is the entry's that it came from, or was fetched after."""

    value: T
    generation: int
    fetched_at: int
    fresh_until: int
    stale_until: int

    def is_usable(self, terms: Terms, now: int) -> bool:
        """Tell whether it may serve at all: by what the writer said and by our own terms, the shorter of both."""
        return -SKEW <= now - self.fetched_at < terms.keep and now < self.stale_until

    def is_fresh(self, terms: Terms, now: int) -> bool:
        """Tell whether it may serve without asking again."""
        return self.is_usable(terms, now) and now - self.fetched_at < terms.fresh and now < self.fresh_until


def held_from(entry: Entry, value: T) -> Held[T]:
    """Return what a process keeps of an entry whose document was read as `value`."""
    return Held(
        value=value,
        generation=entry.generation,
        fetched_at=entry.fetched_at,
        fresh_until=entry.fresh_until,
        stale_until=entry.stale_until,
    )


class NotRead(Exception):
    """The table did not answer, and who may only read must not ask the source instead."""


class Step(Enum):
    """What to do next."""

    SERVE = "serve what is held, if that is usable"
    WAIT = "wait for the one who fetches"
    FETCH = "fetch"


def next_step(
    held: Held[T] | None, seen: Entry, terms: Terms, now: int, *, suits: bool, tried_at: int, failed_at: int
) -> Step:
    """Decide for a process that holds `held` and saw `seen` in the table; when it last fetched itself, and failed.

    `suits` says whether what is held has what is asked for: one that has not may be out of date before its time.
    """
    usable = held is not None and held.is_usable(terms, now)
    fresh = held is not None and held.is_fresh(terms, now)
    if fresh and suits:
        return Step.SERVE
    if now < seen.lease_until <= now + terms.lease + SKEW:
        return Step.SERVE if usable and suits else Step.WAIT
    if held is None or not usable:
        return Step.FETCH if now - failed_at >= terms.retry else Step.SERVE
    last = max(tried_at, seen.tried_at if seen.tried_at <= now + SKEW else 0)
    failed = last > held.fetched_at
    if not fresh and not failed:
        return Step.FETCH
    return Step.FETCH if now - last >= terms.cooldown else Step.SERVE
