"""Who is let in: tickets, joining, leaving."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from chalicelib.errors import BadTicket, NotFound
from chalicelib.model.limits import EVERYTHING
from chalicelib.model.watch import Connection, Scope, Watch
from chalicelib.notify.lasting import fault_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.model.caller import Caller
    from chalicelib.model.job import Job
    from chalicelib.model.limits import Reach
    from chalicelib.notify.lasting import Known

LONGEST_TICKET = 128


class Tickets(Protocol):
    """Where tickets are kept."""

    def issue(self, ticket: str, watch: Watch, now: int) -> int:
        """Return when it ends, in microseconds."""

    def take(self, ticket: str, now: int) -> Watch:
        """Raise BadTicket."""


class Registry(Protocol):
    """Which connections there are."""

    def join(self, connection: Connection) -> None:
        """Register one."""

    def leave(self, connection_id: str) -> Connection | None:
        """Forget one."""


class Jobs(Protocol):
    """Jobs by id."""

    def job(self, job_id: str) -> Job:
        """Raise NotFound."""


class Usher(Struct, frozen=True, kw_only=True):
    """Give tickets out. `new_ticket` mints 256 random bits as text."""

    tickets: Tickets
    jobs: Jobs
    now: Callable[[], int]
    new_ticket: Callable[[], str]

    def ticket(self, caller: Caller, *, subject: str | None, job_id: str | None) -> tuple[str, int]:
        """Return a ticket and when it ends. Raises NotFound for a subject or job that is not the caller's to watch."""
        ticket = self.new_ticket()
        return ticket, self.tickets.issue(ticket, self._watch(caller, subject, job_id), self.now())

    def _watch(self, caller: Caller, subject: str | None, job_id: str | None) -> Watch:
        if job_id is not None:
            job = self.jobs.job(job_id)
            if not caller.may_see_job(job):
                raise NotFound
            return Watch(
                principal=caller.principal, person=job.subject, scope=Scope.JOB, job_id=job.id, bearer=caller.bearer
            )
        person = caller.principal if subject is None else subject
        tokens = caller.asking("GET", f"/subjects/{person}/tokens")
        if subject is not None:
            if not tokens.reach.any_of:
                raise NotFound
            return Watch(
                principal=caller.principal,
                person=subject,
                scope=Scope.SUBJECT,
                bearer=caller.bearer,
                within=_within(caller, tokens),
            )
        return Watch(
            principal=caller.principal,
            person=person,
            scope=Scope.PERSON,
            bearer=caller.bearer,
            hands_in=caller.may("POST", "/tokens"),
            owns=bool(tokens.reach.any_of),
            within=_within(caller, tokens),
            asked_within=_within(caller, caller.asking("POST", "/tokens")),
        )


class Door(Struct, frozen=True, kw_only=True):
    """The verbs of connecting and disconnecting."""

    tickets: Tickets
    registry: Registry
    known: Known
    now: Callable[[], int]
    fact: Callable[..., None]

    def join(self, connection_id: str, ticket: str | None) -> Watch:
        """Let a connection in for its ticket. Raises BadTicket, or AccessUnknown: both refuse the handshake."""
        if not ticket or len(ticket) > LONGEST_TICKET:
            raise BadTicket
        now = self.now()
        self.known.current()  # before the ticket: it is not used up where nobody can tell who was revoked
        connection = Connection(id=connection_id, watch=self.tickets.take(ticket, now), since=now)
        if (fault := fault_of(connection, self.known, now)) is not None:
            self.fact("ticket.ended", principal=connection.watch.principal, code=fault)
            raise BadTicket
        self.registry.join(connection)
        return connection.watch

    def leave(self, connection_id: str) -> Connection | None:
        """Forget a connection."""
        return self.registry.leave(connection_id)


def _within(caller: Caller, *others: Caller) -> tuple[Reach, ...]:
    """Return what a watch is limited to: the ticket's own limits, and those of what it shows where it may show any.

    Raises OutsideLimits where they take too much room.
    """
    reaches = (one.kept_reach() for one in (caller, *others) if one.reach.any_of)
    return tuple(dict.fromkeys(reach for reach in reaches if reach != EVERYTHING))
