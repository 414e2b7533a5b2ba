"""Refuse a policy that says more than whoever wrote it may have meant, unless it says that it is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chalicelib.model.patterns import reaches
from chalicelib.model.policy import PolicyFault

if TYPE_CHECKING:
    from chalicelib.model.policy import Policy, Statement

SECRET: Final = "/subjects/{}/tokens/{}/secret"  # noqa: S105  a path
ADMINISTRATION: Final = tuple(
    f"/{family}{rest}"
    for family in ("policies", "providers", "revocations", "authz", "audit")
    for rest in ("", "/{}", "/{}/{}")
)


def check_width(policy: Policy) -> None:
    """Raise PolicyFault where an Allow reaches, by a wildcard, what a policy has to name.

    Everybody's secrets: `*` crosses `/`, so `/subjects/*` is every secret, too. A pattern that ends in `/secret` says
    so itself; `/tokens/*` is none, for by id the service asks whether the caller may read the subject's path.
    Administration: who may write policies may do everything.
    """
    for one in policy.statements:
        for number, path in enumerate(one.paths):
            field = f"statements[{one.index}].paths[{number}]"
            if one.effect != "Allow":
                continue
            if "every_secret" not in policy.acknowledges and _is_every_secret(one, path):
                rule = (
                    "reaches the secrets of other subjects ('*' crosses '/'): end it in '/secret' if that is meant, "
                    'name the caller\'s own subject, or add "acknowledges": ["every_secret"]'
                )
                raise PolicyFault(field, rule)
            if "administration" not in policy.acknowledges and _is_administration(path):
                rule = (
                    "reaches administration (policies, providers, revocations, explanations, the audit) by its '*': "
                    'write out the path, or add "acknowledges": ["administration"]'
                )
                raise PolicyFault(field, rule)


def _is_every_secret(statement: Statement, path: str) -> bool:
    reads = "GET" in statement.methods or "*" in statement.methods
    return reads and not path.endswith("/secret") and reaches(path, SECRET)


def _is_administration(path: str) -> bool:
    return "*" in path and any(reaches(path, shape) for shape in ADMINISTRATION)
