"""DynamoDB's attribute values ⇄ plain values, for items and for stream records alike.

Not boto3's TypeSerializer: it makes every number a Decimal, and its deserializer refuses the binaries of stream
events, which arrive as base64 text.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from chalicelib.errors import Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

Attributes = dict[str, dict[str, Any]]
"""An item as DynamoDB's API writes it: `{"pk": {"S": "..."}, ...}`."""


def to_attributes(values: Mapping[str, object]) -> Attributes:
    """Write `values` as an item. None is left out; numbers are whole."""
    written: Attributes = {}
    for name, value in values.items():
        # Most of what is stored is plain text and numbers; asked first, and here, they cost half.
        kind = type(value)
        if kind is str:
            written[name] = {"S": value}
        elif kind is int:
            written[name] = {"N": str(value)}
        elif value is not None:
            written[name] = _to(value)
    return written


def from_attributes(item: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Read an item, or an image of a stream record. Raises Unreadable for a type that `to_attributes` never writes."""
    read: dict[str, Any] = {}
    for name, value in item.items():
        if len(value) == 1 and "S" in value:
            read[name] = value["S"]
        else:
            read[name] = _from(value)
    return read


def _to(value: object) -> dict[str, Any]:
    if isinstance(value, str):
        return {"S": str(value)}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, bytes):
        return {"B": value}
    if isinstance(value, dict):
        return {"M": to_attributes(value)}
    if isinstance(value, list | tuple):
        return {"L": [_to(part) for part in value]}
    raise TypeError(f"no attribute value for {type(value).__name__}")


def _from(value: Mapping[str, Any]) -> Any:
    (kind, content), *more = value.items()
    if more:
        raise Unreadable("an attribute value with more than one type")
    match kind:
        case "N":
            return int(content)
        case "S" | "BOOL":
            return content
        case "B":
            return content if isinstance(content, bytes) else base64.b64decode(content)
        case "M":
            return from_attributes(content)
        case "L":
            return [_from(part) for part in content]
        case "NULL":
            return None
    raise Unreadable("an attribute value of a type that this version never writes")  # unnamed: the log shows this
