"""Lists of jobs, a page at a time, each job to whom it may be shown."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from chalicelib.model.caller import Caller
    from chalicelib.model.job import Job
    from chalicelib.model.listing import Position, Wanted

EXAMINED = 1_000
"""Rows that are looked at for a page, at the most: a list that is narrowed to what is rare must not take all day."""

ROWS_AT_ONCE = 100
"""Rows that are looked at together: what one BatchGetItem takes."""


class JobLists(Protocol):
    """Lists of jobs: first where they stand, then what they are."""

    def rows(self, wanted: Wanted, *, after: Position | None, ahead: int) -> Iterator[Position]:
        """Yield the rows from behind `after`, `ahead` of them at once; some may not belong to the list."""

    def jobs(self, rows: Sequence[Position]) -> Mapping[str, Job]:
        """Return what still is there of up to ROWS_AT_ONCE rows, by id."""


class Lists(Struct, frozen=True, kw_only=True):
    """The verb of the listing routes. Whether the caller may ask for the list at all was decided by its path."""

    jobs: JobLists

    def page(
        self, caller: Caller, wanted: Wanted, *, limit: int, after: Position | None
    ) -> tuple[list[Job], Position | None]:
        """Return up to `limit` jobs from behind `after`, and the row that the next page begins behind; None at the end.

        What the caller may not see is left out. A page may hold fewer than `limit`, even none, and not be the last:
        EXAMINED rows are looked at, no more.
        """
        rows = self.jobs.rows(wanted, after=after, ahead=limit + 1)  # one more tells whether the page is the last
        found: dict[str, Job] = {}  # by id: an open job that moves while its index is read has two rows
        following, last, looked_at, together = next(rows, None), after, 0, limit
        while following is not None and looked_at < EXAMINED:
            chunk = [following, *islice(rows, min(together, EXAMINED - looked_at) - 1)]
            following = next(rows, None)
            there = self.jobs.jobs(chunk)
            for number, row in enumerate(chunk, 1):
                job = there.get(row.id)
                if job is not None and wanted.takes(job) and caller.may_see_job(job):
                    found[row.id] = job
                if len(found) == limit:
                    is_end = following is None and number == len(chunk)
                    return list(found.values()), None if is_end else row
            last, looked_at = chunk[-1], looked_at + len(chunk)
            together = _likely_enough(limit - len(found), hits=len(found), of=looked_at)
        return list(found.values()), None if following is None else last


def _likely_enough(missing: int, *, hits: int, of: int) -> int:
    """Return how many rows to look at next for what is missing: as many as the rows so far make likely to be enough.

    A list that loses a row now and then asks for few; one that is narrowed to what is rare for ROWS_AT_ONCE.
    """
    return min(ROWS_AT_ONCE, -(-missing * of // max(hits, 1)))
