"""The contract as OpenAPI 3.1, generated from the structs that check bodies and describe answers.

`openapi.json` at the top of the project is this document, written out; a test holds the two together.
"""

from __future__ import annotations

import functools
import json
from http import HTTPStatus
from typing import Any

import msgspec

from chalicelib.collect.lists import EXAMINED
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
from chalicelib.model.imports import LARGEST_LINES, LARGEST_UPLOAD, MOST_LINES
from chalicelib.web import audit_shapes, explanation_shapes, parameters, policy_shapes, receipt_shapes, shapes
from chalicelib.web.links import linked
from chalicelib.web.problems import phrase
from chalicelib.web.requests import LARGEST_HEAD, LARGEST_PAGE, NDJSON
from chalicelib.web.rules import rule

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

Schemas = dict[Any, dict[str, Any]]
"""Each struct's schema."""

_JOB_PAGE = (
    "Newest accepted first; open jobs of all subjects by when they are looked after next, latest first, and since that "
    "moves, one may come twice or be missed. A page may hold fewer than `limit`, even none, and not be the last: "
    f"{EXAMINED:,} jobs are looked at for it at the most. On the last page `cursor` is null. A cursor is good for the "
    "same `subject`, `status` and `type`."
)

_AUDIT_PAGE = (
    "Latest first. A page may hold fewer than `limit`, even none, and not be the last: on the last `cursor` is null. A "
    "cursor is good for the same `subject` and `principal`, and goes on in the times of the first page."
)

_EXPLANATION = (
    "What the authorizer, API Gateway and the service decide at this moment; what API Gateway keeps of a bearer may be "
    "up to 300 seconds older. A principal is asked about as if it had come with a bearer issued now. Of bodies and of "
    "limits of requests nothing is said."
)

_RETRY_AFTER = {"description": "Seconds.", "schema": {"type": "integer"}}
_GONE = (HTTPStatus.CONFLICT, HTTPStatus.GONE)
_ALWAYS = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
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
        **_token_paths(schema),
        **_subject_paths(schema),
        **_job_paths(schema),
        **_provider_paths(schema),
        **_policy_paths(schema),
        **_import_paths(schema),
        **_receipt_paths(schema),
        **_revocation_paths(schema),
        **_other_paths(schema),
    }


def _token_paths(schema: Schemas) -> dict[str, Any]:
    accepted = _accepted(schema)
    return {
        "/tokens": {
            "post": _operation(
                "handInToken",
                "Hand a token in",
                {"202": accepted},
                (*_BODY, HTTPStatus.UNPROCESSABLE_ENTITY),
                parameters=[parameters.idempotency_key()],
                body=schema[HandIn],
            )
        },
        "/tokens/{token_id}": {
            "parameters": [parameters.identifier("token_id")],
            "get": _operation("showToken", "Show a token's record", {"200": _record(schema)}),
            "delete": _operation("deleteToken", "Delete a token: gone for readers at once", {"202": accepted}),
        },
        "/tokens/{token_id}/secret": {
            "parameters": [parameters.identifier("token_id")],
            "get": _operation(
                "collectToken",
                "Collect a token",
                {"200": _secret(schema), "202": _refreshing(schema)},
                _GONE,
                parameters=[parameters.min_ttl()],
            ),
        },
        "/tokens/{token_id}/refresh": {
            "parameters": [parameters.identifier("token_id")],
            "post": _operation("refreshToken", "Have a token refreshed now", {"202": accepted}, _GONE),
        },
        "/tokens/{token_id}/rejected": {
            "parameters": [parameters.identifier("token_id")],
            "post": _operation(
                "reportRejected",
                "Report that the provider refused a generation of a token",
                {"200": _ok(schema[shapes.TokenRecord], "There is a newer one, or no way to one."), "202": accepted},
                (*_BODY, *_GONE),
                body=schema[RejectedIn],
            ),
        },
    }


def _subject_paths(schema: Schemas) -> dict[str, Any]:
    place = [parameters.environment(), parameters.domain()]
    return {
        "/subjects/{subject}/tokens": {
            "parameters": [parameters.subject(), *place],
            "get": _operation(
                "listSubjectTokens",
                "List a subject's newest tokens, one a provider",
                {"200": _ok(schema[shapes.TokenPage], "By provider name.")},
                parameters=[parameters.limit(), parameters.cursor()],
            ),
        },
        "/subjects/{subject}/tokens/{provider}": {
            "parameters": [parameters.subject(), parameters.provider(), *place],
            "get": _operation(
                "showSubjectToken", "Show a subject's newest token of a provider", {"200": _record(schema)}
            ),
        },
        "/subjects/{subject}/tokens/{provider}/secret": {
            "parameters": [parameters.subject(), parameters.provider(), *place],
            "get": _operation(
                "collectSubjectToken",
                "Collect a subject's newest token of a provider",
                {"200": _secret(schema), "202": _refreshing(schema)},
                _GONE,
                parameters=[parameters.min_ttl()],
            ),
        },
    }


def _job_paths(schema: Schemas) -> dict[str, Any]:
    accepted = _accepted(schema)
    narrowed = [parameters.status(), parameters.job_type(), parameters.limit(), parameters.cursor()]
    page = {"200": _ok(schema[shapes.JobPage], _JOB_PAGE)}
    return {
        "/jobs": {
            "get": _operation("listJobs", "List jobs, newest first", page, parameters=[parameters.whose(), *narrowed]),
        },
        "/subjects/{subject}/jobs": {
            "parameters": [parameters.subject()],
            "get": _operation("listSubjectJobs", "List the jobs about a subject", page, parameters=narrowed),
        },
        "/jobs/{job_id}": {
            "parameters": [parameters.identifier("job_id")],
            "get": _operation("showJob", "Show a job", {"200": _ok(schema[shapes.Job], "The job.")}),
        },
        "/jobs/{job_id}/cancel": {
            "parameters": [parameters.identifier("job_id")],
            "post": _operation(
                "cancelJob", "Stop an open job before its next step", {"202": accepted}, (HTTPStatus.CONFLICT,)
            ),
        },
        "/jobs/{job_id}/retry": {
            "parameters": [parameters.identifier("job_id")],
            "post": _operation("retryJob", "Send a failed job round again", {"202": accepted}, (HTTPStatus.CONFLICT,)),
        },
    }


def _provider_paths(schema: Schemas) -> dict[str, Any]:
    one = {"200": _ok(schema[shapes.Provider], "The provider, without its credential.")}
    return {
        "/providers": {
            "get": _operation(
                "listProviders",
                "List the providers (administrators)",
                {"200": _ok(schema[shapes.ProviderPage], "By name.")},
                parameters=[parameters.limit(), parameters.cursor()],
            ),
        },
        "/providers/{name}": {
            "parameters": [parameters.provider_name()],
            "get": _operation("showProvider", "Show a provider (administrators)", one),
            "put": _operation(
                "putProvider",
                "Set a provider up, whole; a credential left out is kept (administrators)",
                one,
                _BODY,
                body=schema[ProviderIn],
            ),
            "delete": _operation(
                "deleteProvider", "Delete a provider; its tokens are not refreshed any more (administrators)", one
            ),
        },
    }


def _policy_paths(schema: Schemas) -> dict[str, Any]:
    one = {"200": _ok(schema[policy_shapes.Policy], "The policy.")}
    locked_out = (HTTPStatus.CONFLICT,)
    return {
        "/policies": {
            "get": _operation(
                "listPolicies",
                "List the groups' policies (administrators)",
                {"200": _ok(schema[policy_shapes.PolicyPage], "By group.")},
                parameters=[parameters.limit(), parameters.cursor()],
            ),
        },
        "/policies/{group}": {
            "parameters": [parameters.group()],
            "get": _operation("showPolicy", "Show a group's policy (administrators)", one),
            "put": _operation(
                "putPolicy",
                "Give a group its policy, whole (administrators)",
                one,
                (*_BODY, *locked_out),
                body=schema[PolicyIn],
            ),
            "delete": _operation(
                "deletePolicy", "Delete a policy: its group may do nothing any more (administrators)", one, locked_out
            ),
        },
    }


_LINES = (
    f"Each line is a body of `POST /tokens`. At most {LARGEST_LINES} bytes in all; `application/json` names a "
    f"file of up to {LARGEST_UPLOAD} bytes that was sent to an address of `POST /uploads`. At most {MOST_LINES} lines."
)


def _import_paths(schema: Schemas) -> dict[str, Any]:
    importing = _operation(
        "importTokens",
        "Hand many tokens in, one a line",
        {"202": _accepted(schema)},
        (*_BODY, HTTPStatus.UNPROCESSABLE_ENTITY),
        parameters=[parameters.idempotency_key()],
        body=schema[ImportIn],
    )
    importing["requestBody"]["content"][NDJSON] = {"schema": {"type": "string", "description": _LINES}}
    return {
        "/uploads": {
            "post": _operation(
                "makeUpload", "Get an address to send a file to", {"201": _ok(schema[shapes.Upload], "15 minutes.")}
            )
        },
        "/imports": {"post": importing},
        "/imports/{job_id}/refusals": {
            "parameters": [parameters.identifier("job_id")],
            "get": _operation(
                "listRefusedLines",
                "List the lines of an import that were not stored",
                {"200": _ok(schema[shapes.RefusedLinePage], "By line; of an import that goes on, so far.")},
                parameters=[parameters.limit(), parameters.cursor()],
            ),
        },
    }


def _receipt_paths(schema: Schemas) -> dict[str, Any]:
    return {
        "/receipts/jwks.json": {
            "get": _operation(
                "showReceiptKeys",
                "Get the public keys that verify a domain's receipts",
                {"200": _ok(schema[receipt_shapes.ReceiptKeys], "By version. To be kept for 300 seconds.")},
                parameters=[parameters.environment(), parameters.domain()],
            ),
        },
        "/receipts/verify": {
            "post": _operation(
                "verifyReceipt",
                "Ask whether a receipt is genuine, and of this body (who handed it in, and administrators)",
                {"200": _ok(schema[receipt_shapes.Verdict], "The verdict.")},
                _BODY,
                body=schema[VerifyIn],
            ),
        },
    }


def _revocation_paths(schema: Schemas) -> dict[str, Any]:
    made = _ok(
        schema[shapes.Revocation], "It counts within 5 seconds. Asked for twice, it is one, and as wide as both."
    )
    made["headers"] = {"Location": {"description": "Where it is lifted.", "schema": {"type": "string"}}}
    return {
        "/revocations": {
            "post": _operation(
                "revokeAccess",
                "End the access of a principal or of one bearer token (administrators)",
                {"201": made},
                (*_BODY, HTTPStatus.CONFLICT),
                body=schema[RevocationIn],
            ),
            "get": _operation(
                "listRevocations",
                "List whose access was ended (administrators)",
                {"200": _ok(schema[shapes.RevocationPage], "By id, without those that have lapsed.")},
                parameters=[parameters.limit(), parameters.cursor()],
            ),
        },
        "/revocations/{revocation}": {
            "parameters": [parameters.revocation()],
            "delete": _operation(
                "liftRevocation",
                "Give access back (administrators)",
                {"200": _ok(schema[shapes.Revocation], "What had ended it.")},
            ),
        },
    }


def _other_paths(schema: Schemas) -> dict[str, Any]:
    return {
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
        "/authz/explain": {
            "post": _operation(
                "explainAccess",
                "Ask why a request of somebody's is answered as it is (administrators)",
                {"200": _ok(schema[explanation_shapes.Explanation], _EXPLANATION)},
                _BODY,
                body=schema[ExplainIn],
            )
        },
        "/audit": {
            "get": _operation(
                "listAudit",
                "List who did what with which token, latest first (administrators)",
                {"200": _ok(schema[audit_shapes.AuditPage], _AUDIT_PAGE)},
                parameters=[
                    parameters.audit_subject(),
                    parameters.principal(),
                    parameters.moment("from", "First moment; a day before `to` if not given, at most 31 days."),
                    parameters.moment("to", "Moment behind the last; now if not given."),
                    parameters.limit(),
                    parameters.cursor(),
                ],
            )
        },
        "/audit/reconcile": {
            "get": _operation(
                "reconcile",
                "Prove of each accepted token that it is live or ended once (administrators)",
                {"200": _ok(schema[audit_shapes.Reconciled], "How those of a page stand, and what does not add up.")},
                parameters=[
                    parameters.moment("from", "First moment; a day before `to` if not given, and at the most."),
                    parameters.moment("to", "Moment behind the last; now if not given."),
                    parameters.cursor(),
                ],
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


def _accepted(schema: Schemas) -> dict[str, Any]:
    return _ok(schema[shapes.Accepted], "Stored; a job does the rest.", location=True)


def _record(schema: Schemas) -> dict[str, Any]:
    return _ok(schema[shapes.TokenRecord], "The record, without the secret.")


def _refreshing(schema: Schemas) -> dict[str, Any]:
    answer = _ok(schema[shapes.Accepted], "It is being refreshed: ask again.", location=True)
    answer["headers"]["Retry-After"] = _RETRY_AFTER
    return answer


def _secret(schema: Schemas) -> dict[str, Any]:
    return _ok(schema[shapes.CollectedToken], "The token, good for `min_ttl` more seconds.")


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
        "responses": {**linked(operation_id, successes), **{str(int(status)): _refusal(status) for status in statuses}},
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
        answer["headers"] = {"Retry-After": _RETRY_AFTER}
    return answer


if __name__ == "__main__":
    print(json.dumps(document(), indent=2))  # noqa: T201  `python -m chalicelib.web.openapi > openapi.json`
