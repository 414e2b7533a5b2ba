"""A job: the work behind a 202, and the life that it may lead."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from chalicelib.errors import IllegalTransition, Unreadable
from chalicelib.model.clock import SECOND, rfc3339
from chalicelib.model.renewal import LONGEST_REFRESH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.model.token import Place, Token


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
    REFRESH = "token.refresh"
    RESEAL = "domain.reseal"
    IMPORT = "token.import"


TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.IN_PROGRESS, Status.SUCCEEDED, Status.FAILED, Status.CANCELLED}),
    Status.IN_PROGRESS: frozenset({Status.PENDING, Status.SUCCEEDED, Status.FAILED, Status.CANCELLED}),
    Status.FAILED: frozenset({Status.PENDING}),
    Status.SUCCEEDED: frozenset(),
    Status.CANCELLED: frozenset(),
}
"""Every legal change of status. What is not here does not happen: each is a conditional write on the status left."""

DISPATCH_GRACE = 60 * SECOND
"""How long the stream and the queue have to bring a job to its worker before the sweep asks (microseconds)."""

LEASE = 90 * SECOND
"""How long a claimed job is its worker's alone: longer than the worker's function may run (60 s)."""


class Budget(Struct, frozen=True, kw_only=True):
    """How often a job type is tried, and for how long (microseconds)."""

    attempts: int
    lifetime: int


BUDGETS: Mapping[Type, Budget] = {
    Type.STORE: Budget(attempts=20, lifetime=86_400 * SECOND),
    Type.REVOKE: Budget(attempts=12, lifetime=86_400 * SECOND),
    Type.REFRESH: Budget(attempts=12, lifetime=LONGEST_REFRESH),
    Type.RESEAL: Budget(attempts=12, lifetime=7 * 86_400 * SECOND),  # a terabyte takes 28 hours; attempts in a row
    Type.IMPORT: Budget(attempts=12, lifetime=86_400 * SECOND),
}

OPEN = frozenset({Status.PENDING, Status.IN_PROGRESS})
ENDED = frozenset(Status) - OPEN


class Job(Struct, frozen=True, kw_only=True):
    """One job as everybody who may watch it sees it. It never holds a secret.

    `accepted_at` and `updated_at` are microseconds since the epoch; `rev` rises by one with each change, so that a
    watcher can tell an older message from a newer one. `attempts` rises with each claim and fences it: what an attempt
    writes is conditional on it. `due_at` is when the sweep looks after an open job, `not_before` when a waiting one may
    be tried again, `lease_until` when a claimed one may be claimed again, `deadline_at` when it ends in any case (all
    microseconds since the epoch). `subject` is whom it is about, its requester where it is about no one token; such a
    job has no `token_id` and no `place`. `input` is what else it was asked to do; `progress` is `{done, total, note}`,
    `checkpoint` what a job that takes many attempts needs to go on where it was. `origin` is whence it was asked for,
    for the audit (see `audit.Who`): no answer shows it.
    """

    id: str
    type: Type
    status: Status
    rev: int
    accepted_at: int
    updated_at: int
    attempts: int
    requester: str
    subject: str
    token_id: str | None = None
    place: Place | None = None
    input: Mapping[str, object] | None = None
    result: Mapping[str, object] | None = None
    error: Mapping[str, object] | None = None
    allowed: int = 20
    due_at: int = 0
    deadline_at: int = 0
    not_before: int = 0
    lease_until: int = 0
    owner: str | None = None
    progress: Mapping[str, object] | None = None
    checkpoint: Mapping[str, Any] | None = None
    origin: Mapping[str, object] | None = None

    @property
    def about_token(self) -> str:
        """The id of the token that it is about. Raises Unreadable for a job that is about none."""
        if self.token_id is None:
            raise Unreadable(f"a {self.type} job without its token")
        return self.token_id

    @property
    def part_of(self) -> str | None:
        """The id of the import that stored it, None for a job of its own."""
        imported = None if self.input is None else self.input.get("import")
        return None if imported is None else str(imported)

    @property
    def is_open(self) -> bool:
        """Whether work is still to be done."""
        return self.status in OPEN


def first_job(
    job_id: str,
    job_type: Type,
    token: Token,
    *,
    requester: str,
    now: int,
    asked: Mapping[str, object] | None = None,
    origin: Mapping[str, object] | None = None,
) -> Job:
    """Return a job about `token` as it is stored first; `asked` is what else it is to do, `origin` whence it comes."""
    return _first(
        job_id,
        job_type,
        requester=requester,
        subject=token.place.subject,
        token_id=token.id,
        place=token.place,
        now=now,
        asked=asked,
        origin=origin,
    )


def errand(
    job_id: str,
    job_type: Type,
    *,
    requester: str,
    now: int,
    asked: Mapping[str, object] | None,
    origin: Mapping[str, object] | None = None,
) -> Job:
    """Return a job about no one token as it is stored first; `asked` is what it is to do, `origin` whence it comes."""
    return _first(job_id, job_type, requester=requester, subject=requester, now=now, asked=asked, origin=origin)


def _first(
    job_id: str,
    job_type: Type,
    *,
    requester: str,
    subject: str,
    now: int,
    asked: Mapping[str, object] | None,
    origin: Mapping[str, object] | None,
    token_id: str | None = None,
    place: Place | None = None,
) -> Job:
    return Job(
        id=job_id,
        type=job_type,
        status=Status.PENDING,
        rev=1,
        accepted_at=now,
        updated_at=now,
        attempts=0,
        requester=requester,
        subject=subject,
        token_id=token_id,
        place=place,
        input=asked,
        origin=origin,
        allowed=BUDGETS[job_type].attempts,
        due_at=now + DISPATCH_GRACE,
        deadline_at=now + BUDGETS[job_type].lifetime,
    )


def tried_in_a_row(job: Job) -> tuple[int, int]:
    """Return the attempt's number, and how many there may be, since the job last had a full budget.

    A retry, a wait for a provider's turn and progress all raise `allowed` beyond the type's budget.
    """
    budget = BUDGETS[job.type].attempts
    return job.attempts - max(0, job.allowed - budget), min(job.allowed, budget)


def age_ms(job: Job, now: int) -> int:
    """Return how long ago a job was accepted, in milliseconds."""
    return (now - job.accepted_at) // 1_000


def due(job: Job, at: int) -> int:
    """Return when the sweep looks after an open job that is due `at`: no later than the job's deadline."""
    return min(at, job.deadline_at)


def check_transition(before: Status, after: Status) -> None:
    """Raise IllegalTransition, naming the state that was met, unless `before` may become `after`."""
    if after not in TRANSITIONS[before]:
        raise IllegalTransition(f"the job is {before}; it cannot become {after}", job_status=str(before))


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
        "input": {**_about(job), **(job.input or {})},
        "links": job_links(job),
    }
    if job.progress is not None:
        view["progress"] = dict(job.progress)
    if job.result is not None:
        view["result"] = dict(job.result)
    if job.error is not None:
        view["error"] = dict(job.error)
    return view


def job_links(job: Job) -> dict[str, str]:
    """Return where to go from a job."""
    links = {"self": f"/jobs/{job.id}"}
    if job.type is Type.IMPORT:
        links["refusals"] = f"/imports/{job.id}/refusals"
    return links if job.token_id is None else {**links, "token": f"/tokens/{job.token_id}"}


def _about(job: Job) -> dict[str, object]:
    if job.place is None:
        return {}
    return {
        "token_id": job.token_id,
        "subject": job.place.subject,
        "provider": job.place.provider,
        "environment": job.place.environment,
        "domain": job.place.domain,
    }
