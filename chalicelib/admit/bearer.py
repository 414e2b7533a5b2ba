"""Turn an Authorization header into a caller, or into the reason why not."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from jwt import PyJWS
from jwt.exceptions import InvalidAlgorithmError, InvalidKeyError, InvalidSignatureError, PyJWTError

from chalicelib.admit.jwks import ALGORITHMS, KeysUnavailable
from chalicelib.model import names

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwt import PyJWK

TOKEN_BYTES: Final = 8192
LEEWAY: Final = 5
SUBJECT_LENGTH: Final = 255  # OpenID Connect Core 1.0, section 2
GROUPS: Final = 200
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Hold who calls, as the issuer says; times in seconds since 1970.

    `client` is the application that the token was made for: `azp` (OpenID Connect Core 1.0, section 2) or `client_id`
    (RFC 9068, section 2.2). `verified_at` is when all of this was found to be so.
    """

    principal: str
    issuer: str
    client: str | None
    groups: tuple[str, ...]
    expires_at: int
    token_id: str | None
    verified_at: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Hold why a bearer was refused: for the log, never for the caller.

    Codes: no_bearer, too_large, malformed, type, critical, algorithm, unknown_key, keys_unavailable,
    signature, claims, issuer, audience, expired, lifetime, not_yet_valid.
    """

    code: str


class _Fault(Exception):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """Verify bearer tokens of one issuer for one audience.

    RS256 and ES256 by the issuer's published keys only: what the token itself brings (`jwk`, `jku`, `x5u`,
    `x5c`) is never looked at. PyJWT checks the signature; the claims are checked here, because PyJWT reads
    the clock itself and takes numbers in strings.
    """

    issuer: str
    audience: str
    jwks: KeySource
    groups_claim: str
    clock: Callable[[], float]

    def __post_init__(self) -> None:
        if not self.issuer or not self.audience or not self.groups_claim:
            raise ValueError("issuer, audience and groups_claim must not be empty")

    def verify(self, header: str | None) -> Caller | Refused:
        """Return the caller that this header proves, or the reason why it proves none."""
        try:
            return self._caller(_object(self._verified(_token(header))))
        except _Fault as fault:
            return Refused(str(fault))

    def _verified(self, token: str) -> bytes:
        header = _header(token)
        algorithm, key_id, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            raise _Fault("algorithm")
        if "crit" in header or "b64" in header:
            raise _Fault("critical")
        if not isinstance(kind, str) or kind.lower() not in TYPES:
            raise _Fault("type")
        if not isinstance(key_id, str) or not key_id:
            raise _Fault("unknown_key")
        try:
            key = self.jwks.key(key_id)
        except KeysUnavailable:
            raise _Fault("keys_unavailable") from None
        if key is None:
            raise _Fault("unknown_key")
        return _payload(token, key, algorithm)

    def _caller(self, claims: dict[str, Any]) -> Caller:
        if claims.get("iss") != self.issuer:
            raise _Fault("issuer")
        if self.audience not in _audiences(claims.get("aud")):
            raise _Fault("audience")
        now = self.clock()
        expires_at = _moment(claims, "exp")
        if expires_at is None:
            raise _Fault("claims")
        if now >= expires_at + LEEWAY:
            raise _Fault("expired")
        if expires_at > now + LONGEST_LIFE:
            raise _Fault("lifetime")
        # `iat` is optional (RFC 7519): it proves nothing that `exp` does not, and some issuers leave it out.
        for begins in (_moment(claims, "nbf"), _moment(claims, "iat")):
            if begins is not None and begins > now + LEEWAY:
                raise _Fault("not_yet_valid")
        return Caller(
            principal=_text(claims.get("sub")),
            issuer=self.issuer,
            client=_optional_text(claims.get("azp", claims.get("client_id"))),
            groups=_groups(claims.get(self.groups_claim, [])),
            expires_at=int(expires_at),
            token_id=_optional_text(claims.get("jti")),
            verified_at=int(now),
        )


def _token(header: str | None) -> str:
    if not isinstance(header, str) or not header.lower().startswith("bearer "):
        raise _Fault("no_bearer")
    if len(header) > TOKEN_BYTES + len("Bearer "):
        raise _Fault("too_large")
    match = _BEARER.fullmatch(header)
    if match is None:
        raise _Fault("malformed")
    return match[1]


def _header(token: str) -> dict[str, Any]:
    try:
        return _object(urlsafe_b64decode(token.partition(".")[0] + "=="))
    except ValueError:
        raise _Fault("malformed") from None


def _payload(token: str, key: PyJWK, algorithm: str) -> bytes:
    try:
        # One algorithm is passed, and PyJWT refuses it if the key was made for the other.
        payload = _VERIFY.decode_complete(token, key, algorithms=[algorithm])["payload"]
    except InvalidSignatureError:
        raise _Fault("signature") from None
    except (InvalidAlgorithmError, InvalidKeyError):
        raise _Fault("algorithm") from None
    except (PyJWTError, ValueError):
        raise _Fault("malformed") from None
    return bytes(payload)


def _object(text: bytes) -> dict[str, Any]:
    try:
        # Decoded here, strictly (RFC 7519, section 3): left to itself, json.loads guesses UTF-16 and UTF-32, drops a
        # byte order mark and lets surrogates through, so that another reader of these bytes reads something else.
        value = json.loads(text.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _Fault("malformed") from None
    if not isinstance(value, dict):
        raise _Fault("malformed")
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
        raise _Fault("claims")
    return value


def _audiences(value: object) -> list[str]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise _Fault("audience")
    return listed


def _text(value: object) -> str:
    # Not printable: control characters, lone surrogates (no UTF-8), marks that turn text round in a log.
    if not isinstance(value, str) or not 0 < len(value) <= SUBJECT_LENGTH or not value.isprintable():
        raise _Fault("claims")
    return value


def _optional_text(value: object) -> str | None:
    return None if value is None else _text(value)


def _groups(value: object) -> tuple[str, ...]:
    # By spaces alone, as scopes are (RFC 6749, section 3.3): split() takes 28 other characters for one, which an
    # issuer that makes this text may have let into a name.
    listed = value.split(" ") if isinstance(value, str) else value
    if not isinstance(listed, list) or len(listed) > GROUPS:
        raise _Fault("claims")
    if not all(isinstance(item, str) for item in listed):
        raise _Fault("claims")
    # A group that cannot have a policy is none of ours; issuers list all that a user is in.
    return tuple(dict.fromkeys(group for group in listed if names.group_fault(group) is None))
