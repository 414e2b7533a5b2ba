"""Stop an open job, or send a failed one round again, at somebody's request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from chalicelib.errors import Conflict, IllegalTransition, NotFound
from chalicelib.model.audit import who_of
from chalicelib.model.job import BUDGETS, Job, Status, Type, check_transition

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.model.audit import Who
    from chalicelib.model.caller import Caller

RACES = 8
"""How often a request is tried against a worker that goes on writing its progress."""


class Jobs(Protocol):
    """Jobs by id."""

    def job(self, job_id: str) -> Job:
        """Raise NotFound if there is none."""


class Leases(Protocol):
    """How open and failed jobs are written from outside."""

    def end_as_seen(
        self, job: Job, to: Status, now: int, outcome: Mapping[str, Mapping[str, object]], *, by: Who | None
    ) -> bool:
        """Return False when something happened to the job since it was read."""

    def retry(self, job: Job, now: int, *, allowed: int, deadline_at: int, by: Who | None) -> bool:
        """Return False when something happened to the job since it was read."""


class Control(Struct, frozen=True, kw_only=True):
    """The verbs behind `POST /jobs/{id}/cancel` and `/retry`."""

    jobs: Jobs
    leases: Leases
    now: Callable[[], int]

    def cancel(self, caller: Caller, job_id: str) -> Job:
        """Stop an open job before its next step; what its worker still writes changes nothing.

        Raises NotFound, IllegalTransition for a job that has ended, Conflict when others wrote it too often.
        """
        for _ in range(RACES):
            job = self._visible(caller, job_id)
            check_transition(job.status, Status.CANCELLED)
            result: dict[str, object] = {"reason": "cancelled", "by": caller.principal}
            if job.type is Type.IMPORT:
                result["note"] = "The tokens that were stored before stay stored."
            if self.leases.end_as_seen(job, Status.CANCELLED, self.now(), {"result": result}, by=who_of(caller)):
                return self.jobs.job(job_id)
        raise Conflict("the job changed too often while it was being cancelled")

    def retry(self, caller: Caller, job_id: str) -> Job:
        """Send a FAILED job round again, with a fresh budget of attempts and time.

        Raises NotFound, IllegalTransition for a job that has not failed, Conflict.
        """
        for _ in range(RACES):
            job = self._visible(caller, job_id)
            if job.status is not Status.FAILED:
                detail = f"the job is {job.status}; only a FAILED job is sent round again"
                raise IllegalTransition(detail, job_status=str(job.status))
            now, budget = self.now(), BUDGETS[job.type]
            allowed = job.attempts + budget.attempts
            deadline_at = now + budget.lifetime
            if self.leases.retry(job, now, allowed=allowed, deadline_at=deadline_at, by=who_of(caller)):
                return self.jobs.job(job_id)
        raise Conflict("the job changed too often while it was being retried")

    def _visible(self, caller: Caller, job_id: str) -> Job:
        job = self.jobs.job(job_id)
        if not caller.may_see_job(job):
            raise NotFound
        return job
