"""The contract as OpenAPI 3.1, generated from the structs that check bodies and describe answers.

`openapi.json` at the top of the project is this document, written out; a test holds the two together.
"""

from __future__ import annotations

import functools
import json
from http import HTTPStatus
from typing import Any

import msgspec

from chalicelib.intake.bodies import LARGEST_BODY, HandIn, TicketIn
from chalicelib.intake.reading import LONGEST_IDEMPOTENCY_KEY
from chalicelib.model import names
from chalicelib.web import shapes
from chalicelib.web.problems import phrase
from chalicelib.web.requests import LARGEST_PAGE, LONGEST_MIN_TTL

VERSION = "0.1.0"

_STRUCTS = (
    HandIn,
    TicketIn,
    shapes.Accepted,
    shapes.TokenRecord,
    shapes.TokenPage,
    shapes.CollectedToken,
    shapes.Job,
    shapes.Ticket,
    shapes.Health,
    shapes.Problem,
)

_ALWAYS = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_BODY = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)


@functools.cache
def document() -> dict[str, Any]:
    """Return the whole document."""
    schemas, components = msgspec.json.schema_components(_STRUCTS, ref_template="#/components/schemas/{name}")
    by_struct = dict(zip(_STRUCTS, schemas, strict=True))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Cloakroom",
            "version": VERSION,
            "description": (
                "Hand in a token, get a ticket at once, collect it when you need it. "
                f"A body takes at most {LARGEST_BODY} bytes. Unknown members and query parameters are refused."
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


def _paths(schema: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    accepted = _ok(schema[shapes.Accepted], "Stored; a job does the rest.", location=True)
    record = _ok(schema[shapes.TokenRecord], "The record, without the secret.")
    secret = _ok(schema[shapes.CollectedToken], "The token, good for `min_ttl` more seconds.")
    place = [_environment(), _domain()]
    gone = (HTTPStatus.CONFLICT, HTTPStatus.GONE)
    return {
        "/tokens": {
            "post": _operation(
                "handInToken",
                "Hand a token in",
                {"202": accepted},
                (*_BODY, HTTPStatus.UNPROCESSABLE_ENTITY),
                parameters=[_idempotency_key()],
                body=schema[HandIn],
            )
        },
        "/tokens/{token_id}": {
            "parameters": [_id("token_id")],
            "get": _operation("showToken", "Show a token's record", {"200": record}),
            "delete": _operation("deleteToken", "Delete a token: gone for readers at once", {"202": accepted}),
        },
        "/tokens/{token_id}/secret": {
            "parameters": [_id("token_id")],
            "get": _operation("collectToken", "Collect a token", {"200": secret}, gone, parameters=[_min_ttl()]),
        },
        "/subjects/{subject}/tokens": {
            "parameters": [_subject(), *place],
            "get": _operation(
                "listSubjectTokens",
                "List a subject's newest tokens, one a provider",
                {"200": _ok(schema[shapes.TokenPage], "By provider name.")},
                parameters=[_limit(), _query("cursor", "From the page before.", {"type": "string"})],
            ),
        },
        "/subjects/{subject}/tokens/{provider}": {
            "parameters": [_subject(), _provider(), *place],
            "get": _operation("showSubjectToken", "Show a subject's newest token of a provider", {"200": record}),
        },
        "/subjects/{subject}/tokens/{provider}/secret": {
            "parameters": [_subject(), _provider(), *place],
            "get": _operation(
                "collectSubjectToken",
                "Collect a subject's newest token of a provider",
                {"200": secret},
                gone,
                parameters=[_min_ttl()],
            ),
        },
        "/jobs/{job_id}": {
            "parameters": [_id("job_id")],
            "get": _operation("showJob", "Show a job", {"200": _ok(schema[shapes.Job], "The job.")}),
        },
        "/jobs/{job_id}/cancel": {
            "parameters": [_id("job_id")],
            "post": _operation(
                "cancelJob", "Stop an open job before its next step", {"202": accepted}, (HTTPStatus.CONFLICT,)
            ),
        },
        "/jobs/{job_id}/retry": {
            "parameters": [_id("job_id")],
            "post": _operation("retryJob", "Send a failed job round again", {"202": accepted}, (HTTPStatus.CONFLICT,)),
        },
        "/tickets": {
            "post": _operation(
                "issueTicket",
                "Get a ticket for the WebSocket",
                {"201": _ok(schema[shapes.Ticket], "One use, 60 seconds.")},
                _BODY,
                body=schema[TicketIn],
                body_required=False,
            )
        },
        "/health": {
            "get": {
                **_operation(
                    "health", "Tell whether the service works", {"200": _ok(schema[shapes.Health], "It does.")}
                ),
                "security": [],
            }
        },
        "/openapi.json": {
            "get": {
                **_operation("openapi", "Show this document", {"200": _ok({"type": "object"}, "OpenAPI 3.1.")}),
                "security": [],
            }
        },
    }


def _operation(
    operation_id: str,
    summary: str,
    successes: dict[str, Any],
    refusals: tuple[HTTPStatus, ...] = (HTTPStatus.BAD_REQUEST,),
    *,
    parameters: list[dict[str, Any]] | None = None,
    body: dict[str, Any] | None = None,
    body_required: bool = True,
) -> dict[str, Any]:
    statuses = sorted({*refusals, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, *_ALWAYS})
    operation: dict[str, Any] = {
        "operationId": operation_id,
        "summary": summary,
        "responses": {**successes, **{str(int(status)): _refusal(status) for status in statuses}},
    }
    if parameters:
        operation["parameters"] = parameters
    if body is not None:
        operation["requestBody"] = {"required": body_required, "content": {"application/json": {"schema": body}}}
    return operation


def _ok(schema: dict[str, Any], description: str, *, location: bool = False) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": description, "content": {"application/json": {"schema": schema}}}
    if location:
        answer["headers"] = {"Location": {"description": "The job.", "schema": {"type": "string"}}}
    return answer


def _refusal(status: HTTPStatus) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    answer: dict[str, Any] = {
        "description": phrase(status),
        "content": {"application/problem+json": {"schema": schema}},
    }
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        answer["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return answer


def _query(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _path(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def _id(name: str) -> dict[str, Any]:
    return _path(name, "An id that a 202 gave.", {"type": "string", "pattern": "^[a-z2-7]{26}$"})


def _subject() -> dict[str, Any]:
    return _path(
        "subject",
        "As the issuer writes `sub`, percent-encoded once.",
        {"type": "string", "pattern": names.SUBJECT_PATTERN, "maxLength": names.SUBJECT_LENGTH},
    )


def _provider() -> dict[str, Any]:
    schema = {"type": "string", "pattern": names.PROVIDER_PATTERN, "maxLength": names.PROVIDER_LENGTH}
    return _path("provider", "As it was handed in.", schema)


def _environment() -> dict[str, Any]:
    schema = {"type": "string", "pattern": names.ENVIRONMENT_PATTERN, "default": "default"}
    return _query("environment", "As it was handed in.", schema)


def _domain() -> dict[str, Any]:
    return _query(
        "domain", "As it was handed in.", {"type": "string", "pattern": names.DOMAIN_PATTERN, "default": "default"}
    )


def _min_ttl() -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 0, "maximum": LONGEST_MIN_TTL, "default": 0}
    return _query("min_ttl", "Seconds that the token must still be good for, else 409.", schema)


def _limit() -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": LARGEST_PAGE}
    return _query("limit", "How many at the most.", schema)


def _idempotency_key() -> dict[str, Any]:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "description": (
            "The same key and body gives the same job; another body gives 422. One per hand-in, never a secret."
        ),
        "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_IDEMPOTENCY_KEY},
    }


if __name__ == "__main__":
    print(json.dumps(document(), indent=2))  # noqa: T201  `python -m chalicelib.web.openapi > openapi.json`
