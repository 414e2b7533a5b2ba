"""Who may be told of which job."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from msgspec import Struct

from chalicelib.model.limits import NOWHERE

if TYPE_CHECKING:
    from chalicelib.model.access import Access, Bearer
    from chalicelib.model.job import Job
    from chalicelib.model.limits import Reach

TICKET_SECONDS = 60
"""How long a ticket opens a socket."""

LONGEST_CONNECTION = 7_200
"""Seconds after which API Gateway closes any WebSocket."""

HANDSHAKE_SECONDS = 10
"""How long after `$connect` a post may meet a connection that API Gateway does not count as open yet."""


class Scope(enum.StrEnum):
    """How much a connection is told."""

    PERSON = "person"
    SUBJECT = "subject"
    JOB = "job"


class Watch(Struct, frozen=True, kw_only=True):
    """What one connection is told of.

    `person` is the name under which the connection is registered. With scope PERSON it hears of the jobs that the
    person asked for (of an import, not of the tokens that it stored) and, if it `owns` its subject's path, of those
    about the person; with SUBJECT of the latter only; with JOB of `job_id` alone, whose subject the person is.
    `hands_in` tells whether the person may have asked for jobs about others. What is about the person lies within all
    of `within`, what the person asked for within all of `asked_within`: the caller's limits when the ticket was given.
    `bearer` is what the ticket was asked for with: the watch ends when that does.
    """

    principal: str
    person: str
    scope: Scope
    bearer: Bearer
    job_id: str | None = None
    hands_in: bool = False
    owns: bool = False
    within: tuple[Reach, ...] = ()
    asked_within: tuple[Reach, ...] = ()

    def fault(self, access: Access, now: int) -> str | None:
        """Return why it is over, as a code; None while it lasts. `now` in microseconds.

        Expired, revoked, or given under policies that have changed since: whoever may still watch joins again.
        """
        if self.bearer.is_over(now):
            return "expired"
        if access.revocation_of(self.principal, self.bearer, now) is not None:
            return "revoked"
        return None if self.bearer.epoch == access.epoch.policies else "policies_changed"

    def hears_of(self, job: Job) -> bool:
        """Tell whether a change of `job` is this connection's to know."""
        match self.scope:
            case Scope.PERSON:
                return self._asked_for(job) or (self.owns and self._is_about_person(job))
            case Scope.SUBJECT:
                return self._is_about_person(job)
            case Scope.JOB:
                return self.job_id == job.id

    def _asked_for(self, job: Job) -> bool:
        """Tell whether the person asked for a job. One that lies in no place (an import) is its own in any case."""
        is_own = self.person == job.requester and job.part_of is None
        return is_own and (job.place is None or all(reach.holds(job.place) for reach in self.asked_within))

    def _is_about_person(self, job: Job) -> bool:
        return self.person == job.subject and all(reach.holds(job.place or NOWHERE) for reach in self.within)


class Connection(Struct, frozen=True, kw_only=True):
    """An open socket and what it is told of. `since` is when it joined, in microseconds since the epoch."""

    id: str
    watch: Watch
    since: int


def persons_of(job: Job) -> frozenset[str]:
    """Return the names under which connections that may hear of `job` are registered.

    Who imports hears of the import, not of each of its tokens: they would be 100,000 messages to one socket.
    """
    return frozenset({job.subject} if job.part_of else {job.subject, job.requester})
