"""Look after open jobs that are overdue: send them round again, or end them. Every minute; two at once do no harm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from chalicelib.errors import Unreadable
from chalicelib.model.clock import SECOND
from chalicelib.model.job import Status, age_ms
from chalicelib.model.overdue import Fail, Send, overdue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from concurrent.futures import Executor

    from chalicelib.model.job import Job
    from chalicelib.process.steps import Queue


class Overdue(Protocol):
    """The index of open jobs."""

    def shards(self) -> Sequence[str]:
        """Return its partitions."""

    def oldest(self, shard: str) -> int | None:
        """Return when a partition's oldest open job was accepted (microseconds), None where nothing is open."""

    def due(self, shard: str, now: int) -> Iterable[Job | Unreadable]:
        """Return a partition's jobs that were due at `now`, longest overdue first; for an unreadable one, why."""


class Leases(Protocol):
    """How open jobs are written."""

    def put_off(self, job: Job, due_at: int, now: int, reason: str) -> bool:
        """Return False when something happened to the job since it was read."""

    def end_as_seen(self, job: Job, to: Status, now: int, outcome: Mapping[str, Mapping[str, object]]) -> bool:
        """Return False when something happened to the job since it was read."""


class Sweep(Struct, frozen=True, kw_only=True):
    """The verb of the scheduled function. `seconds_left` tells how long this run may still take."""

    index: Overdue
    leases: Leases
    queue: Queue
    pool: Executor
    now: Callable[[], int]
    fact: Callable[..., None]
    failure: Callable[..., None]

    def run(self, *, until: int) -> dict[str, int]:
        """Go through all shards side by side, until `until` (microseconds); what is left is the next run's.

        Returns how many jobs were sent, ended, left to somebody faster, and failed to be written.
        """
        counts = {"sent": 0, "ended": 0, "left": 0, "failed": 0}
        oldest_overdue = 0
        for outcomes, age in self.pool.map(lambda shard: self._shard(shard, until), self.index.shards()):
            oldest_overdue = max(oldest_overdue, age)
            for outcome in outcomes:
                counts[outcome] += 1
        self.fact("sweep.done", **counts, oldest_s=oldest_overdue // 1_000, oldest_open_s=self._oldest_open())
        return counts

    def _oldest_open(self) -> int | None:
        """Return the age of the oldest open job in seconds, 0 where none is; None when the index did not answer."""
        try:
            accepted = [at for at in self.pool.map(self.index.oldest, self.index.shards()) if at is not None]
        except Exception as error:  # noqa: BLE001  a figure that is missing for a minute must not fail the sweep
            self.failure("sweep.failed", error)
            return None
        now = self.now()
        return max(0, now - min(accepted, default=now)) // SECOND

    def _shard(self, shard: str, until: int) -> tuple[list[str], int]:
        outcomes: list[str] = []
        oldest = 0
        try:
            for job in self.index.due(shard, self.now()):
                now = self.now()
                if now >= until:
                    break
                if isinstance(job, Unreadable):
                    self.failure("sweep.unreadable", job, shard=shard)
                    outcomes.append("failed")
                    continue
                oldest = max(oldest, age_ms(job, now))
                outcomes.append(self._one(job))
        except Exception as error:  # noqa: BLE001  one shard's trouble must not keep the others waiting
            self.failure("sweep.failed", error, shard=shard)
            outcomes.append("failed")
        return outcomes, oldest

    def _one(self, job: Job) -> str:
        try:
            return self._look_after(job)
        except Exception as error:  # noqa: BLE001  one job's trouble must not keep the others waiting
            self.failure("sweep.failed", error, job=job.id)
            return "failed"

    def _look_after(self, job: Job) -> str:
        now = self.now()
        match overdue(job, now):
            case Fail(code=code, message=message):
                if not self.leases.end_as_seen(job, Status.FAILED, now, {"error": {"code": code, "message": message}}):
                    return "left"
                self.fact("job.failed", job=job.id, type=job.type, code=code, after_ms=age_ms(job, now))
                return "ended"
            case Send(due_at=due_at, reason=reason):
                # First the table, then the queue: a message that is lost in between is sent by a later run.
                if not self.leases.put_off(job, due_at, now, reason):
                    return "left"
                self.queue.send(job.id)
                self.fact("job.swept", job=job.id, type=job.type, reason=reason)
        return "sent"
