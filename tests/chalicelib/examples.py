"""Values to test with: one plain example of each kind, with what a test is about as arguments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.model.access import Bearer, Kind, Revocation, id_of
from chalicelib.model.clock import SECOND
from chalicelib.model.deposit import Deposit
from chalicelib.model.job import Job, Status, Type, first_job
from chalicelib.model.token import Place, Token
from chalicelib.model.watch import Connection, Scope, Watch

if TYPE_CHECKING:
    from chalicelib.model.audit import Who
    from chalicelib.store.jobs import Jobs

NOW = 1_800_000_000 * SECOND
"""2027-01-15T08:00:00Z."""

JANE = "auth0|5f7c8ec7c33c6c004bbafe82"
HOOK = "login-hook"


@dataclass
class Clock:
    now: int = NOW

    def __call__(self) -> int:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)


@dataclass
class Facts:
    """What was logged: a list that records."""

    heard: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, event: str, *errors: Exception, **fields: object) -> None:
        kinds = {"error": type(errors[0]).__name__} if errors else {}
        self.heard.append({"event": event, **kinds, **fields})

    @property
    def events(self) -> list[str]:
        return [fact["event"] for fact in self.heard]


def an_id(number: int) -> str:
    """Return an id as ids look: 26 characters of a-z and 2-7."""
    digits = "abcdefghijklmnopqrstuvwxyz234567"
    text = ""
    while number:
        number, digit = divmod(number, 32)
        text = digits[digit] + text
    return text.rjust(26, "a")


def a_place(**changes: str) -> Place:
    return Place(**{"environment": "production", "domain": "shop", "subject": JANE, "provider": "google", **changes})


def a_token(number: int = 1, **changes: Any) -> Token:
    usual: dict[str, Any] = {
        "id": an_id(number),
        "place": a_place(),
        "requester": HOOK,
        "accepted_at": NOW + number,
        "fingerprint": "k1:0123456789abcdef",
        "expires_at": NOW // SECOND + 3_600,
    }
    return Token(**{**usual, **changes})


def a_job(number: int = 1, **changes: Any) -> Job:
    usual: dict[str, Any] = {
        "id": an_id(number),
        "type": Type.STORE,
        "status": Status.PENDING,
        "rev": 1,
        "accepted_at": NOW + number,
        "updated_at": NOW + number,
        "attempts": 0,
        "requester": HOOK,
        "token_id": an_id(number),
        "subject": JANE,
        "place": a_place(),
    }
    return Job(**{**usual, **changes})


def a_deposit(number: int = 1, **changes: Any) -> Deposit:
    token = a_token(number, **changes)
    return Deposit(
        job=first_job(token.id, Type.STORE, token, requester=token.requester, now=token.accepted_at),
        token=token,
        sealed=b"sealed" + bytes(range(32)),
        body_mark=bytes(range(32)),
        key_version=1,
    )


def a_revocation(number: int, token: Token, now: int = NOW) -> Job:
    return first_job(an_id(number), Type.REVOKE, token, requester=token.place.subject, now=now)


def a_bearer(**changes: Any) -> Bearer:
    """Return a bearer of a caller that was issued a minute ago and lasts an hour."""
    usual = {"token_id": "token-1", "issued_at": NOW // SECOND - 60, "expires_at": NOW // SECOND + 3_600}
    return Bearer(**{**usual, **changes})


def a_watch(**changes: Any) -> Watch:
    usual: dict[str, Any] = {"principal": JANE, "person": JANE, "scope": Scope.PERSON, "owns": True}
    return Watch(**{**usual, "bearer": a_bearer(), **changes})


def an_end(kind: Kind = Kind.PRINCIPAL, name: str = JANE, **changes: Any) -> Revocation:
    return Revocation(**{"id": id_of(kind, name), "kind": kind, "name": name, "by": "root", "at": NOW, **changes})


def a_connection(name: str = "connection-1", **changes: Any) -> Connection:
    return Connection(id=name, watch=a_watch(**changes), since=NOW)


class NobodyRefreshes:
    """Where no provider is configured: nothing can be refreshed, and nothing is asked to be."""

    def __call__(self, job: Job) -> None:
        raise AssertionError(f"nobody asked for {job.id}")

    def stopped(self, job: Job, code: str, message: str, retry_after: int) -> None:
        raise AssertionError(f"nobody asked for {job.id}: {code}, {message}, {retry_after}")

    def can(self, token: Token) -> bool:  # noqa: ARG002  no token can
        return False

    def begin(self, token: Token, *, by: Who) -> Job | None:
        raise AssertionError(f"{by.principal} refreshes {token.id}")


def alone(jobs: Jobs) -> dict[str, Any]:
    """Return the parts of a worker that has no provider to call."""
    parts: dict[str, Any] = {"refresh": NobodyRefreshes(), "revoke": lambda _: {}, "settle": jobs.settle}
    return {**parts, "reseal": lambda _: None, "importing": lambda _: None}
