"""What a provider's answer to a refresh means (RFC 6749 sections 5.1 and 5.2), and what providers make of that.

Four things can be said of an answer, and the difference is what happens to the refresh token:

    Renewed    here are new tokens
    Refused    nothing was done, for good: the grant is gone (`for_good`), or we are not set up as we should be
    Busy       nothing was done, for now: 429, 503, or a 4xx that speaks no OAuth (a proxy's, say)
    Unclear    something may have been done: a 5xx, or a 200 that holds no tokens
"""

from __future__ import annotations

import email.utils
import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl

from msgspec import Struct, field

from chalicelib.model.clock import SECOND
from chalicelib.model.values import Discreet

if TYPE_CHECKING:
    from collections.abc import Mapping

GRANT_GONE = frozenset(
    {
        "invalid_grant",
        "bad_refresh_token",
        "invalid_refresh_token",
        "token_revoked",
        "token_expired",
        "consent_required",
    }
)
"""Errors that mean: this refresh token is of no more use. The first is RFC 6749's; GitHub and Slack add theirs."""

NOT_NOW = frozenset({"temporarily_unavailable", "slow_down", "rate_limited", "ratelimited", "server_error"})
"""Errors that mean: later."""

LONGEST_WAIT = 86_400
"""Seconds of a `Retry-After` that are believed."""

LONGEST_LIFE = 315_360_000
_TOKEN = re.compile(r"[\x20-\x7E]{1,16384}")
_CODE = re.compile(r"[a-z0-9_\-]{1,64}")
_OURS = frozenset({"access_token", "refresh_token", "id_token", "token_type", "scope", "expires_in"})


class Renewed(Discreet, frozen=True, kw_only=True):
    """New tokens. What the provider left out is None: the refresh token and the scope of before go on then."""

    HIDDEN: ClassVar[tuple[str, ...]] = ("access_token", "refresh_token", "id_token", "extra")

    access_token: str
    refresh_token: str | None = None
    id_token: str | None = None
    token_type: str | None = None
    scope: str | None = None
    expires_in: int | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


class Refused(Struct, frozen=True, kw_only=True):
    """Nothing was done, and nothing will be: `code` is the provider's error, `for_good` whether the grant is gone."""

    code: str
    for_good: bool


class Busy(Struct, frozen=True, kw_only=True):
    """Nothing was done; `retry_after` in seconds, 0 where the provider did not say."""

    why: str
    retry_after: int = 0


class Unclear(Struct, frozen=True, kw_only=True):
    """Nobody can tell from the answer whether the refresh token was used."""

    why: str


Meaning = Renewed | Refused | Busy | Unclear


def read_refresh(  # noqa: PLR0911  a table of cases, in the order in which they are looked at
    status: int, headers: Mapping[str, str], body: bytes, now: int
) -> Meaning:
    """Return what an answer to a refresh means. `headers` in lower case; `now` in microseconds."""
    members = _members(headers.get("content-type", ""), body)
    error = _error(members)
    wait = retry_after(headers.get("retry-after"), now)
    if status == HTTPStatus.OK and error is None:
        return _renewed(members)
    if error in GRANT_GONE:
        return Refused(code="invalid_grant", for_good=True)
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE) or error in NOT_NOW:
        return Busy(why=error or f"status_{status}", retry_after=wait)
    if error is not None:
        return Refused(code=error, for_good=False)
    if status == HTTPStatus.UNAUTHORIZED:
        return Refused(code="invalid_client", for_good=False)
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Busy(why=f"status_{status}", retry_after=wait)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Refused(code="redirected", for_good=False)
    return Unclear(why=f"status_{status}")


def retry_after(header: str | None, now: int) -> int:
    """Return how many seconds a `Retry-After` asks for (RFC 9110 section 10.2.3), 0 for none or nonsense."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:9]), LONGEST_WAIT)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return 0
    return max(0, min(int(moment.timestamp()) - now // SECOND, LONGEST_WAIT))


def read_introspection(status: int, body: bytes) -> bool | None:
    """Return what a provider says of a refresh token (RFC 7662): whether it is active; None if it does not say."""
    if status != HTTPStatus.OK:
        return None
    active = _members("application/json", body).get("active")
    return active if isinstance(active, bool) else None


def _members(content_type: str, body: bytes) -> dict[str, Any]:
    """Return an answer's members; none for what is no object. GitHub answers in a form unless asked otherwise."""
    try:
        text = body.decode()
        if content_type.split(";", maxsplit=1)[0].strip().lower() == "application/x-www-form-urlencoded":
            return dict(parse_qsl(text))
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _error(members: Mapping[str, Any]) -> str | None:
    """Return an answer's error code. Some providers send one with 200; what has no code's form is not repeated."""
    error = members.get("error")
    if error is None:
        return None
    return error if isinstance(error, str) and _CODE.fullmatch(error) else "unknown_error"


def _renewed(members: Mapping[str, Any]) -> Meaning:
    access_token = _token(members.get("access_token"))
    if access_token is None:
        return Unclear(why="no_access_token")
    return Renewed(
        access_token=access_token,
        refresh_token=_token(members.get("refresh_token")),
        id_token=_token(members.get("id_token")),
        token_type=_text(members.get("token_type"), 64),
        scope=_scope(members.get("scope")),
        expires_in=_seconds(members.get("expires_in")),
        extra={name: value for name, value in members.items() if name not in _OURS},
    )


def _token(value: object) -> str | None:
    return value if isinstance(value, str) and _TOKEN.fullmatch(value) else None


def _text(value: object, longest: int) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= longest and value.isprintable() else None


def _scope(value: object) -> str | None:
    """Return the scope; a list of scopes, which some send, as RFC 6749 writes it."""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        value = " ".join(value)
    return _text(value, 4_096)


def _seconds(value: object) -> int | None:
    """Return a life in seconds, also from a string or a fraction; None for none, or for one that cannot be meant."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = int(float(value))
    except (ValueError, OverflowError):
        return None
    return seconds if 0 < seconds <= LONGEST_LIFE else None
