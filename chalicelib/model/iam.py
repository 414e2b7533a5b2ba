"""Write a caller's statements as the IAM policy that API Gateway evaluates and caches for the token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from chalicelib.model.policy import resolved

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chalicelib.model.policy import Statement

# API Gateway refuses a longer resource in an authorizer's answer ("Output from a Lambda authorizer").
ARN_LENGTH: Final = 512
# What RFC 3986 lets stand in a path segment (pchar), of the characters that a subject may hold.
_KEPT_BY_MANY_CLIENTS: Final = "@:+=,"


def iam_statements(statements: Iterable[Statement], principal: str, arn_base: str) -> list[dict[str, Any]]:
    """Return the IAM statements for everything that the caller may do, an explicit Deny if that is nothing.

    `arn_base` is `arn:aws:execute-api:region:account:api/stage`. A REST API matches the path as the client
    wrote it, so a principal is written in each spelling of `spellings`; in another one the answer is 403.
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
    if not allowed:
        return [deny_everything()]
    answer = [_statement("Allow", list(allowed))]
    return [*answer, _statement("Deny", list(denied))] if denied else answer


def deny_everything() -> dict[str, Any]:
    """Return the explicit Deny of everything."""
    return _statement("Deny", ["*"])


def spellings(principal: str) -> tuple[str, ...]:
    """Return how clients write this principal in a path: raw, encoded where RFC 3986 asks for it, and whole.

    That is what a browser's URL, Python's requests and encodeURIComponent make of `waad|jane@example.com`.
    All denote one subject, for a legal one holds no `%`.
    """
    forms = (principal, quote(principal, safe=_KEPT_BY_MANY_CLIENTS), quote(principal, safe=""))
    return tuple(dict.fromkeys(forms))


def _resources(statement: Statement, principal: str, arn_base: str) -> Iterable[str]:
    methods = ("*",) if "*" in statement.methods else statement.methods
    for spelling in spellings(principal):
        for path in resolved(statement, principal, spelling):
            for method in methods:
                yield f"{arn_base}/{method}{path}"


def _statement(effect: str, resources: list[str]) -> dict[str, Any]:
    return {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resources}
