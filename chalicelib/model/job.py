"""A job: the work behind a 202, and the life that it may lead."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.model.clock import rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.model.token import Token


class Status(enum.StrEnum):
    """Where a job stands."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Type(enum.StrEnum):
    """What a job does. Each type is one function in `chalicelib.process`."""

    STORE = "token.store"
    REVOKE = "token.revoke"


TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.IN_PROGRESS, Status.SUCCEEDED, Status.FAILED, Status.CANCELLED}),
    Status.IN_PROGRESS: frozenset({Status.PENDING, Status.SUCCEEDED, Status.FAILED, Status.CANCELLED}),
    Status.FAILED: frozenset({Status.PENDING}),
    Status.SUCCEEDED: frozenset(),
    Status.CANCELLED: frozenset(),
}
"""Every legal change of status. What is not here does not happen: each is a conditional write on the status left."""

OPEN = frozenset({Status.PENDING, Status.IN_PROGRESS})
ENDED = frozenset(Status) - OPEN


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One job as everybody who may watch it sees it. It never holds a secret.

    `accepted_at` and `updated_at` are microseconds since the epoch; `rev` rises by one with each change, so that a
    watcher can tell an older message from a newer one.
    """

    id: str
    type: Type
    status: Status
    rev: int
    accepted_at: int
    updated_at: int
    attempts: int
    requester: str
    token_id: str
    subject: str
    provider: str
    environment: str
    domain: str
    result: Mapping[str, object] | None = None
    error: Mapping[str, object] | None = None

    @property
    def is_open(self) -> bool:
        """Whether work is still to be done."""
        return self.status in OPEN


def first_job(job_id: str, job_type: Type, token: Token, *, requester: str, now: int) -> Job:
    """Return a job about `token` as it is stored first."""
    return Job(
        id=job_id,
        type=job_type,
        status=Status.PENDING,
        rev=1,
        accepted_at=now,
        updated_at=now,
        attempts=0,
        requester=requester,
        token_id=token.id,
        subject=token.place.subject,
        provider=token.place.provider,
        environment=token.place.environment,
        domain=token.place.domain,
    )


def job_view(job: Job) -> dict[str, object]:
    """Return the job as the contract shows it, in answers and in pushes."""
    view: dict[str, object] = {
        "id": job.id,
        "type": str(job.type),
        "status": str(job.status),
        "rev": job.rev,
        "created_at": rfc3339(job.accepted_at),
        "updated_at": rfc3339(job.updated_at),
        "attempts": job.attempts,
        "input": {
            "token_id": job.token_id,
            "subject": job.subject,
            "provider": job.provider,
            "environment": job.environment,
            "domain": job.domain,
        },
        "links": {"self": f"/jobs/{job.id}", "token": f"/tokens/{job.token_id}"},
    }
    if job.result is not None:
        view["result"] = dict(job.result)
    if job.error is not None:
        view["error"] = dict(job.error)
    return view
