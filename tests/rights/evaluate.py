"""Whether IAM lets a request pass, as far as our own policies go: what the local cloud does not model.

Follows the IAM user guide, "Policy evaluation logic" and "Condition operators": a Deny wins, and what no statement
allows is refused. An operator that our policies do not use is an error, never a match.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One thing that a request wants to do, and its condition keys."""

    action: str
    resource: str
    context: Mapping[str, Sequence[str]] = field(default_factory=dict)


def allows(statements: Iterable[Mapping[str, Any]], asked: Asked) -> bool:
    """Tell whether a policy lets this pass."""
    effects = {statement["Effect"] for statement in statements if _speaks_of(statement, asked)}
    return "Allow" in effects and "Deny" not in effects


def _speaks_of(statement: Mapping[str, Any], asked: Asked) -> bool:
    return (
        any(like(asked.action.lower(), action.lower()) for action in _listed(statement["Action"]))
        and any(like(asked.resource, resource) for resource in _listed(statement["Resource"]))
        and all(
            _holds(operator, asked.context.get(key), _listed(values))
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _holds(operator: str, present: Sequence[str] | None, wanted: Sequence[str]) -> bool:
    """Decide one condition key. `present` is None where the request does not have it."""
    if operator == "Null":
        return [str(present is None).lower()] == list(wanted)
    quantifier, _, name = operator.rpartition(":")
    compare = _OPERATORS[name]
    matches = [any(compare(one, value) for value in wanted) for one in present or ()]
    if quantifier == "ForAllValues":
        return all(matches)  # also where there is none: the trap
    if quantifier == "ForAnyValue" or (not quantifier and len(matches) <= 1):
        return any(matches)
    raise ValueError(f"{operator} of a key with several values")


def like(text: str, pattern: str) -> bool:
    """Match `*` and `?`; all else stands for itself."""
    expression = "".join({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in pattern)
    return re.fullmatch(expression, text, re.DOTALL) is not None


_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {"StringEquals": str.__eq__, "StringLike": like}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
