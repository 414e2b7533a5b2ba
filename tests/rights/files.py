"""The functions' policy files, with resources by the template's names: `Table.Arn`, `${Imports.Arn}/imports/*`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parents[2] / ".chalice"
CONFIG: dict[str, Any] = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))
FUNCTIONS: dict[str, dict[str, Any]] = CONFIG["lambda_functions"]
LEADING_KEYS = "dynamodb:LeadingKeys"
_LIKE = "ForAllValues:StringLike"

Right = tuple[str, str]
"""An action, and what it may be done to."""


def document(function: str) -> dict[str, Any]:
    """Return a function's policy as it is written."""
    file = FOLDER / FUNCTIONS[function]["iam_policy_file"]
    written: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return written


def statements(function: str) -> list[dict[str, Any]]:
    """Return a function's statements, with names in place of CloudFormation's functions and a list of resources."""
    return [{**_named(one), "Resource": resources(one)} for one in document(function)["Statement"]]


def resources(statement: dict[str, Any]) -> list[str]:
    """Return the names of what a statement is about."""
    stated = _named(statement["Resource"])
    return stated if isinstance(stated, list) else [stated]


def rights(function: str) -> list[Right]:
    """Return what a function is granted, once for each statement that grants it."""
    return [
        (action, resource)
        for statement in statements(function)
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
        for resource in statement["Resource"]
    ]


def without(function: str, right: Right, granted: dict[str, Any]) -> dict[str, Any]:
    """Return a deployed policy less one right, in whatever statements it stands.

    `granted` is the function's policy with ARNs in place of names, its statements in the file's order.
    """
    action, resource = right
    left: list[dict[str, Any]] = []
    for named, deployed in zip(statements(function), granted["Statement"], strict=True):
        stated = deployed["Resource"] if isinstance(deployed["Resource"], list) else [deployed["Resource"]]
        assert deployed["Action"] == named["Action"]
        if action not in named["Action"] or resource not in named["Resource"]:
            left.append(deployed)
            continue
        others = [one for name, one in zip(named["Resource"], stated, strict=True) if name != resource]
        parts = (([one for one in named["Action"] if one != action], stated), ([action], others))
        left += [{**deployed, "Action": actions, "Resource": about} for actions, about in parts if actions and about]
    return {**granted, "Statement": left}


def partitions() -> Iterator[tuple[str, str, str]]:
    """Return which function may do what in which partitions of the table: (partition, action, function)."""
    for function in FUNCTIONS:
        for statement in statements(function):
            keys = statement.get("Condition", {}).get(_LIKE, {}).get(LEADING_KEYS, [])
            yield from ((key, action, function) for key in keys for action in statement["Action"])


def _named(value: Any) -> Any:
    match value:
        case {"Fn::GetAtt": [str(resource), str(attribute)]}:
            return f"{resource}.{attribute}"
        case {"Fn::Sub": str(text)}:
            return text
        case dict():
            return {name: _named(inner) for name, inner in value.items()}
        case list():
            return [_named(inner) for inner in value]
    return value
