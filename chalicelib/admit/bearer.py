"""Turn an Authorization header into a caller, or into the reason why not."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Any, Final, Protocol

from msgspec import Struct, field

from chalicelib.admit.claims import Fault, optional_text
from chalicelib.admit.issuer import ALGORITHMS
from chalicelib.admit.jwks import KeysUnavailable
from chalicelib.admit.pyjwt import (
    InvalidAlgorithmError,
    InvalidKeyError,
    InvalidSignatureError,
    PyJWS,
    PyJWTError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.admit.issuer import Issuer
    from chalicelib.admit.pyjwt import PyJWK

TOKEN_BYTES: Final = 8192
LEEWAY: Final = 5
EXPIRED: Final = "expired"  # its signature, issuer and audience were found good before
LATEST: Final = 253_402_300_799  # the end of the year 9999
LONGEST_LIFE: Final = 366 * 86_400  # seconds from now: who never has to come back for a new token cannot be shut out
# RFC 8725, section 3.11: a token of another kind (a logout token, a DPoP proof) is no access token.
TYPES: Final = ("jwt", "at+jwt", "application/at+jwt")

_BEARER: Final = re.compile(r"bearer +([A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+)", re.IGNORECASE)
_VERIFY: Final = PyJWS(algorithms=list(ALGORITHMS), options={"enforce_minimum_key_length": True})


class KeySource(Protocol):
    """Find a key of the issuer by its id."""

    def key(self, key_id: str) -> PyJWK | None:
        """Return the key or None; may raise KeysUnavailable."""


class Caller(Struct, frozen=True, kw_only=True):
    """Hold who calls, as the issuer says; times in seconds since 1970.

    `client` is the application that the token was made for: `azp` (OpenID Connect Core 1.0, section 2) or `client_id`
    (RFC 9068, section 2.2). `claims` are those that policies may name. `verified_at` is when all of this was found to
    be so. `issued_at` is its `iat`.
    """

    principal: str
    issuer: str
    client: str | None
    groups: tuple[str, ...]
    expires_at: int
    token_id: str | None
    verified_at: int
    claims: Mapping[str, str] = field(default_factory=dict)
    issued_at: int | None = None


class Refused(Struct, frozen=True):
    """Hold why a bearer was refused: for the log, never for the caller.

    Codes: no_bearer, too_large, malformed, type, critical, algorithm, unknown_key, keys_unavailable,
    signature, claims, issuer, required_claim, audience, principal, expired, lifetime, not_yet_valid.
    """

    code: str


class Verifier(Struct, frozen=True, kw_only=True):
    """Verify bearer tokens of one issuer.

    RS256 and ES256, as far as its operator allows them, by the issuer's published keys only: what the token itself
    brings (`jwk`, `jku`, `x5u`, `x5c`) is never looked at. PyJWT checks the signature; the claims are checked by us,
    because PyJWT reads the clock itself and takes numbers in strings.
    """

    issuer: Issuer
    jwks: KeySource
    clock: Callable[[], float]

    def verify(self, header: str | None) -> Caller | Refused:
        """Return the caller that this header proves, or the reason why it proves none."""
        try:
            return self._caller(_object(self._verified(_token(header))))
        except Fault as fault:
            return Refused(str(fault))

    def _verified(self, token: str) -> bytes:
        header = _header(token)
        algorithm, key_id, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
        if not isinstance(algorithm, str) or algorithm not in self.issuer.algorithms:
            raise Fault("algorithm")
        if "crit" in header or "b64" in header:
            raise Fault("critical")
        if not isinstance(kind, str) or kind.lower() not in TYPES:
            raise Fault("type")
        if not isinstance(key_id, str) or not key_id:
            raise Fault("unknown_key")
        try:
            key = self.jwks.key(key_id)
        except KeysUnavailable:
            raise Fault("keys_unavailable") from None
        if key is None:
            raise Fault("unknown_key")
        return _payload(token, key, algorithm)

    def _caller(self, claims: dict[str, Any]) -> Caller:
        self.issuer.check(claims)
        now = self.clock()
        expires_at = _moment(claims, "exp")
        if expires_at is None:
            raise Fault("claims")
        if now >= expires_at + LEEWAY:
            raise Fault(EXPIRED)
        if expires_at > now + LONGEST_LIFE:
            raise Fault("lifetime")
        # `iat` is optional (RFC 7519): it proves nothing that `exp` does not, and some issuers leave it out.
        issued_at = _moment(claims, "iat")
        for begins in (_moment(claims, "nbf"), issued_at):
            if begins is not None and begins > now + LEEWAY:
                raise Fault("not_yet_valid")
        return Caller(
            principal=self.issuer.principal(claims),
            issuer=self.issuer.name,
            client=optional_text(claims.get("azp", claims.get("client_id"))),
            groups=self.issuer.groups_of(claims),
            expires_at=int(expires_at),
            token_id=optional_text(claims.get("jti")),
            verified_at=int(now),
            claims=self.issuer.named_claims(claims),
            issued_at=None if issued_at is None else int(issued_at),
        )


def claimed_issuer(header: str | None) -> str | Refused:
    """Return the issuer that a token names. Nothing vouches for it yet: it only says by whose keys to verify."""
    try:
        issuer = _object(_decoded(_token(header).split(".")[1])).get("iss")
    except Fault as fault:
        return Refused(str(fault))
    return issuer if isinstance(issuer, str) else Refused("issuer")


def _token(header: str | None) -> str:
    if not isinstance(header, str) or not header.lower().startswith("bearer "):
        raise Fault("no_bearer")
    if len(header) > TOKEN_BYTES + len("Bearer "):
        raise Fault("too_large")
    match = _BEARER.fullmatch(header)
    if match is None:
        raise Fault("malformed")
    return match[1]


def _header(token: str) -> dict[str, Any]:
    return _object(_decoded(token.partition(".")[0]))


def _decoded(segment: str) -> bytes:
    try:
        return urlsafe_b64decode(segment + "==")
    except ValueError:
        raise Fault("malformed") from None


def _payload(token: str, key: PyJWK, algorithm: str) -> bytes:
    try:
        # One algorithm is passed, and PyJWT refuses it if the key was made for the other.
        payload = _VERIFY.decode_complete(token, key, algorithms=[algorithm])["payload"]
    except InvalidSignatureError:
        raise Fault("signature") from None
    except (InvalidAlgorithmError, InvalidKeyError):
        raise Fault("algorithm") from None
    except (PyJWTError, ValueError):
        raise Fault("malformed") from None
    return bytes(payload)


def _object(text: bytes) -> dict[str, Any]:
    try:
        # Decoded here, strictly (RFC 7519, section 3): left to itself, json.loads guesses UTF-16 and UTF-32, drops a
        # byte order mark and lets surrogates through, so that another reader of these bytes reads something else.
        value = json.loads(text.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Fault("malformed") from None
    if not isinstance(value, dict):
        raise Fault("malformed")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # RFC 8725, section 2.4 on differing parsers: two members of one name mean two things to two readers.
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member occurs twice")
    return members


def _no_constant(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _moment(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    # A bool is an int to Python; 1e999 is infinite.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LATEST:
        raise Fault("claims")
    return value
