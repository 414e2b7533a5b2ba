"""The contract as OpenAPI 3.1, generated from the structs that check bodies and describe answers.

`openapi.json` at the top of the project is this document, written out; a test holds the two together.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

import msgspec

from chalicelib.intake.bodies import (
    LARGEST_BODY,
    HandIn,
    ImportIn,
    PolicyIn,
    ProviderIn,
    RejectedIn,
    RevocationIn,
    TicketIn,
    VerifyIn,
)
from chalicelib.intake.explaining import ExplainIn
from chalicelib.intake.reading import LONGEST_IDEMPOTENCY_KEY
from chalicelib.web import (
    admin_paths,
    audit_shapes,
    explanation_shapes,
    paths,
    policy_shapes,
    receipt_shapes,
    shapes,
)
from chalicelib.web.operations import ok, operation
from chalicelib.web.requests import LARGEST_HEAD, LARGEST_PAGE
from chalicelib.web.rules import rule

if TYPE_CHECKING:
    from chalicelib.web.operations import Schemas

VERSION = "0.1.0"

_STRUCTS = (
    HandIn,
    RejectedIn,
    ImportIn,
    VerifyIn,
    TicketIn,
    ProviderIn,
    PolicyIn,
    RevocationIn,
    ExplainIn,
    shapes.Accepted,
    shapes.TokenRecord,
    shapes.TokenPage,
    shapes.CollectedToken,
    shapes.Job,
    shapes.JobPage,
    shapes.Upload,
    shapes.RefusedLinePage,
    receipt_shapes.ReceiptKeys,
    receipt_shapes.Verdict,
    shapes.Ticket,
    shapes.Provider,
    shapes.ProviderPage,
    policy_shapes.Policy,
    policy_shapes.PolicyPage,
    shapes.Revocation,
    shapes.RevocationPage,
    explanation_shapes.Explanation,
    audit_shapes.AuditPage,
    audit_shapes.Reconciled,
    shapes.Health,
    shapes.Problem,
)


@functools.cache
def document() -> dict[str, Any]:
    """Return the whole document."""
    schemas, components = msgspec.json.schema_components(_STRUCTS, ref_template="#/components/schemas/{name}")
    rule(components)
    by_struct = dict(zip(_STRUCTS, schemas, strict=True))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Cloakroom",
            "version": VERSION,
            "description": (
                "Hand in a token, get a ticket at once, collect it when you need it. "
                f"A body takes at most {LARGEST_BODY} bytes; path, query and headers {LARGEST_HEAD} (10240 behind API "
                f"Gateway), an Idempotency-Key {LONGEST_IDEMPOTENCY_KEY}, a page {LARGEST_PAGE} items. Each route and "
                "each client have limits of requests a second, a client may have one of requests a month: beyond, 429 "
                "says by `Retry-After` when to come again. Unknown members and query parameters are refused."
            ),
        },
        "security": [{"bearer": []}],
        "paths": _paths(by_struct),
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }


def _paths(schema: Schemas) -> dict[str, Any]:
    return {
        **paths.token_paths(schema),
        **paths.subject_paths(schema),
        **paths.job_paths(schema),
        **admin_paths.provider_paths(schema),
        **admin_paths.policy_paths(schema),
        **paths.import_paths(schema),
        **paths.receipt_paths(schema),
        **admin_paths.revocation_paths(schema),
        **paths.ticket_paths(schema),
        **admin_paths.audit_paths(schema),
        **_open_paths(schema),
    }


def _open_paths(schema: Schemas) -> dict[str, Any]:
    return {
        "/health": {
            "get": {
                **operation("health", "Tell whether the service works", {"200": ok(schema[shapes.Health], "It does.")}),
                "security": [],
            }
        },
        "/openapi.json": {
            "get": {
                **operation("openapi", "Show this document", {"200": ok({"type": "object"}, "OpenAPI 3.1.")}),
                "security": [],
            }
        },
    }


if __name__ == "__main__":
    print(json.dumps(document(), indent=2))  # noqa: T201  `python -m chalicelib.web.openapi > openapi.json`
