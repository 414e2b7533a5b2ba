"""Do a queued job: claim it, run its step, write the outcome, or decide when it is tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from chalicelib.errors import (
    CloakroomError,
    Conflict,
    LeaseLost,
    NotFound,
    NoTurn,
    Refused,
    SealBroken,
    Unavailable,
    Unreadable,
)
from chalicelib.model.clock import SECOND
from chalicelib.model.job import Status, Type, age_ms, due, tried_in_a_row
from chalicelib.model.retry import Again, Failure, Kind, Stop, decide

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.model.deposit import Deposit
    from chalicelib.model.job import Job
    from chalicelib.process.steps import Settle

LONGEST_DELAY = 900
"""Seconds: the longest that SQS holds a message back. What waits longer is sent by the sweep."""

KINDS: Mapping[type[Exception], Kind] = {
    Unavailable: Kind.TRANSIENT,
    Conflict: Kind.TRANSIENT,
    SealBroken: Kind.PERMANENT,
    Unreadable: Kind.PERMANENT,
    Refused: Kind.PERMANENT,
    Exception: Kind.UNKNOWN,
}
"""What each error says about the next attempt; a class without a line has its parent's."""


class Outcomes(Protocol):
    """Where jobs are found and their outcomes written, each with its job's end in one transaction."""

    def job(self, job_id: str) -> Job:
        """Raise NotFound if there is none."""

    def deposit(self, token_id: str) -> Deposit:
        """Raise NotFound if there is none."""

    def erase(self, revocation: Job, now: int, told: Mapping[str, object]) -> None:
        """Erase a deleted token's secret; the result says what the provider was `told`. Raises LeaseLost."""


class Leases(Protocol):
    """How jobs are claimed and given back."""

    def claim(self, job: Job, owner: str, now: int) -> Job | None:
        """Return None when another was first."""

    def wait(self, job: Job, not_before: int, now: int, reason: str, *, allowed: int | None = None) -> None:
        """Raise LeaseLost. `allowed` raises how often the job may be tried."""

    def end(self, job: Job, to: Status, now: int, outcome: Mapping[str, Mapping[str, object]]) -> None:
        """Raise LeaseLost."""


class Refresh(Protocol):
    """The step of `token.refresh`."""

    def __call__(self, job: Job) -> None:
        """Raise LeaseLost, and what may be tried again."""

    def stopped(self, job: Job, code: str, message: str, retry_after: int) -> None:
        """End a refresh that was tried often enough; the provider asked for `retry_after` seconds. Raises LeaseLost."""


class Queue(Protocol):
    """Where work waits."""

    def send(self, job_id: str, *, delay: int = 0) -> None:
        """Raise Unavailable when it was not taken. `delay` in seconds."""


class Worker(Struct, frozen=True, kw_only=True):
    """The verb of the queue's consumer. `chance` gives a number from [0, 1), `owner` names this process.

    `refresh` and `revoke` call the token's provider; `reseal` and `importing` give their job back after a while and
    return after how many seconds it goes on, None when it has ended.
    """

    outcomes: Outcomes
    leases: Leases
    queue: Queue
    refresh: Refresh
    revoke: Callable[[Job], Mapping[str, object]]
    settle: Settle
    reseal: Callable[[Job], int | None]
    importing: Callable[[Job], int | None]
    now: Callable[[], int]
    chance: Callable[[], float]
    owner: str
    fact: Callable[..., None]
    failure: Callable[..., None]

    def work(self, job_id: str) -> None:
        """Do a job. A message that comes again, early or late, changes nothing.

        Raises only what the queue must bring again: the table did not answer before the job was claimed.
        """
        try:
            job = self.outcomes.job(job_id)
        except NotFound:
            self.fact(
                "work.expired", job=job_id
            )  # past its time to live: whoever asked for it was told that it is gone
            return
        now = self.now()
        if not job.is_open or job.not_before > now:
            self.fact("work.repeated", job=job.id, type=job.type, status=job.status)
            return
        claimed = self.leases.claim(job, self.owner, now)
        if claimed is None:
            self.fact("work.repeated", job=job.id, type=job.type, status=job.status)
            return
        try:
            self._attempt(claimed)
        except LeaseLost:
            self.fact("lease.lost", job=job.id, type=job.type, attempt=claimed.attempts)

    def _attempt(self, job: Job) -> None:
        try:
            self._step(job)
        except LeaseLost:
            raise
        except NoTurn as refusal:
            self._wait_for_turn(job, refusal)
        except Exception as error:  # noqa: BLE001  whatever a step meets is decided upon, never left to chance
            self.failure("attempt.failed", error, job=job.id, type=job.type, attempt=job.attempts)
            self._decided(job, failure_of(error))

    def _wait_for_turn(self, job: Job, refusal: NoTurn) -> None:
        """Put a job off that its provider has no time for. Nothing was tried, so nothing counts."""
        now = self.now()
        not_before = due(job, now + max(1, refusal.retry_after) * SECOND)
        self.leases.wait(job, not_before, now, refusal.code, allowed=job.allowed + 1)
        self._remind(job, -(-(not_before - now) // SECOND))
        self.fact("job.waits", job=job.id, type=job.type, code=refusal.code, attempt=job.attempts)

    def _step(self, job: Job) -> None:
        match job.type:
            case Type.REVOKE:
                self.outcomes.erase(job, self.now(), self.revoke(job))
                self._settled("token.erased", job, token=job.token_id)
            case Type.REFRESH:
                self.refresh(job)
            case Type.RESEAL | Type.IMPORT:
                after = (self.reseal if job.type is Type.RESEAL else self.importing)(job)
                if after is not None:
                    self._remind(job, after)
            case Type.STORE:  # its stream record never came, or failed
                ended = self.settle(job, self.outcomes.deposit(job.id).token, self.now())
                if ended is None:
                    raise LeaseLost
                self._settled("job.settled", job, status=ended)

    def _settled(self, event: str, job: Job, **facts: object) -> None:
        after = age_ms(job, self.now())
        self.fact(event, job=job.id, type=job.type, attempt=job.attempts, after_ms=after, **facts)

    def _decided(self, job: Job, failure: Failure) -> None:
        now = self.now()
        attempt, allowed = tried_in_a_row(job)
        decision = decide(
            failure,
            attempt=attempt,
            allowed=allowed,
            now=now,
            deadline_at=job.deadline_at,
            chance=self.chance(),
        )
        match decision:
            case Stop(code=code, message=message) if job.type is Type.REFRESH:
                self.refresh.stopped(job, code, message, failure.retry_after // SECOND)
            case Stop(code=code, message=message):
                self.leases.end(job, Status.FAILED, now, {"error": {"code": code, "message": message}})
                self._settled("job.failed", job, code=code)
            case Again(not_before=not_before):
                self.leases.wait(job, not_before, now, failure.code)
                self._remind(job, -(-(not_before - now) // SECOND))
                self.fact("job.waits", job=job.id, type=job.type, code=failure.code, attempt=job.attempts)

    def _remind(self, job: Job, delay: int) -> None:
        """Have the queue bring the job when its wait is over; what it cannot hold or does not take, the sweep sends."""
        if delay > LONGEST_DELAY:
            return
        try:
            self.queue.send(job.id, delay=delay)
        except Unavailable as error:
            self.failure("reminder.failed", error, job=job.id)


def failure_of(error: Exception) -> Failure:
    """Return what an error means for its job: what the caller may read of it, and whether to try again."""
    kind = next(KINDS[ancestor] for ancestor in type(error).__mro__ if ancestor in KINDS)
    if isinstance(error, CloakroomError) and kind is not Kind.UNKNOWN:
        message = (type(error).__doc__ or "").strip()
        asked = error.retry_after * SECOND if isinstance(error, Unavailable) else 0
        return Failure(kind=kind, code=error.code, message=message, retry_after=asked)
    return Failure(kind=kind, code="internal_error", message="Something went wrong on our side.")
