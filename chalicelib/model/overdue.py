"""What the sweep does with an overdue job: a pure function of the job and the time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from chalicelib.model.clock import SECOND
from chalicelib.model.job import Status, due

if TYPE_CHECKING:
    from chalicelib.model.job import Job

RESEND = 300 * SECOND
"""How long a job that was sent again may wait in the queue before it is sent once more: a backlog must not double
itself every minute."""


class Send(Struct, frozen=True, kw_only=True):
    """Send the job to the worker, and look after it again at `due_at`."""

    due_at: int
    reason: str


class Fail(Struct, frozen=True, kw_only=True):
    """End the job as FAILED."""

    code: str
    message: str


def overdue(job: Job, now: int) -> Send | Fail:
    """Decide what an overdue job needs."""
    if now >= job.deadline_at:
        return Fail(code="deadline_exceeded", message="The job did not end within its time.")
    if job.status is Status.IN_PROGRESS:
        if job.attempts >= job.allowed:
            return Fail(code="worker_lost", message="The job was begun as often as it may be, and never ended.")
        return Send(due_at=due(job, now + RESEND), reason="lease_lost")
    return Send(due_at=due(job, now + RESEND), reason="not_dispatched" if job.attempts == 0 else "waited")
