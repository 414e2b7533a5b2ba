"""Let pages of listed origins read answers (the Fetch standard's CORS protocol), and nobody else's.

An origin is reflected, never `*`, and only one that is on the list. No answer ever allows credentials: nothing goes
by cookies here, and a bearer token is sent by the page itself. What API Gateway answers by itself stands in
infrastructure/template.json.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalice.app import Response

from chalicelib.errors import NotFound
from chalicelib.web.problems import SECURITY_HEADERS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

REQUEST_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key")
"""What a page may send beyond what any page may."""

ANSWER_HEADERS = ("Location", "Retry-After", "WWW-Authenticate")
"""What a page may read beyond what any page may. The gateway's own answers say the same; a test holds them together."""

MAX_AGE = 7200
"""Seconds that a browser keeps a preflight: Chromium keeps none for longer."""


def shared(answer: Response, origin: str | None, listed: Collection[str]) -> Response:
    """Let a page of `origin` read an answer, if the origin is listed. With an empty list nothing is added at all."""
    if listed:
        # Also for who is not listed, and who sends no origin: a cache must not give the answer of one to another.
        answer.headers["Vary"] = "Origin"
    if origin in listed and origin is not None:
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Access-Control-Expose-Headers"] = ", ".join(ANSWER_HEADERS)
    return answer


def preflight(origin: str | None, listed: Collection[str], methods: Iterable[str]) -> Response:
    """Answer 204 with what a page of a listed origin may send to a path of these methods.

    Raises NotFound for every other origin: it is told what it was told before there was CORS.
    """
    if origin not in listed:
        raise NotFound
    headers: dict[str, str | list[str]] = {
        **SECURITY_HEADERS,
        "Access-Control-Allow-Methods": ", ".join(sorted(methods)),
        "Access-Control-Allow-Headers": ", ".join(REQUEST_HEADERS),
        "Access-Control-Max-Age": str(MAX_AGE),
    }
    return Response(body="", status_code=204, headers=headers)
