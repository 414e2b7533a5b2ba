"""Keep a document of a slow outsider: in memory, then in the table, then by asking; one asks for all.

    memory    believed for LOOK without a look at the table; so a change, or a drop, is seen by all within a second
    table     read by whoever has nothing, or has not looked for LOOK; who is refused a write reads it by that
    source    asked by whoever holds the lease, one thread of one process; the others serve what is stale, or wait

The lease is a courtesy to the source, not a lock: where the table cannot be asked, each process goes on by what it has
and by its own pauses, and asks for itself. `model.cached` decides; here is only what follows from it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.errors import CloakroomError
from chalicelib.model.cached import Entry, Held, Step, Terms, held_from, next_step
from chalicelib.model.clock import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK: Final = SECOND
"""How long memory is believed without a look at the table (microseconds)."""

ALONE: Final = 5 * SECOND
"""How long one goes on without the table when it did not answer: each try costs a time-out."""

POLL: Final = 0.2
POLLS: Final = 23
"""How often (seconds) and how many times one looks while another fetches: a lease of 4 s ends within."""

ROUNDS: Final = 4
"""How often one may find that another was first, before it serves what it has."""

T = TypeVar("T")


class NothingUsable(Exception):
    """The document cannot be had, and none is left that may still serve."""


class Shelf(Protocol):
    """Where documents are shared."""

    def look(self, name: str, *, consistent: bool) -> Entry:
        """Return the entry, one with `rev` 0 where there is none; may raise CloakroomError."""

    def write(self, entry: Entry, *, seen: Entry) -> Entry:
        """Put `entry` in the place of `seen`; return what stands there then: `entry`, or what another wrote."""


class Source(Struct, Generic[T], frozen=True, kw_only=True):
    """A document's source. `fetch` raises CloakroomError or ValueError, `parse` ValueError for what it cannot use."""

    name: str
    fetch: Callable[[], bytes]
    parse: Callable[[bytes], T]
    failed: Callable[[Exception, int | None], None]
    """Hears of each fetch that failed, with the age of what is held (microseconds), None where nothing is."""


class Surroundings(Struct, frozen=True, kw_only=True):
    """What a process gives: the clock (microseconds), a way to wait (seconds), its log."""

    now: Callable[[], int]
    pause: Callable[[float], None]
    log: Callable[..., None]


class Cached(Generic[T]):
    """One document; safe to share between threads."""

    def __init__(self, source: Source[T], shelf: Shelf, terms: Terms, surroundings: Surroundings) -> None:
        self._source = source
        self._shelf = shelf
        self._terms = terms
        self._around = surroundings
        self._flight = threading.Lock()
        self._looking = threading.Lock()
        self._state = threading.Lock()
        self._held: Held[T] | None = None
        self._seen = Entry(name=source.name)
        self._look_at = 0
        self._alone_until = 0
        self._tried_at = 0
        self._failed_at = 0

    def get(self, suits: Callable[[T], bool] = lambda _: True) -> T:
        """Return the document, a fresh one if it can be had; raise NothingUsable.

        One that does not suit the asker is fetched again, once per cooldown by all processes together; what comes back
        may still not suit.
        """
        self._look_if_due()
        held, now = self._held, self._around.now()
        suited = held is not None and suits(held.value)
        if held is not None and suited and held.is_fresh(self._terms, now):
            return held.value  # without the lock: a flood that does not suit must not hold these up
        serves = held is not None and suited and held.is_usable(self._terms, now)
        if not self._flight.acquire(blocking=not serves):
            return self._served(held)
        try:
            self._settle(suits)
        finally:
            self._flight.release()
        return self._served(self._held)

    def _served(self, held: Held[T] | None) -> T:
        if held is None or not held.is_usable(self._terms, self._around.now()):
            raise NothingUsable
        return held.value

    def _settle(self, suits: Callable[[T], bool]) -> None:
        """Wait and fetch until there is nothing better to do than to serve what is held."""
        polls, rounds = POLLS, ROUNDS
        while rounds:
            match self._next(suits):
                case Step.SERVE:
                    return
                case Step.WAIT if not polls:
                    return
                case Step.WAIT:
                    polls -= 1
                    self._around.pause(POLL)
                    self._look()
                case Step.FETCH:
                    rounds -= 1
                    # Nothing to fall back on, and whoever asks may remember a refusal for minutes: once more, unless
                    # the time of the request went by in waiting.
                    if self._fetch() and self._held is None and polls == POLLS:
                        self._fetch()

    def _next(self, suits: Callable[[T], bool]) -> Step:
        with self._state:
            held, seen = self._held, self._seen
        suited = held is not None and suits(held.value)
        now = self._around.now()
        tries = {"tried_at": self._tried_at, "failed_at": self._failed_at}
        return next_step(held, seen, self._terms, now, suits=suited, **tries)

    def _look_if_due(self) -> None:
        if self._around.now() < self._look_at:
            return
        with self._looking:  # all threads wait, or the second one would serve what was dropped before the last look
            if self._around.now() >= self._look_at:
                self._look()

    def _look(self) -> None:
        before = self._seen
        try:
            entry = self._shelf.look(self._source.name, consistent=False)
            if entry.rev < before.rev:  # a replica that lags behind; or it was deleted
                entry = self._shelf.look(self._source.name, consistent=True)
        except CloakroomError as trouble:
            self._alone(trouble)
            return
        self._look_at = self._around.now() + LOOK
        self._adopt(entry, instead_of=before)

    def _alone(self, trouble: CloakroomError) -> None:
        """Go on without the table for a while."""
        self._look_at = self._alone_until = self._around.now() + ALONE
        self._around.log("cache.unavailable", document=self._source.name, reason=trouble.detail)

    def _adopt(self, entry: Entry, *, instead_of: Entry | None) -> None:
        """Take over what the table says; what a look brought only if nothing was learned while it looked."""
        with self._state:
            if instead_of is not None and self._seen is not instead_of:
                return
            self._seen = entry
            held = self._held
            if held is not None and held.generation == entry.generation:
                return
            if entry.document is None:  # never fetched, or dropped: then it must not serve from anybody's memory
                self._held = None
                return
            try:
                self._held = held_from(entry, self._source.parse(entry.document))
            except ValueError:
                # No word of the source's: what is held serves on, but the source is asked at once.
                unread = None if held is None else replace(held, generation=entry.generation, fresh_until=0)
                self._held = unread
                self._around.log("cache.unreadable", document=self._source.name)

    def _fetch(self) -> bool:
        """Take the lease, fetch, and share what came; False where another was first, whose entry is taken over."""
        now, before = self._around.now(), self._seen
        leased = before.leased(self._terms, now)
        if self._write(leased, before) not in (leased, None):
            return False
        self._tried_at = now
        try:
            document = self._source.fetch()
            value = self._source.parse(document)
        except (CloakroomError, ValueError) as error:
            held, self._failed_at = self._held, now
            self._source.failed(error, None if held is None else now - held.fetched_at)
            self._write(leased.failed(self._around.now()), leased)
        else:
            self._share(leased, leased.fetched(document, self._terms, self._around.now()), value)
        return True

    def _share(self, leased: Entry, fetched: Entry, value: T) -> None:
        """Keep what was fetched, here and in the table.

        Not if another was quicker with a document or a drop: this one may be what was dropped. What the table did not
        take is kept here alone, as following the generation before.
        """
        stands = self._write(fetched, leased)
        own = held_from(fetched, value)
        with self._state:
            if stands == fetched:
                self._held = own
            elif self._seen.generation == leased.generation:
                self._held = replace(own, generation=leased.generation)

    def _write(self, entry: Entry, before: Entry) -> Entry | None:
        """Write, and know what stands there then; None where the table is away."""
        if self._around.now() < self._alone_until:
            return None
        try:
            stands = self._shelf.write(entry, seen=before)
        except CloakroomError as trouble:
            self._alone(trouble)
            return None
        self._look_at = self._around.now() + LOOK
        if stands != entry:
            self._adopt(stands, instead_of=None)
            return stands
        with self._state:
            self._seen = entry
        return stands
