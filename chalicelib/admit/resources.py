"""What the service still checks when a route is the caller's: whose the thing is that the path names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from chalicelib.errors import NotFound
from chalicelib.model import names
from chalicelib.model.ids import is_id
from chalicelib.model.job import Type
from chalicelib.model.limits import Somewhere
from chalicelib.model.token import DEFAULT_SCOPE_NAME, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.model.caller import Caller
    from chalicelib.model.deposit import Deposit
    from chalicelib.model.explanation import Route
    from chalicelib.model.job import Job
    from chalicelib.model.token import Token

Refusal = tuple[str, str]
"""A code, and why in words."""

NOTHING: Final = ("not_found", "There is nothing under this name.")
NO_IMPORT: Final = ("not_found", "The job is no import: it has no lines.")
NOT_SEEN: Final = (
    "not_yours",
    "The token is another subject's, or lies outside the limits; this caller did not hand it in, either.",
)
NOT_COLLECTED: Final = (
    "not_yours",
    "The token is of a subject whose secrets this caller may not read, or outside the limits; to hand in is no right.",
)
NOT_ASKED_FOR: Final = (
    "not_yours",
    "The job is about another subject, or outside the limits; this caller did not ask for it, either.",
)

_BY_PLACE: Final = "/subjects/{subject}/tokens/{provider}"


class Things(Protocol):
    """Jobs and deposits by id, and the newest token of a place."""

    def job(self, job_id: str) -> Job:
        """Raise NotFound if there is none."""

    def deposit(self, token_id: str) -> Deposit:
        """Raise NotFound if there is none."""

    def current(self, place: Place) -> Token | None:
        """Return None if there is none."""


def whereabouts(route: Route, path: str, within: Somewhere | None) -> Somewhere | None:
    """Return where a request lies by itself; None where it is decided on without that.

    A hand-in lies where its body says, a subject's token where the query does: that is `within`, whose environment and
    domain are the defaults if they are not given. A provider's settings are in no environment and domain.
    """
    segments = path[1:].split("/")
    if segments[0] == "providers":
        return Somewhere(provider=segments[1]) if "name" in route.names else None
    if route.path.startswith(_BY_PLACE):
        return _in_defaults(within, segments[3])
    if route.path == "/tokens" and within is not None:
        return _in_defaults(within, within.provider)
    return None


def refusal_of(things: Things, caller: Caller, method: str, route: Route, where: Somewhere | None) -> Refusal | None:
    """Return why a caller that may use a route does not get what its path names; None where it does.

    The caller is as of this request (`Caller.asking`). May raise OutsideLimits, and Unavailable.
    """
    check = CHECKS.get((method, route.path))
    try:
        if check is not None:
            name = next(iter(route.names.values()))
            return check(things, caller, name) if is_id(name) else NOTHING
        if route.path.startswith(_BY_PLACE):
            return _current(things, route.names, where)
    except NotFound:
        return NOTHING
    if (method, route.path) == ("POST", "/imports"):
        caller.kept_reach()
    return None


def _current(things: Things, given: Mapping[str, str], where: Somewhere | None) -> Refusal | None:
    subject, provider = names.decode_segment(given["subject"]), names.decode_segment(given["provider"])
    if where is None or names.provider_fault(provider):
        return None
    environment, domain = where.environment or DEFAULT_SCOPE_NAME, where.domain or DEFAULT_SCOPE_NAME
    place = Place(environment=environment, domain=domain, subject=subject, provider=provider)
    return None if things.current(place) is not None else NOTHING


def _seen(things: Things, caller: Caller, token_id: str) -> Refusal | None:
    token = things.deposit(token_id).token
    return None if caller.may_see(token.place, token.requester) else NOT_SEEN


def _collected(things: Things, caller: Caller, token_id: str) -> Refusal | None:
    return None if caller.may_collect(things.deposit(token_id).token.place) else NOT_COLLECTED


def _job(things: Things, caller: Caller, job_id: str) -> Refusal | None:
    return None if caller.may_see_job(things.job(job_id)) else NOT_ASKED_FOR


def _lines(things: Things, caller: Caller, job_id: str) -> Refusal | None:
    return NO_IMPORT if things.job(job_id).type is not Type.IMPORT else _job(things, caller, job_id)


def _in_defaults(within: Somewhere | None, provider: str | None) -> Somewhere:
    given = within or Somewhere()
    return Somewhere(
        environment=given.environment or DEFAULT_SCOPE_NAME,
        domain=given.domain or DEFAULT_SCOPE_NAME,
        provider=provider,
    )


CHECKS: Final[Mapping[tuple[str, str], Callable[[Things, Caller, str], Refusal | None]]] = {
    ("GET", "/tokens/{token_id}"): _seen,
    ("DELETE", "/tokens/{token_id}"): _collected,
    ("GET", "/tokens/{token_id}/secret"): _collected,
    ("POST", "/tokens/{token_id}/refresh"): _collected,
    ("POST", "/tokens/{token_id}/rejected"): _collected,
    ("GET", "/jobs/{job_id}"): _job,
    ("POST", "/jobs/{job_id}/cancel"): _job,
    ("POST", "/jobs/{job_id}/retry"): _job,
    ("GET", "/imports/{job_id}/refusals"): _lines,
}
"""By which of the caller's rights a route gives its thing away: as its verb asks. A test holds the routes to it."""
