"""The audit's entries: who did what with which token, when, from where; never a secret, never a body.

An entry is written by the transaction that makes the change it tells of, so that there is one exactly when there is the
other. What hands a secret out is written before the answer leaves; a refusal, if the table takes it.
"""

from __future__ import annotations

import enum
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import Struct

from chalicelib.errors import CloakroomError
from chalicelib.model.clock import SECOND, rfc3339
from chalicelib.model.ids import hashed_id
from chalicelib.model.job import Job, Status, Type

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.model.caller import Caller
    from chalicelib.model.token import Token

SERVICE = "cloakroom"
"""The principal of what the service does by itself."""

LONGEST_TEXT = 256
"""Characters of a claim that an entry keeps: issuers choose them, and an entry is to stay below 1 KB."""

DAY = 86_400


class Event(enum.StrEnum):
    """What happened. The names are stored: add, never rename."""

    STORED = "token.stored"
    READ = "token.read"
    DELETED = "token.deleted"
    DELETED_AGAIN = "token.deleted_again"
    ERASED = "token.erased"
    REFRESH_ASKED = "token.refresh_asked"
    REFRESHED = "token.refreshed"
    REJECTED = "token.rejected"
    REFUSED = "refused"
    SUCCEEDED = "job.succeeded"
    FAILED = "job.failed"
    CANCELLED = "job.cancelled"
    RETRIED = "job.retried"
    ADMINISTERED = "administered"


_ENDS = {
    (Type.STORE, Status.SUCCEEDED): Event.STORED,
    (Type.REVOKE, Status.SUCCEEDED): Event.ERASED,
}
_ENDS_OF_ANY = {
    Status.SUCCEEDED: Event.SUCCEEDED,
    Status.FAILED: Event.FAILED,
    Status.CANCELLED: Event.CANCELLED,
}


class Who(Struct, frozen=True, kw_only=True):
    """Who acted, and whence: as the bearer token and API Gateway said. What is not known is empty."""

    principal: str
    issuer: str = ""
    client: str = ""
    bearer: str = ""
    groups: str = ""
    address: str = ""

    def origin(self) -> dict[str, object] | None:
        """Return all but the principal, as a job keeps it; None where nothing is known."""
        return {name: text for name in _ORIGIN if (text := getattr(self, name))} or None


_ORIGIN = ("issuer", "client", "bearer", "groups", "address")


class Entry(Struct, frozen=True, kw_only=True):
    """One entry. `at` is in microseconds; `token_id`, `job_id` and what else is not concerned is None.

    `event` and `job_type` are text, so that what a later version writes is shown, too. `kept_until` (epoch seconds) is
    when the time to live of what it tells of is over. `what` names what was asked for, as a path.
    """

    id: str
    at: int
    event: str
    who: Who
    subject: str | None = None
    environment: str | None = None
    domain: str | None = None
    provider: str | None = None
    token_id: str | None = None
    generation: int | None = None
    job_id: str | None = None
    job_type: str | None = None
    code: str | None = None
    what: str | None = None
    kept_until: int | None = None

    @property
    def order(self) -> str:
        """Sort entries by their moments; no two are the same."""
        return order_of(self.at, self.id)


def order_of(at: int, entry_id: str) -> str:
    """Return where an entry stands among others, as text."""
    return f"{at:016d}#{entry_id}"


def who_of(caller: Caller) -> Who:
    """Return who is asking, as entries and jobs keep it: claims that are too long are cut."""
    return Who(
        principal=caller.principal,
        issuer=caller.issuer[:LONGEST_TEXT],
        client=caller.client[:LONGEST_TEXT],
        bearer=caller.token_id[:LONGEST_TEXT],
        groups=",".join(caller.groups)[:LONGEST_TEXT],
        address=caller.address,
    )


def asker_of(job: Job) -> Who:
    """Return who asked for a job. Jobs of earlier versions do not say whence."""
    origin = job.origin or {}
    return Who(principal=job.requester, **{name: str(origin.get(name, "")) for name in _ORIGIN})


def entry_id(about: str, event: Event, at: int) -> str:
    """Return the id of the entry of a change: who knows the change finds the entry, and written twice it is one."""
    return hashed_id(b"cloakroom/1/audit", about, event, str(at))


def about_job(
    job: Job, event: Event, at: int, *, who: Who | None = None, code: str | None = None, **more: int | None
) -> Entry:
    """Return the entry of what became of a job at `at`; by who asked for it, unless somebody else did it.

    `more` is the `generation` and `kept_until` of its token, where that is what it tells of.
    """
    return Entry(
        id=entry_id(job.id, event, at),
        at=at,
        event=event,
        who=asker_of(job) if who is None else who,
        subject=job.subject,
        environment=None if job.place is None else job.place.environment,
        domain=None if job.place is None else job.place.domain,
        provider=None if job.place is None else job.place.provider,
        token_id=job.token_id,
        job_id=job.id,
        job_type=job.type,
        code=code,
        generation=more.get("generation"),
        kept_until=more.get("kept_until"),
    )


def end_event(job_type: Type, to: Status) -> Event:
    """Return what it is called that a job of a type comes to an end."""
    return _ENDS.get((job_type, to), _ENDS_OF_ANY[to])


def about_token(
    token: Token, event: Event, at: int, who: Who, *, by_id: str | None = None, **more: str | None
) -> Entry:
    """Return the entry of what was done with a token. `by_id` is the entry's, else it follows from the rest."""
    return Entry(
        id=entry_id(token.id, event, at) if by_id is None else by_id,
        at=at,
        event=event,
        who=who,
        subject=token.place.subject,
        environment=token.place.environment,
        domain=token.place.domain,
        provider=token.place.provider,
        token_id=token.id,
        generation=token.generation,
        job_id=more.get("job_id"),
        code=more.get("code"),
    )


def about_token_by(job: Job, token: Token, event: Event, at: int) -> Entry:
    """Return the entry of what a job did with a token, or is to do: one for each job."""
    by_id = entry_id(job.id, event, at)
    return about_token(token, event, at, asker_of(job), by_id=by_id, job_id=job.id)


@contextmanager
def concerning(token: Token) -> Iterator[None]:
    """Let what is refused in here be about a token: so the audit knows whose, though the caller is not told."""
    try:
        yield
    except CloakroomError as error:
        error.concerns = token
        raise


def entry_view(entry: Entry) -> dict[str, object]:
    """Return an entry as the contract shows it."""
    who = entry.who
    view: dict[str, object] = {
        "id": entry.id,
        "at": rfc3339(entry.at),
        "event": entry.event,
        "principal": who.principal,
        "issuer": who.issuer or None,
        "client": who.client or None,
        "bearer": who.bearer or None,
        "groups": who.groups.split(",") if who.groups else [],
        "address": who.address or None,
        "subject": entry.subject,
        "environment": entry.environment,
        "domain": entry.domain,
        "provider": entry.provider,
        "token_id": entry.token_id,
        "generation": entry.generation,
        "job_id": entry.job_id,
        "job_type": entry.job_type,
        "code": entry.code,
        "what": entry.what,
        "kept_until": None if entry.kept_until is None else rfc3339(entry.kept_until * SECOND),
    }
    return {name: value for name, value in view.items() if value is not None}
