"""A token: what is known of it in the clear, and the secret that is not."""

from __future__ import annotations

import base64
import binascii
import enum
import json
from typing import TYPE_CHECKING, ClassVar

import msgspec
from msgspec import Struct, field

from chalicelib.model.clock import SECOND, rfc3339
from chalicelib.model.renewal import FIRST, Renewal, last_refresh_view
from chalicelib.model.values import Discreet

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_SCOPE_NAME = "default"
"""The environment and domain of a token whose request names none."""

KEEP_RECORD = 86_400
"""Seconds that a record outlives its acceptance at the least: streams and queues may bring news of it for a day."""

KEEP_REFRESHABLE = 90 * 86_400
"""Seconds past its expiry that a token with a refresh token is kept: the refresh token outlives the access token."""

KEEP_UNKNOWN = 400 * 86_400
"""Seconds that a token of unknown expiry is kept. The longest idle life in use is a year (GitHub's classic tokens)."""

_written = msgspec.json.Encoder().encode
_JWT_PARTS = 3
_LATEST_EXPIRY = 253_402_300_799  # 9999-12-31T23:59:59Z, the last second that RFC 3339 can write


class TokenStatus(enum.StrEnum):
    """What a reader can expect of a token.

    A REFRESHING one may still be good; one that NEEDS_REAUTH, too, but it is the last: the customer has to log in.
    """

    ACTIVE = "ACTIVE"
    REFRESHING = "REFRESHING"
    EXPIRED = "EXPIRED"
    NEEDS_REAUTH = "NEEDS_REAUTH"
    REVOKED = "REVOKED"


class Secret(Discreet, frozen=True, kw_only=True, omit_defaults=True):
    """What a provider gave and nobody else may see; sealed before it touches the table, absent from every `repr`."""

    HIDDEN: ClassVar[tuple[str, ...]] = ("access_token", "refresh_token", "id_token", "extra")

    access_token: str
    refresh_token: str | None = None
    id_token: str | None = None
    extra: Mapping[str, object] | None = None

    def to_bytes(self) -> bytes:
        """Write the secret for sealing: a JSON object of what is not None.

        The form is kept for as long as tokens are: add members, never rename.
        """
        return _written(self)

    @classmethod
    def from_bytes(cls, plaintext: bytes) -> Secret:
        """Read what `to_bytes` wrote, here or in a later version: members that this one does not know are left out."""
        members = json.loads(plaintext)
        known = ("access_token", "refresh_token", "id_token", "extra")
        return cls(**{name: members[name] for name in known if name in members})


class Owner(Struct, frozen=True, kw_only=True):
    """Whose tokens: a subject in an environment and domain."""

    environment: str
    domain: str
    subject: str


class Place(Struct, frozen=True, kw_only=True):
    """Whose token it is and whence: newest wins among the tokens of one place."""

    environment: str
    domain: str
    subject: str
    provider: str


class Token(Struct, frozen=True, kw_only=True):
    """A token's record: everything but the secret.

    `accepted_at` and `revoked_at` are microseconds since the epoch, `expires_at` whole seconds; None where the
    provider did not say when the token expires. `generation` counts the provider's answers: 1 was handed in, each
    refresh that succeeds is one more. `obtained_at` is when the present one came (microseconds).
    """

    id: str
    place: Place
    requester: str
    accepted_at: int
    fingerprint: str
    token_type: str | None = None
    scope: str | None = None
    expires_at: int | None = None
    has_refresh_token: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    revoked_at: int | None = None
    generation: int = 1
    renewal: Renewal = FIRST

    @property
    def obtained_at(self) -> int:
        """When the present generation came from its provider (microseconds)."""
        return self.renewal.obtained_at or self.accepted_at

    @property
    def rank(self) -> str:
        """Sort tokens of one place by acceptance, ties by id; compares as text in a condition."""
        return f"{self.accepted_at:016d}#{self.id}"

    def status_at(self, now: int) -> TokenStatus:
        """Tell what a reader can expect at `now` (microseconds). A deleted token stays deleted, also once expired."""
        if self.revoked_at is not None:
            return TokenStatus.REVOKED
        if self.renewal.reauth is not None:
            return TokenStatus.NEEDS_REAUTH
        if self.renewal.is_under_way(now):
            return TokenStatus.REFRESHING
        return TokenStatus.ACTIVE if self.is_good_at(now) else TokenStatus.EXPIRED

    def is_good_at(self, moment: int) -> bool:
        """Tell whether the access token has not expired at `moment` (microseconds), as far as anybody knows."""
        return self.expires_at is None or self.expires_at * SECOND > moment

    def lasts(self, now: int, seconds: int) -> bool:
        """Tell whether the access token is good for `seconds` more, as far as anybody knows."""
        return self.expires_at is None or (self.is_good_at(now) and self.expires_at * SECOND >= now + seconds * SECOND)

    def since(self, now: int) -> int:
        """Return since when the token has the status that it has at `now` (microseconds)."""
        match self.status_at(now):
            case TokenStatus.REVOKED:
                return self.revoked_at or self.accepted_at
            case TokenStatus.NEEDS_REAUTH if self.renewal.reauth is not None:
                return self.renewal.reauth.at
            case TokenStatus.REFRESHING:
                return self.renewal.since
            case TokenStatus.EXPIRED if self.expires_at is not None:
                return self.expires_at * SECOND
        return self.obtained_at


def expiry(*, accepted_at: int, expires_at: int | None, expires_in: int | None, access_token: str) -> int | None:
    """Return when the token expires (epoch seconds): `expires_at`, else `expires_in`, else a JWT's `exp`, else None.

    `expires_in` counts from acceptance: the provider's answer is older than that by the producer's own delay.
    """
    if expires_at is not None:
        return min(max(expires_at, 0), _LATEST_EXPIRY)  # an offset takes year 1 and year 9999 out of the calendar
    if expires_in is not None:
        return min(accepted_at // SECOND + expires_in, _LATEST_EXPIRY)
    return jwt_expiry(access_token)


def jwt_expiry(access_token: str) -> int | None:
    """Return the `exp` of a token that looks like a JWT (RFC 7519 section 4.1.4), else None.

    Nothing is verified: the claim only tells when to stop handing the token out.
    """
    parts = access_token.split(".")
    if len(parts) != _JWT_PARTS:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    exp = claims.get("exp") if isinstance(claims, dict) else None
    if isinstance(exp, bool) or not isinstance(exp, int | float) or not 0 < exp <= _LATEST_EXPIRY:
        return None
    return int(exp)


def keep_until(*, accepted_at: int, expires_at: int | None, has_refresh_token: bool) -> int:
    """Return the time to live (epoch seconds): DynamoDB may delete the record after that.

    Readers do not rely on it: past `expires_at` nothing is handed out, whether or not the item is still there.
    """
    accepted = accepted_at // SECOND
    if expires_at is None:
        return accepted + KEEP_UNKNOWN
    last_use = expires_at + (KEEP_REFRESHABLE if has_refresh_token else 0)
    return max(last_use, accepted + KEEP_RECORD)


def token_view(token: Token, now: int) -> dict[str, object]:
    """Return the record as the contract shows it. The secret is not in it."""
    return {
        "id": token.id,
        "subject": token.place.subject,
        "provider": token.place.provider,
        "environment": token.place.environment,
        "domain": token.place.domain,
        "status": str(token.status_at(now)),
        "status_since": rfc3339(token.since(now)),
        "status_reason": None if token.renewal.reauth is None else token.renewal.reauth.code,
        "generation": token.generation,
        "last_refresh": last_refresh_view(token.renewal),
        "accepted_at": rfc3339(token.accepted_at),
        "expires_at": None if token.expires_at is None else rfc3339(token.expires_at * SECOND),
        "token_type": token.token_type,
        "scope": token.scope,
        "has_refresh_token": token.has_refresh_token,
        "fingerprint": token.fingerprint,
        "metadata": dict(token.metadata),
        "links": {
            "self": f"/tokens/{token.id}",
            "secret": f"/tokens/{token.id}/secret",
            "job": f"/jobs/{token.id}",
        },
    }
