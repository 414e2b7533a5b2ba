"""What happens on a socket: tickets, joining, messages, leaving."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from chalicelib.errors import BadTicket, NotFound
from chalicelib.model import notice
from chalicelib.model.limits import EVERYTHING
from chalicelib.model.watch import Connection, Scope, Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.model.caller import Caller
    from chalicelib.model.job import Job
    from chalicelib.model.limits import Reach
    from chalicelib.notify.tell import OpenJobs, Post

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


class Jobs(Protocol):
    """Jobs by id."""

    def job(self, job_id: str) -> Job:
        """Raise NotFound."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Usher:
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
            return Watch(principal=caller.principal, person=job.subject, scope=Scope.JOB, job_id=job.id)
        person = caller.principal if subject is None else subject
        tokens = caller.asking("GET", f"/subjects/{person}/tokens")
        if subject is not None:
            if not tokens.reach.any_of:
                raise NotFound
            return Watch(
                principal=caller.principal, person=subject, scope=Scope.SUBJECT, within=_within(caller, tokens)
            )
        return Watch(
            principal=caller.principal,
            person=person,
            scope=Scope.PERSON,
            hands_in=caller.may("POST", "/tokens"),
            owns=bool(tokens.reach.any_of),
            within=_within(caller, tokens),
            asked_within=_within(caller, caller.asking("POST", "/tokens")),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Sockets:
    """The verbs of the WebSocket handlers."""

    tickets: Tickets
    registry: Registry
    open_jobs: OpenJobs
    post: Post
    now: Callable[[], int]

    def join(self, connection_id: str, ticket: str | None) -> Watch:
        """Let a connection in for its ticket. Raises BadTicket, which refuses the handshake."""
        if not ticket or len(ticket) > LONGEST_TICKET:
            raise BadTicket
        now = self.now()
        watch = self.tickets.take(ticket, now)
        self.registry.join(Connection(id=connection_id, watch=watch, since=now))
        return watch

    def leave(self, connection_id: str) -> Connection | None:
        """Forget a connection."""
        return self.registry.leave(connection_id)

    def hear(self, connection_id: str, text: str | None) -> str:
        """Answer a client's message on its socket and return what it asked for.

        `{"action": "snapshot"}` sends what is open, `{"action": "ping"}` a pong, anything else an error.
        """
        action = _action(text)
        match action:
            case "ping":
                reply = notice.pong()
            case "snapshot":
                connection = self.registry.find(connection_id)
                if connection is None:
                    reply = notice.fault("not_joined", "This connection is not known any more. Connect again.")
                else:
                    jobs, more = self.open_jobs.heard_by(connection.watch, limit=notice.MOST_JOBS)
                    reply = notice.snapshot(jobs, more=more, now=self.now())
            case _:
                reply = notice.fault("unknown_action", 'Send {"action": "snapshot"} or {"action": "ping"}.')
        self.post(connection_id, reply)
        return action


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
