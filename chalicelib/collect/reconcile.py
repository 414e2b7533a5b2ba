"""Walk through what was accepted and what was written down, and say what does not add up."""

from __future__ import annotations

from itertools import islice, takewhile
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.model.job import Type
from chalicelib.model.listing import Wanted
from chalicelib.model.reconcile import ENDS, WRONG, YOUNG, Going, Standing, standing_by, standing_of
from chalicelib.model.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from chalicelib.model.audit import Entry
    from chalicelib.model.listing import Position
    from chalicelib.model.reconcile import Stored

EXAMINED = 1_000
"""Tokens or entries that one page looks at: some twenty batches, a second or two."""


class Jobs(Protocol):
    """Where jobs stand, by when they were accepted."""

    def rows(self, wanted: Wanted, *, after: Position | None, ahead: int, latest: int) -> Iterator[Position]:
        """Yield rows, newest first."""


class Entries(Protocol):
    """The audit's entries, by their moments."""

    def entries(self, window: Window, *, after: str | None, ahead: int) -> Iterator[Entry | str]:
        """Yield entries, latest first; at last a place to go on behind, if days without any were looked into."""


class Tokens(Protocol):
    """Many tokens and entries at once."""

    def stored(self, token_ids: Sequence[str]) -> Mapping[str, Stored]:
        """Return those that there are."""

    def found(self, orders: Iterable[str]) -> frozenset[str]:
        """Return those places at which there is an entry."""


class Reckoned(Struct, frozen=True, kw_only=True):
    """How the tokens of a page stand; of the `wrong` ones the id, how, and when (microseconds)."""

    counts: Mapping[str, int]
    wrong: Sequence[tuple[str, Standing, int]]
    going: Going | None


class Reconciler(Struct, frozen=True, kw_only=True):
    """The verb behind `GET /audit/reconcile`: first a walk through the jobs, then one through the entries."""

    jobs: Jobs
    entries: Entries
    stored: Tokens
    now: Callable[[], int]

    def page(self, going: Going) -> Reckoned:
        """Return how the next EXAMINED tokens or entries stand, and where to go on; None at the end."""
        return self._among_entries(going) if going.is_among_entries else self._among_jobs(going)

    def _among_jobs(self, going: Going) -> Reckoned:
        wanted = Wanted(type=Type.STORE)
        rows = self.jobs.rows(wanted, after=going.row, ahead=EXAMINED, latest=going.until - 1)
        within = takewhile(lambda row: row.at >= going.since, rows)
        page = list(islice(within, EXAMINED))
        stored = self.stored.stored([row.id for row in page])
        found = self.stored.found(order for one in stored.values() for order in one.entries())
        now = self.now()
        standings = [(one.id, standing_of(one, found, now), one.accepted_at) for one in stored.values()]
        # A row without an item that can be read: the index is behind by milliseconds, not by minutes.
        lost = [row for row in page if row.id not in stored and row.at < now - YOUNG]
        standings += [(row.id, Standing.UNKNOWN, row.at) for row in lost]
        after = replace(going, row=page[-1]) if len(page) == EXAMINED else None
        return _reckoned(standings, after or replace(going, row=None, is_among_entries=True))

    def _among_entries(self, going: Going) -> Reckoned:
        window = Window(since=going.since, until=going.until)
        page: list[Entry] = []
        after: str | None = None
        for entry in islice(self.entries.entries(window, after=going.entry, ahead=EXAMINED), EXAMINED):
            if isinstance(entry, str):
                after = entry
            else:
                page.append(entry)
        ends = [(entry.token_id, entry) for entry in page if entry.token_id is not None and _is_end(entry)]
        stored = self.stored.stored([token_id for token_id, _ in ends])
        now = self.now()
        judged = [(token_id, standing_by(entry, stored.get(token_id), now), entry.at) for token_id, entry in ends]
        standings = [(token_id, standing, at) for token_id, standing, at in judged if standing is not None]
        if len(page) == EXAMINED:
            after = page[-1].order
        return _reckoned(standings, None if after is None else replace(going, entry=after))


def _is_end(entry: Entry) -> bool:
    return entry.event in ENDS and entry.job_type in (Type.STORE, None)


def _reckoned(standings: Iterable[tuple[str, Standing, int]], going: Going | None) -> Reckoned:
    counts = dict.fromkeys(map(str, Standing), 0)
    wrong = []
    for token_id, standing, at in standings:
        counts[standing] += 1
        if standing in WRONG:
            wrong.append((token_id, standing, at))
    return Reckoned(counts=counts, wrong=wrong, going=going)
