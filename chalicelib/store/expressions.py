"""What requests say besides keys and items: conditions with their operands, and which attributes are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.store.attributes import to_attributes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def projection(only: Sequence[str]) -> dict[str, Any]:
    """Write which attributes are asked for, each behind `#`: some are reserved words."""
    if not only:
        return {}
    return {
        "ProjectionExpression": ", ".join(f"#{name}" for name in only),
        "ExpressionAttributeNames": {f"#{name}": name for name in only},
    }


def conditional(condition: str, operands: Mapping[str, object]) -> dict[str, Any]:
    """Write a condition and its operands: `name` stands for `:name`, and `names` says what each `#name` stands for.

    `status`, `type` and `ttl` are reserved words of DynamoDB; wherever they appear in an expression it is behind `#`.
    """
    arguments: dict[str, Any] = {}
    if condition:
        arguments["ConditionExpression"] = condition
        arguments["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    names = operands.get("names")
    if isinstance(names, dict):
        arguments["ExpressionAttributeNames"] = names
    values = {f":{name}": value for name, value in operands.items() if name != "names"}
    if values:
        arguments["ExpressionAttributeValues"] = to_attributes(values)
    return arguments
