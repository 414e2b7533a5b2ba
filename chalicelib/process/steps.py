"""What each job type does: one function a type. A new type is a new function here and a line in its table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from chalicelib.errors import NotFound, Unreadable
from chalicelib.model.job import Status, Type

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.model.change import JobChange
    from chalicelib.model.job import Job
    from chalicelib.model.token import Token


class Outcomes(Protocol):
    """Where outcomes are written: each with its job's end, in one transaction."""

    def settle(self, job: Job, token: Token, now: int) -> Status | None:
        """Make a token current; None when the job had ended before."""

    def erase(self, revocation: Job, now: int) -> bool:
        """Erase a deleted token's secret; False when the job had ended before."""

    def job(self, job_id: str) -> Job:
        """Raise NotFound if there is none."""


class Queue(Protocol):
    """Where slow work waits."""

    def send(self, job_id: str) -> None:
        """Raise Unavailable when it was not taken."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Steps:
    """The verbs of the event handlers. `fact` logs an outcome; `now` is in microseconds."""

    outcomes: Outcomes
    queue: Queue
    now: Callable[[], int]
    fact: Callable[..., None]

    def advance(self, change: JobChange) -> None:
        """Move an open job on: settle in place what touches our own table only, queue what may call anybody else."""
        job = change.after
        if job.status is not Status.PENDING:
            return
        match job.type:
            case Type.STORE:
                self._settle(job, change.token)
            case Type.REVOKE:
                self.queue.send(job.id)
                self.fact("job.queued", job=job.id, type=job.type)

    def work(self, job_id: str) -> None:
        """Do a queued job. A message that comes again, or late, changes nothing."""
        try:
            job = self.outcomes.job(job_id)
        except NotFound:
            # Past its time to live: whoever could ask for it was told that it is gone.
            self.fact("work.expired", job=job_id)
            return
        if not job.is_open:
            self.fact("work.repeated", job=job.id, type=job.type, status=job.status)
            return
        match job.type:
            case Type.REVOKE:
                erased = self.outcomes.erase(job, self.now())
                self.fact("token.erased" if erased else "work.repeated", job=job.id, token=job.token_id)
            case Type.STORE:
                raise Unreadable("a token.store job is settled by the stream, not queued")

    def _settle(self, job: Job, token: Token | None) -> None:
        if token is None:
            raise Unreadable("a token.store job without its token")
        ended = self.outcomes.settle(job, token, self.now())
        self.fact("job.settled" if ended else "job.repeated", job=job.id, type=job.type, status=ended)
