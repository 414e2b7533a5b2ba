"""What happens on a socket: tickets, joining, messages, leaving."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from chalicelib.errors import BadTicket, CloakroomError, NotFound
from chalicelib.model import notice
from chalicelib.model.limits import EVERYTHING
from chalicelib.model.watch import Connection, Scope, Watch
from chalicelib.notify.tell import fault_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.model.caller import Caller
    from chalicelib.model.job import Job
    from chalicelib.model.limits import Reach
    from chalicelib.notify.tell import HangUp, Known, OpenJobs, Post

LONGEST_MESSAGE = 4_096
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

    def find(self, connection_id: str) -> Connection | None:
        """Return one."""

    def forget(self, connection: Connection) -> None:
        """Forget one that was found."""


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


class Sockets(Struct, frozen=True, kw_only=True):
    """The verbs of the WebSocket handlers."""

    tickets: Tickets
    registry: Registry
    open_jobs: OpenJobs
    known: Known
    post: Post
    hang_up: HangUp
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

    def hear(self, connection_id: str, text: str | None) -> str:
        """Answer a client's message on its socket and return what it asked for.

        `{"action": "snapshot"}` sends what is open, `{"action": "ping"}` a pong, anything else an error. Who was
        revoked, or whose bearer has expired, is answered nothing: the socket is closed. Raises AccessUnknown.
        """
        action = _action(text)
        connection = self.registry.find(connection_id)
        if connection is None:
            self.post(
                connection_id, notice.fault("not_joined", "This connection is not known any more. Connect again.")
            )
        elif (fault := fault_of(connection, self.known, self.now())) is not None:
            self._close(connection, fault)
        else:
            self.post(connection_id, self._reply(action, connection.watch))
        return action

    def _reply(self, action: str, watch: Watch) -> bytes:
        match action:
            case "ping":
                return notice.pong()
            case "snapshot":
                jobs, more = self.open_jobs.heard_by(watch, limit=notice.MOST_JOBS)
                return notice.snapshot(jobs, more=more, now=self.now())
        return notice.fault("unknown_action", 'Send {"action": "snapshot"} or {"action": "ping"}.')

    def _close(self, connection: Connection, fault: str) -> None:
        try:
            self.hang_up(connection.id)
        except CloakroomError as error:  # forgotten all the same, it hears nothing more
            self.fact("connection.not_closed", connection=connection.id, code=error.code)
        self.registry.forget(connection)
        self.fact("connection.ended", connection=connection.id, code=fault, principal=connection.watch.principal)


def _within(caller: Caller, *others: Caller) -> tuple[Reach, ...]:
    """Return what a watch is limited to: the ticket's own limits, and those of what it shows where it may show any.

    Raises OutsideLimits where they take too much room.
    """
    reaches = (one.kept_reach() for one in (caller, *others) if one.reach.any_of)
    return tuple(dict.fromkeys(reach for reach in reaches if reach != EVERYTHING))


def _action(text: str | None) -> str:
    """Return the known action that a message asks for, or `unknown`."""
    if not text or len(text) > LONGEST_MESSAGE:
        return "unknown"
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return "unknown"
    action = message.get("action") if isinstance(message, dict) else None
    return action if action in ("ping", "snapshot") else "unknown"
