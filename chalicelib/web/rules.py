"""What bodies must hold as a whole: rules that no single member states, as JSON Schema for the document.

The service checks them by itself, and says better what is wrong. What JSON Schema cannot say (a moment that is past, a
policy that is too wide, an address that does not answer) stands in no rule here and is answered 400, too.
"""

from __future__ import annotations

from typing import Any, Final


def _given(name: str, *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Describe an object that gives one member a text, and leaves others out or null."""
    absent: dict[str, Any] = {other: {"type": "null"} for other in without}
    return {"required": [name], "properties": {name: {"type": "string"}, **absent}}


RULES: Final[dict[str, dict[str, Any]]] = {
    "ProviderIn": {"anyOf": [_given("token_endpoint"), _given("discovery_url")]},
    "TicketIn": {
        "not": {
            "required": ["job", "subject"],
            "properties": {"job": {"type": "string"}, "subject": {"type": "string"}},
        }
    },
    "RevocationIn": {
        "oneOf": [_given("principal", without=("bearer",)), _given("bearer", without=("principal", "issued_before"))]
    },
    "LimitsIn": {"minProperties": 1},
}
"""By the body's schema."""


def rule(schemas: dict[str, Any]) -> None:
    """Add each rule to its schema. Raises KeyError for a schema that is none of the document's."""
    for name, whole in RULES.items():
        schemas[name].update(whole)
