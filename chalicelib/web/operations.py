"""How operations and answers are described: what every route has, said once."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from chalicelib.web import shapes
from chalicelib.web.links import linked
from chalicelib.web.problems import phrase

Schemas = dict[Any, dict[str, Any]]
"""Each struct's schema."""

_RETRY_AFTER = {"description": "Seconds.", "schema": {"type": "integer"}}
GONE = (HTTPStatus.CONFLICT, HTTPStatus.GONE)
_ALWAYS = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
BODY = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)


def operation(
    operation_id: str,
    summary: str,
    successes: dict[str, Any],
    refusals: tuple[HTTPStatus, ...] = (HTTPStatus.BAD_REQUEST,),
    *,
    parameters: list[dict[str, Any]] | None = None,
    body: dict[str, Any] | None = None,
    body_required: bool = True,
) -> dict[str, Any]:
    """Describe a method of a route, with the refusals that every route has."""
    statuses = sorted({*refusals, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, *_ALWAYS})
    described: dict[str, Any] = {
        "operationId": operation_id,
        "summary": summary,
        "responses": {**linked(operation_id, successes), **{str(int(status)): _refusal(status) for status in statuses}},
    }
    if parameters:
        described["parameters"] = parameters
    if body is not None:
        described["requestBody"] = {"required": body_required, "content": {"application/json": {"schema": body}}}
    return described


def ok(schema: dict[str, Any], description: str, *, location: bool = False) -> dict[str, Any]:
    """Describe an answer that succeeds."""
    answer: dict[str, Any] = {"description": description, "content": {"application/json": {"schema": schema}}}
    if location:
        answer["headers"] = {"Location": {"description": "The job.", "schema": {"type": "string"}}}
    return answer


def accepted_job(schema: Schemas) -> dict[str, Any]:
    """Describe the 202: a job does the rest."""
    return ok(schema[shapes.Accepted], "Stored; a job does the rest.", location=True)


def refreshing(schema: Schemas) -> dict[str, Any]:
    """Describe the 202 of a token that is being refreshed."""
    answer = ok(schema[shapes.Accepted], "It is being refreshed: ask again.", location=True)
    answer["headers"]["Retry-After"] = _RETRY_AFTER
    return answer


def _refusal(status: HTTPStatus) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    answer: dict[str, Any] = {
        "description": phrase(status),
        "content": {"application/problem+json": {"schema": schema}},
    }
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        answer["headers"] = {"Retry-After": _RETRY_AFTER}
    return answer
