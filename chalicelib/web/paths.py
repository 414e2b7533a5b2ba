"""The routes of those who hand in and collect, as the contract describes them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from chalicelib.collect.lists import EXAMINED
from chalicelib.intake.bodies import HandIn, ImportIn, RejectedIn, TicketIn, VerifyIn
from chalicelib.model.imports import LARGEST_LINES, LARGEST_UPLOAD, MOST_LINES
from chalicelib.web import parameters, receipt_shapes, shapes
from chalicelib.web.operations import BODY, GONE, accepted_job, ok, operation, refreshing
from chalicelib.web.requests import NDJSON

if TYPE_CHECKING:
    from chalicelib.web.operations import Schemas

_JOB_PAGE = (
    "Newest accepted first; open jobs of all subjects by when they are looked after next, latest first, and since that "
    "moves, one may come twice or be missed. A page may hold fewer than `limit`, even none, and not be the last: "
    f"{EXAMINED:,} jobs are looked at for it at the most. On the last page `cursor` is null. A cursor is good for the "
    "same `subject`, `status` and `type`."
)

_LINES = (
    f"Each line is a body of `POST /tokens`. At most {LARGEST_LINES} bytes in all; `application/json` names a "
    f"file of up to {LARGEST_UPLOAD} bytes that was sent to an address of `POST /uploads`. At most {MOST_LINES} lines."
)


def token_paths(schema: Schemas) -> dict[str, Any]:
    """Describe a token by its id."""
    accepted = accepted_job(schema)
    return {
        "/tokens": {
            "post": operation(
                "handInToken",
                "Hand a token in",
                {"202": accepted},
                (*BODY, HTTPStatus.UNPROCESSABLE_ENTITY),
                parameters=[parameters.idempotency_key()],
                body=schema[HandIn],
            )
        },
        "/tokens/{token_id}": {
            "parameters": [parameters.identifier("token_id")],
            "get": operation("showToken", "Show a token's record", {"200": _record(schema)}),
            "delete": operation("deleteToken", "Delete a token: gone for readers at once", {"202": accepted}),
        },
        "/tokens/{token_id}/secret": {
            "parameters": [parameters.identifier("token_id")],
            "get": operation(
                "collectToken",
                "Collect a token",
                {"200": _secret(schema), "202": refreshing(schema)},
                GONE,
                parameters=[parameters.min_ttl()],
            ),
        },
        "/tokens/{token_id}/refresh": {
            "parameters": [parameters.identifier("token_id")],
            "post": operation("refreshToken", "Have a token refreshed now", {"202": accepted}, GONE),
        },
        "/tokens/{token_id}/rejected": {
            "parameters": [parameters.identifier("token_id")],
            "post": operation(
                "reportRejected",
                "Report that the provider refused a generation of a token",
                {"200": ok(schema[shapes.TokenRecord], "There is a newer one, or no way to one."), "202": accepted},
                (*BODY, *GONE),
                body=schema[RejectedIn],
            ),
        },
    }


def subject_paths(schema: Schemas) -> dict[str, Any]:
    """Describe tokens by whose they are."""
    place = [parameters.environment(), parameters.domain()]
    return {
        "/subjects/{subject}/tokens": {
            "parameters": [parameters.subject(), *place],
            "get": operation(
                "listSubjectTokens",
                "List a subject's newest tokens, one a provider",
                {"200": ok(schema[shapes.TokenPage], "By provider name.")},
                parameters=[parameters.limit(), parameters.cursor()],
            ),
        },
        "/subjects/{subject}/tokens/{provider}": {
            "parameters": [parameters.subject(), parameters.provider(), *place],
            "get": operation(
                "showSubjectToken", "Show a subject's newest token of a provider", {"200": _record(schema)}
            ),
        },
        "/subjects/{subject}/tokens/{provider}/secret": {
            "parameters": [parameters.subject(), parameters.provider(), *place],
            "get": operation(
                "collectSubjectToken",
                "Collect a subject's newest token of a provider",
                {"200": _secret(schema), "202": refreshing(schema)},
                GONE,
                parameters=[parameters.min_ttl()],
            ),
        },
    }


def job_paths(schema: Schemas) -> dict[str, Any]:
    """Describe jobs."""
    accepted = accepted_job(schema)
    narrowed = [parameters.status(), parameters.job_type(), parameters.limit(), parameters.cursor()]
    page = {"200": ok(schema[shapes.JobPage], _JOB_PAGE)}
    return {
        "/jobs": {
            "get": operation("listJobs", "List jobs, newest first", page, parameters=[parameters.whose(), *narrowed]),
        },
        "/subjects/{subject}/jobs": {
            "parameters": [parameters.subject()],
            "get": operation("listSubjectJobs", "List the jobs about a subject", page, parameters=narrowed),
        },
        "/jobs/{job_id}": {
            "parameters": [parameters.identifier("job_id")],
            "get": operation("showJob", "Show a job", {"200": ok(schema[shapes.Job], "The job.")}),
        },
        "/jobs/{job_id}/cancel": {
            "parameters": [parameters.identifier("job_id")],
            "post": operation(
                "cancelJob", "Stop an open job before its next step", {"202": accepted}, (HTTPStatus.CONFLICT,)
            ),
        },
        "/jobs/{job_id}/retry": {
            "parameters": [parameters.identifier("job_id")],
            "post": operation("retryJob", "Send a failed job round again", {"202": accepted}, (HTTPStatus.CONFLICT,)),
        },
    }


def import_paths(schema: Schemas) -> dict[str, Any]:
    """Describe handing in many."""
    importing = operation(
        "importTokens",
        "Hand many tokens in, one a line",
        {"202": accepted_job(schema)},
        (*BODY, HTTPStatus.UNPROCESSABLE_ENTITY),
        parameters=[parameters.idempotency_key()],
        body=schema[ImportIn],
    )
    importing["requestBody"]["content"][NDJSON] = {"schema": {"type": "string", "description": _LINES}}
    return {
        "/uploads": {
            "post": operation(
                "makeUpload", "Get an address to send a file to", {"201": ok(schema[shapes.Upload], "15 minutes.")}
            )
        },
        "/imports": {"post": importing},
        "/imports/{job_id}/refusals": {
            "parameters": [parameters.identifier("job_id")],
            "get": operation(
                "listRefusedLines",
                "List the lines of an import that were not stored",
                {"200": ok(schema[shapes.RefusedLinePage], "By line; of an import that goes on, so far.")},
                parameters=[parameters.limit(), parameters.cursor()],
            ),
        },
    }


def receipt_paths(schema: Schemas) -> dict[str, Any]:
    """Describe receipts."""
    return {
        "/receipts/jwks.json": {
            "get": operation(
                "showReceiptKeys",
                "Get the public keys that verify a domain's receipts",
                {"200": ok(schema[receipt_shapes.ReceiptKeys], "By version. To be kept for 300 seconds.")},
                parameters=[parameters.environment(), parameters.domain()],
            ),
        },
        "/receipts/verify": {
            "post": operation(
                "verifyReceipt",
                "Ask whether a receipt is genuine, and of this body (who handed it in, and administrators)",
                {"200": ok(schema[receipt_shapes.Verdict], "The verdict.")},
                BODY,
                body=schema[VerifyIn],
            ),
        },
    }


def ticket_paths(schema: Schemas) -> dict[str, Any]:
    """Describe tickets."""
    return {
        "/tickets": {
            "post": operation(
                "issueTicket",
                "Get a ticket for the WebSocket",
                {"201": ok(schema[shapes.Ticket], "One use, 60 seconds.")},
                BODY,
                body=schema[TicketIn],
                body_required=False,
            )
        },
    }


def _record(schema: Schemas) -> dict[str, Any]:
    return ok(schema[shapes.TokenRecord], "The record, without the secret.")


def _secret(schema: Schemas) -> dict[str, Any]:
    return ok(schema[shapes.CollectedToken], "The token, good for `min_ttl` more seconds.")
