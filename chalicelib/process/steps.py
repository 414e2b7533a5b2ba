"""What the stream does with a new job: settle in place what touches our own table only, queue the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from chalicelib.errors import Unreadable
from chalicelib.model.job import Status, Type, age_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.model.change import JobChange
    from chalicelib.model.job import Job
    from chalicelib.model.token import Token


class Settle(Protocol):
    """How a token is made its place's current one, with its job's end, in one transaction."""

    def __call__(self, job: Job, token: Token, now: int) -> Status | None:
        """Return None when the job had ended before."""


class Queue(Protocol):
    """Where slow work waits."""

    def send(self, job_id: str) -> None:
        """Raise Unavailable when it was not taken."""


class Steps(Struct, frozen=True, kw_only=True):
    """The verb of the stream's first consumer. `fact` logs an outcome; `now` is in microseconds."""

    settle: Settle
    queue: Queue
    now: Callable[[], int]
    fact: Callable[..., None]

    def advance(self, change: JobChange) -> None:
        """Move an open job on: settle in place what touches our own table only, queue what may call anybody else.

        Only a new job is queued, or one that is retried: whoever puts an open one off sends it at its time (the
        worker behind its back-off, the sweep), and a second message each time would double a backlog.
        """
        job = change.after
        if job.status is not Status.PENDING:
            return
        match job.type:
            case Type.STORE:
                self._settle(job, change.token)
            case Type.REVOKE | Type.REFRESH | Type.RESEAL | Type.IMPORT if (
                change.before is None or change.before.status is Status.FAILED
            ):
                self.queue.send(job.id)
                self.fact("job.queued", job=job.id, type=job.type)

    def _settle(self, job: Job, token: Token | None) -> None:
        if token is None:
            raise Unreadable("a token.store job without its token")
        now = self.now()
        self.settled(job, self.settle(job, token, now), now)

    def settled(self, job: Job, ended: Status | None, now: int) -> None:
        """Tell how a job ended; None if it had ended before."""
        if ended is None:
            self.fact("job.repeated", job=job.id, type=job.type)
        else:
            self.fact("job.settled", job=job.id, type=job.type, status=ended, after_ms=age_ms(job, now))
