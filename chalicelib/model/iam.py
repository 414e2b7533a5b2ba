"""Write a caller's statements as the IAM policy that API Gateway evaluates and caches for the token.

Exactly, where that fits; else by families of routes. The service decides again in both cases, on the statements
themselves, so what is coarse here costs no right and gives none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from msgspec.structs import replace

from chalicelib.model.decision import FAMILIES, resolved
from chalicelib.model.patterns import covers, first_segment
from chalicelib.model.policy import METHODS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from chalicelib.model.policy import Statement

# API Gateway refuses a longer resource in an authorizer's answer ("Output from a Lambda authorizer").
ARN_LENGTH: Final = 512
# What RFC 3986 lets stand in a path segment (pchar), of the characters that a subject may hold.
_KEPT_BY_MANY_CLIENTS: Final = "@:+=,"
COMPARISONS: Final = 200_000
"""Of one path with another: some 50 ms of the authorizer's time."""

_CUTS: Final = (64, 32, 16, 8, 4, 1)
"""How many characters of a Deny's path are kept where all of them do not fit; whatever follows is denied."""


def iam_statements(statements: Iterable[Statement], principal: str, arn_base: str) -> list[dict[str, Any]]:
    """Return the IAM statements for everything that the caller may do, an explicit Deny if that is nothing.

    `arn_base` is `arn:aws:execute-api:region:account:api/stage`. A REST API matches the path as the client
    wrote it, so names are written in each spelling of `spellings`; in another one the answer is 403.
    """
    allowed: dict[str, None] = {}
    denied: dict[str, None] = {}
    for statement in statements:
        for resource in _resources(statement, principal, arn_base):
            if len(resource) <= ARN_LENGTH:
                (allowed if statement.effect == "Allow" else denied)[resource] = None
            elif statement.effect == "Deny":
                # A Deny must never be dropped for its length. Cut, and open at its end, it denies more.
                denied[resource[: ARN_LENGTH - 1] + "*"] = None
    return _document(allowed, denied)


def reduced(statements: Sequence[Statement]) -> tuple[Statement, ...]:
    """Return statements that decide the same and say it once: no path that another of the same kind covers.

    Of the same kind are statements of the same effect, methods and limits, whatever their groups; the first to say a
    path keeps it. Beyond COMPARISONS the statements are returned as they are: they would not fit either way.
    """
    by_kind: dict[tuple[object, ...], dict[str, None]] = {}
    for one in statements:
        by_kind.setdefault(_kind(one), {}).update(dict.fromkeys(one.paths))
    if sum(len(paths) * sum("*" in path for path in paths) for paths in by_kind.values()) > COMPARISONS:
        return tuple(statements)
    left = {kind: _widest(paths) for kind, paths in by_kind.items()}
    found = []
    for one in statements:
        mine = left[_kind(one)]
        paths = tuple(path for path in dict.fromkeys(one.paths) if path in mine)
        mine.difference_update(paths)
        if paths:
            found.append(replace(one, paths=paths))
    return tuple(found)


def coarse_statements(
    statements: Sequence[Statement], principal: str, arn_base: str, room: int
) -> list[dict[str, Any]]:
    """Return IAM statements of at most about `room` characters that allow all that the caller may do, and more.

    Allowed are the families of routes that an Allow begins with, by its methods: at most some 5 KB, however many groups
    there are. Every Deny is kept; where they do not fit they are cut, and deny more. The service decides exactly.
    """
    allowed = dict.fromkeys(
        f"{arn_base}/{method}/{family}*"
        for one in statements
        if one.effect == "Allow"
        for family in _families(resolved(one, principal))
        for method in (METHODS if "*" in one.methods else one.methods)
    )
    denies = [one for one in statements if one.effect == "Deny"]
    exact = dict.fromkeys(resource for one in denies for resource in _resources(one, principal, arn_base))
    denied = dict.fromkeys(resource for resource in exact if len(resource) <= ARN_LENGTH)
    taken = sum(len(resource) + 4 for resource in allowed)
    for cut in _CUTS:
        if len(denied) == len(exact) and taken + sum(len(resource) + 4 for resource in denied) <= room:
            break
        denied = exact = dict.fromkeys(_cut(resource, arn_base, cut) for resource in exact)
    return _document(allowed, denied)


def deny_everything() -> dict[str, Any]:
    """Return the explicit Deny of everything."""
    return _statement("Deny", ["*"])


def spellings(path: str) -> tuple[str, ...]:
    """Return how clients write this name or path: raw, encoded where RFC 3986 asks for it, and whole.

    That is what a browser's URL, Python's requests and encodeURIComponent make of `waad|jane@example.com`.
    All denote one subject, for a legal one holds no `%`. Wildcards and separators stay what they are.
    """
    forms = (path, quote(path, safe=f"{_KEPT_BY_MANY_CLIENTS}/*"), quote(path, safe="/*"))
    return tuple(dict.fromkeys(forms))


def _resources(statement: Statement, principal: str, arn_base: str) -> Iterator[str]:
    paths = [spellings(path) for path in resolved(statement, principal)]
    for form in range(3):
        for path in paths:
            written = path[min(form, len(path) - 1)]
            for method in _methods(statement, written):
                yield f"{arn_base}/{method}{written}"


def _methods(statement: Statement, path: str) -> Iterable[str]:
    """Return the methods to write before a path. All are written out: `*/tokens` is `GET/subjects/jane/tokens`, too."""
    if "*" not in statement.methods:
        return statement.methods
    return ("*",) if path.startswith("/*") else METHODS


def _kind(statement: Statement) -> tuple[object, ...]:
    return statement.effect, statement.methods, statement.limits


def _widest(paths: Iterable[str]) -> set[str]:
    """Return the paths that no other covers; of two that cover each other, one."""
    stars: list[str] = []
    for path in paths:
        if "*" in path and not any(covers(star, path) for star in stars):
            stars = [star for star in stars if not covers(path, star)] + [path]
    return {path for path in paths if path in stars or not any(covers(star, path) for star in stars)}


def _families(paths: Iterable[str]) -> list[str]:
    """Return the families that paths begin with, in the order of FAMILIES."""
    begun = {first_segment(path) for path in paths}
    return [
        family
        for family in FAMILIES
        if any(family == text if is_whole else family.startswith(text) for text, is_whole in begun)
    ]


def _cut(resource: str, arn_base: str, length: int) -> str:
    """Return a Deny's resource with `length` characters of its path, and any behind it; for any method."""
    path = resource[len(arn_base) + 1 :].partition("/")[2]
    return f"{arn_base}/*/{path}" if len(path) < length else f"{arn_base}/*/{path[: length - 1]}*"


def _document(allowed: Iterable[str], denied: Iterable[str]) -> list[dict[str, Any]]:
    allow, deny = list(allowed), list(denied)
    if not allow:
        return [deny_everything()]
    answer = [_statement("Allow", allow)]
    return [*answer, _statement("Deny", deny)] if deny else answer


def _statement(effect: str, resources: list[str]) -> dict[str, Any]:
    return {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resources}
