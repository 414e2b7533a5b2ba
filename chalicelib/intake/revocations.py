"""End access before its time, show what was ended, give it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct

from chalicelib.errors import InvalidBody, WouldLockOut
from chalicelib.model.access import SKEW, Kind, Revocation, id_of
from chalicelib.model.clock import micros

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from chalicelib.intake.bodies import RevocationIn
    from chalicelib.model.caller import Caller

_PAST: Final = "a moment that is past: `until` says how long a block lasts"
_FUTURE: Final = "a moment to come"


class Revocations(Protocol):
    """Where revocations are kept."""

    def revoke(self, asked: Revocation, now: int) -> Revocation:
        """Return what is kept: never less than was asked for, nor than was there."""

    def find(self, revocation_id: str) -> Revocation:
        """Raise NotFound."""

    def lift(self, revocation_id: str) -> None:
        """Raise NotFound."""

    def page(self, *, limit: int, after: str | None) -> tuple[list[Revocation], str | None]:
        """Return a page, and the id that the next begins behind."""


class Warden(Struct, frozen=True, kw_only=True):
    """The verbs of `/revocations`. That only administrators reach them is the policies' work.

    `changed` is called when something was, so that this process hears of it at once.
    """

    revocations: Revocations
    now: Callable[[], int]
    changed: Callable[[], None]

    def revoke(self, caller: Caller, body: RevocationIn) -> Revocation:
        """End access. Raises InvalidBody; WouldLockOut for the caller's own; Conflict."""
        now = self.now()
        asked = _revocation(body, by=caller.principal, now=now)
        if asked.name == (caller.token_id if asked.kind is Kind.BEARER else caller.principal):
            raise WouldLockOut
        kept = self.revocations.revoke(asked, now)
        self.changed()
        return kept

    def page(self, *, limit: int, after: str | None) -> tuple[list[Revocation], str | None]:
        """Return a page by id, without those that have lapsed, and the id that the next begins behind."""
        found, last = self.revocations.page(limit=limit, after=after)
        now = self.now()
        return [one for one in found if not one.has_lapsed(now)], last

    def lift(self, revocation_id: str) -> Revocation:
        """Give access back and return what had ended it. Raises NotFound."""
        found = self.revocations.find(revocation_id)
        self.revocations.lift(revocation_id)
        self.changed()
        return found


def _revocation(body: RevocationIn, *, by: str, now: int) -> Revocation:
    if (body.principal is None) == (body.bearer is None):
        raise _invalid("principal", "either this or `bearer`")
    if body.bearer is not None and body.issued_before is not None:
        raise _invalid("issued_before", "with `principal` only: a bearer has one moment of issue")
    issued_before, until = _moment(body.issued_before), _moment(body.until)
    if issued_before is not None and issued_before > now + SKEW:
        raise _invalid("issued_before", _PAST)
    if until is not None and until <= now:
        raise _invalid("until", _FUTURE)
    if body.bearer is not None:
        kind, name = Kind.BEARER, body.bearer
    else:
        kind, name = Kind.PRINCIPAL if issued_before is None else Kind.SESSIONS, str(body.principal)
    return Revocation(
        id=id_of(kind, name),
        kind=kind,
        name=name,
        by=by,
        at=now,
        why=body.why,
        issued_before=issued_before,
        until=until,
    )


def _moment(given: datetime | None) -> int | None:
    return None if given is None else micros(given)


def _invalid(field: str, rule: str) -> InvalidBody:
    return InvalidBody(f"{field}: {rule}", field=field, rule=rule)
