"""Decide who may do what: one decision over the statements of all of a caller's groups, with its source.

An explicit Deny wins over every Allow; what nothing allows is denied; the statements of several groups are simply put
together. An Allow that is limited holds within its limits, and does not narrow another's. The same statements are
written out for API Gateway (`iam.py`) and decided on again by the service.
"""

from __future__ import annotations

import enum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.model import names
from chalicelib.model.limits import EVERYWHERE, NOTHING, NOWHERE, Reach, written_in
from chalicelib.model.patterns import is_plain, matches
from chalicelib.model.policy import PRINCIPAL, variables, with_variables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from chalicelib.model.limits import Whereabouts
    from chalicelib.model.policy import Statement

FAMILIES: Final = (
    "tokens",
    "subjects",
    "jobs",
    "uploads",
    "imports",
    "tickets",
    "receipts",
    "providers",
    "policies",
    "revocations",
    "authz",
    "audit",
)
"""First segments of the routes that need a bearer. A guard test holds the routes against them."""

_KEPT: Final = 64
"""Decisions that a process keeps: a login hook asks for the same thing all day."""

UNPLACED: Final = frozenset({"policies", "revocations", "authz", "audit"})
"""Families whose routes count everywhere: a limited Allow does not open them, for it would open its own limits."""


class Reason(enum.StrEnum):
    """Why a decision is what it is: stable codes, for administrators and the audit."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicit_deny"
    OUTSIDE_LIMITS = "outside_limits"
    NOT_ALLOWED = "not_allowed"
    NO_SUCH_PATH = "no_such_path"


class Decision(Struct, frozen=True, kw_only=True):
    """Hold what was decided, why, and by which statement: of which group, and its place there from 0.

    Where no statement decided, `group` is empty and `index` None.
    """

    allowed: bool
    reason: Reason
    group: str = ""
    index: int | None = None


def decide(
    statements: Iterable[Statement],
    principal: str,
    method: str,
    path: str,
    within: Whereabouts | None = None,
) -> Decision:
    """Decide whether this principal may use this method on this decoded path, for a thing that lies `within`.

    Without `within` limits are left out of account: that is what a path alone can tell. Methods and paths compare
    exactly. A path with an empty segment, a step (`.`, `..`) or a character that no name holds is denied to everybody:
    it names nothing of ours, and no pattern was written for it.
    """
    if not is_plain(path):
        return Decision(allowed=False, reason=Reason.NO_SUCH_PATH)
    thing = NOWHERE if within is None and path[1:].split("/", 1)[0] in UNPLACED else within
    allowed: Statement | None = None
    limited: Statement | None = None
    for one in _about(statements, principal, method, path):
        if one.effect == "Deny":
            return _by(one, Reason.EXPLICIT_DENY)
        if thing is None or one.limits.fault(thing) is None:
            allowed = allowed or one
        else:
            limited = limited or one
    if allowed is not None:
        return _by(allowed, Reason.ALLOWED)
    if limited is not None:
        return _by(limited, Reason.OUTSIDE_LIMITS)
    return Decision(allowed=False, reason=Reason.NOT_ALLOWED)


def allows(
    statements: Iterable[Statement], principal: str, method: str, path: str, within: Whereabouts | None = None
) -> bool:
    """Say what `decide` decides."""
    return decide(statements, principal, method, path, within).allowed


def reach(statements: Iterable[Statement], principal: str, method: str, path: str) -> Reach:
    """Return where this request may reach: the limits of all that allows it, nothing where it is denied."""
    return _reach(tuple(statements), principal, method, path)


@lru_cache(maxsize=_KEPT)
def _reach(statements: tuple[Statement, ...], principal: str, method: str, path: str) -> Reach:
    if not allows(statements, principal, method, path):
        return NOTHING
    return Reach.of(one.limits for one in _about(statements, principal, method, path))


def bound(statements: Iterable[Statement], principal: str, claims: Mapping[str, str]) -> tuple[Statement, ...]:
    """Return statements with the caller's claims written in; `${principal}` stays in paths, and not in limits.

    A claim that is missing owns nothing: an Allow's path vanishes, and with its last path the statement; of a Deny's
    path the segment becomes a wildcard, for a Deny that vanished would be a right.
    """
    written = (_bound(one, principal, claims) for one in statements)
    return tuple(one for one in written if one.paths)


def named_claims(statements: Iterable[Statement]) -> set[str]:
    """Return the names of the claims that statements name."""
    texts = (text for one in statements for text in (*one.paths, *_limit_values(one)))
    return {_claim(found) for text in texts for found in variables(text) if found != PRINCIPAL}


def resolved(statement: Statement, principal: str) -> Iterator[str]:
    """Give the statement's paths with the principal written in.

    A principal that is no legal subject owns nothing: written in, it could bring a wildcard or a slash along; escaped,
    it would be a second grammar to get wrong. So an Allow's `${principal}` paths vanish, a Deny's become wider.
    """
    for path in statement.paths:
        written = _written(statement, path, {PRINCIPAL: principal})
        if written is not None:
            yield written


def _about(statements: Iterable[Statement], principal: str, method: str, path: str) -> Iterator[Statement]:
    """Give the statements that speak of a request."""
    for one in statements:
        is_meant = "*" in one.methods or method in one.methods
        if is_meant and any(matches(pattern, path) for pattern in resolved(one, principal)):
            yield one


def _by(statement: Statement, reason: Reason) -> Decision:
    allowed = reason is Reason.ALLOWED
    return Decision(allowed=allowed, reason=reason, group=statement.group, index=statement.index)


def _bound(statement: Statement, principal: str, claims: Mapping[str, str]) -> Statement:
    values = {f"${{claims.{name}}}": value for name, value in claims.items()}
    paths = (_written(statement, path, values, left=PRINCIPAL) for path in statement.paths)
    own = {**values, PRINCIPAL: principal}
    return replace(
        statement,
        paths=tuple(path for path in paths if path is not None),
        limits=EVERYWHERE if statement.limits == EVERYWHERE else written_in(statement.limits, own.get),
    )


def _written(statement: Statement, path: str, values: Mapping[str, str], left: str = "") -> str | None:
    """Write what variables stand for into a path, all but the one that is `left`.

    None for an Allow's path with a variable that stands for nothing legal.
    """
    if "$" not in path:
        return path
    legal = {name: value for name, value in values.items() if names.is_subject(value)}
    if left:
        legal[left] = left
    if statement.effect == "Allow" and not all(name in legal for name in variables(path)):
        return None
    return with_variables(path, lambda name: legal.get(name, "*"))


def _claim(variable: str) -> str:
    return variable.removeprefix("${claims.").removesuffix("}")


def _limit_values(statement: Statement) -> Iterator[str]:
    limits = statement.limits
    for listed in (limits.environments, limits.domains, limits.providers):
        yield from listed or ()
