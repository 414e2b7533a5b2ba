"""Errors as the contract shows them: `application/problem+json` (RFC 9457) with a stable `code`."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any, Final

from chalice.app import Response

from chalicelib import errors, log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

OK: Final = 200
UNAUTHORIZED: Final = 401
GONE: Final = 410
INTERNAL_SERVER_ERROR: Final = 500
UNAVAILABLE: Final = 503

STATUSES: Mapping[type[errors.CloakroomError], int] = {
    errors.CloakroomError: 500,
    errors.Refused: 400,
    errors.BodyTooLarge: 413,
    errors.HeadersTooLarge: 431,
    errors.WrongMediaType: 415,
    errors.IdempotencyKeyReused: 422,
    errors.NotFound: 404,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.BadTicket: 403,
    errors.WouldLockOut: 409,
    errors.TooShortLived: 409,
    errors.IllegalTransition: 409,
    errors.NotRefreshable: 409,
    errors.Gone: 410,
    errors.KeyGone: 410,
    errors.Conflict: 503,
    errors.Unavailable: 503,
    errors.Misconfigured: 503,  # an operator mends it; a caller that tries again is right
}
"""The one table of HTTP statuses. A class without a line has its parent's."""

PHRASES: Mapping[int, str] = {
    413: "Content Too Large",
    422: "Unprocessable Content",
}
"""RFC 9110's names where Python's were older: they changed in 3.13, and a title must not change with the runtime."""

RETRY_AFTER = 2
"""Seconds, with each 503 at the least: a login hook has about 20 in all."""

SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Strict-Transport-Security": "max-age=63072000",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",  # for embedding (`no-cors`); pages that CORS lets read are not meant
}
"""With each answer: nothing here is a page, and most of it is about secrets."""


def status_of(error: errors.CloakroomError) -> int:
    """Return the status of an error, through its class's ancestors."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def phrase(status: int) -> str:
    """Return a status's name."""
    from http import HTTPStatus  # noqa: PLC0415  a refusal's price alone: its 60 names take 0.7 ms

    return PHRASES.get(status) or HTTPStatus(status).phrase


def problem(error: errors.CloakroomError) -> Response:
    """Return the answer for an error.

    A refusal says what the caller can mend, a 503 what kind of trouble it is. Anything more would speak of our inside:
    it stays in the log.
    """
    status = status_of(error)
    is_refusal = isinstance(error, errors.Refused)
    is_told = status in (UNAVAILABLE, GONE)
    kind = type(error) if is_told else errors.CloakroomError
    document: dict[str, object] = {
        "type": "about:blank",
        "title": phrase(status),
        "status": status,
        "code": error.code,
        "detail": error.detail if is_refusal else (kind.__doc__ or "").strip(),
    }
    if is_refusal:
        document.update({name: value for name, value in error.facts.items() if value is not None})
    headers: dict[str, str | list[str]] = {"Content-Type": "application/problem+json", **SECURITY_HEADERS}
    if status == UNAVAILABLE:
        asked = error.retry_after if isinstance(error, errors.Unavailable) else 0
        headers["Retry-After"] = str(max(asked, RETRY_AFTER))
    if status == UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return Response(body=json.dumps(document), status_code=status, headers=headers)


def answered(view: Callable[..., Response]) -> Callable[..., Response]:
    """Turn whatever a view raises into its problem document, and log the outcome once.

    Around the view and not in a middleware: Chalice itself would answer first what a view raises, and not as we do.
    """

    @functools.wraps(view)
    def wrapped(**parameters: Any) -> Response:
        try:
            return view(**parameters)
        except errors.CloakroomError as error:
            answer = problem(error)
            level = "error" if answer.status_code >= INTERNAL_SERVER_ERROR else None
            log.fact(
                "request.refused",
                level=level,
                status=answer.status_code,
                code=error.code,
                reason=_reason(error),
            )
            return answer
        except Exception as error:  # noqa: BLE001  the boundary: Chalice would log the message, which may quote a body
            log.failure("request.failed", error)
            return problem(errors.CloakroomError())

    return wrapped


def settled(handler: Callable[..., None]) -> Callable[..., dict[str, int]]:
    """Turn whatever a socket handler raises into the status that API Gateway reads, and log the outcome once.

    At `$connect` anything but 200 refuses the handshake. A raised error's text would reach the client.
    """

    @functools.wraps(handler)
    def wrapped(event: Any) -> dict[str, int]:
        try:
            handler(event)
        except errors.CloakroomError as error:
            log.fact("socket.refused", code=error.code, reason=_reason(error))
            return {"statusCode": status_of(error)}
        except Exception as error:  # noqa: BLE001  the boundary
            log.failure("socket.failed", error)
            return {"statusCode": INTERNAL_SERVER_ERROR}
        return {"statusCode": OK}

    return wrapped


def _reason(error: errors.CloakroomError) -> str | None:
    """Return what the log may say of an error: the field and rule of a refusal, the detail of our own failures."""
    if isinstance(error, errors.Refused):
        field = error.facts.get("field")
        return None if field is None else str(field)
    return error.detail
