"""Settle a batch's tokens together: the first of each place, many in a transaction, before the rest is done singly.

    record    is the first of its place, and stores a token that replaces none which must be revoked
    group     33 at the most, all of different places; groups run side by side
    left      what a group did not settle, and every other record: each by itself, in its order

A group decides nothing that its records would not decide by themselves, and what went wrong with it is nobody's
failure: who is left is settled singly, and fails or not on its own account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from chalicelib.errors import Unavailable
from chalicelib.model.change import JobChange
from chalicelib.model.job import Status
from chalicelib.model.settlement import FEWEST_TOGETHER, MOST_TOGETHER, Settlement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor

    from chalicelib.model.change import News
    from chalicelib.model.job import Job
    from chalicelib.model.token import Token

Record = dict[str, Any]


class Plan(Protocol):
    """How a token is settled among others."""

    def __call__(self, job: Job, token: Token) -> Settlement | None:
        """Return None for a token that must be settled by itself."""


class SettleTogether(Protocol):
    """How many tokens are made their places' current ones in one transaction."""

    def __call__(self, wanted: Sequence[Settlement], now: int) -> Mapping[str, Status | None]:
        """Return how jobs ended, by id; None for one that had ended before. Who is not in it was left as it is."""


class Together(Struct, frozen=True, kw_only=True):
    """The way of tokens that nothing is in the way of. `settled` tells of each job that is done, `failure` logs."""

    read: Callable[[Mapping[str, Any]], News | None]
    plan: Plan
    settle: SettleTogether
    settled: Callable[[Job, Status | None, int], None]
    pool: Executor
    now: Callable[[], int]
    fact: Callable[..., None]
    failure: Callable[..., None]

    def __call__(self, records: Sequence[Record], place_of: Callable[[Record], str]) -> Sequence[Record]:
        """Settle what can be settled together, and return the records that are left, in their order."""
        try:
            planned = dict(self._planned(records, place_of))
        except Unavailable:  # the table, for a provider: asked for each record in turn, it would take the whole time
            return records
        if len(planned) < FEWEST_TOGETHER:
            return records
        done = {job_id for ended in self.pool.map(self._group, _groups(list(planned.values()))) for job_id in ended}
        return [record for at, record in enumerate(records) if at not in planned or planned[at].job.id not in done]

    def _planned(
        self, records: Sequence[Record], place_of: Callable[[Record], str]
    ) -> Iterator[tuple[int, Settlement]]:
        """Yield the settlements of records that are the first of their place, with where they stand; each job once."""
        places: set[str] = set()
        jobs: set[str] = set()
        for at, record in enumerate(records):
            place = place_of(record)
            if place in places:
                continue
            places.add(place)
            plan = self._plan(record)
            if plan is not None and plan.job.id not in jobs:
                jobs.add(plan.job.id)
                yield at, plan

    def _plan(self, record: Record) -> Settlement | None:
        try:
            change = self.read(record)
            if not isinstance(change, JobChange) or change.token is None or change.after.status is not Status.PENDING:
                return None  # what a worker holds is the worker's, and what has ended stays so
            return self.plan(change.after, change.token)
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001  it is met again, and told of, where the record is done by itself
            return None

    def _group(self, wanted: Sequence[Settlement]) -> set[str]:
        now = self.now()
        try:
            ends = self.settle(wanted, now)
        except Exception as error:  # noqa: BLE001  whatever it is, each of them finds out by itself
            self.failure("group.failed", error, records=len(wanted))
            return set()
        if len(ends) < len(wanted):
            self.fact("group.divided", records=len(wanted), left=len(wanted) - len(ends))
        for one in wanted:
            if one.job.id in ends:
                self.settled(one.job, ends[one.job.id], now)
        return set(ends)


def _groups(wanted: Sequence[Settlement]) -> list[Sequence[Settlement]]:
    """Divide settlements into groups of about the same size."""
    number = -(-len(wanted) // MOST_TOGETHER)
    return [wanted[at::number] for at in range(number)]
