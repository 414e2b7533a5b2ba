"""Keep the public keys of one issuer: fresh, through rotation, through an outage, and through a flood.

When a fetch may happen:

    no keys yet               at once, then every RETRY seconds until one succeeds
    keys older than MAX_AGE   at once; where that fails, every COOLDOWN seconds, and the last good keys serve
    an unknown key id         when COOLDOWN seconds have passed since the last fetch, however many ask
    keys older than KEEP      as with no keys, and nothing is served meanwhile: KeysUnavailable

MAX_AGE and COOLDOWN count for all processes together, which share the document in the table (`outbound.cache`): a fetch
is one for all, and a process that has no keys finds them there. Each parses it by itself, so that what stands in the
table is no better than what an issuer might answer.

Why not PyJWT's PyJWKClient: it reads the clock itself, drops its keys when they expire while the issuer is
away, retries a failing issuer on every request (its cooldown counts successes only), and bounds neither the
size of a response nor the time that a dripping one takes (`outbound.http` does). Its PyJWK parses each key here.
"""

from __future__ import annotations

import http
import ipaddress
import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from chalicelib.admit.issuer import ALGORITHMS
from chalicelib.admit.pyjwt import PyJWK, PyJWTError
from chalicelib.errors import CloakroomError
from chalicelib.model.cached import Terms
from chalicelib.model.clock import SECOND
from chalicelib.outbound.cache import Cached, NothingUsable, Source, Surroundings
from chalicelib.outbound.http import Outside

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.outbound.cache import Shelf

MAX_AGE: Final = 300.0
COOLDOWN: Final = 30.0
RETRY: Final = 5.0
KEEP: Final = 3600.0
TIMEOUT: Final = 3.0
RSA_BITS: Final = (2048, 8192)


TERMS: Final = Terms(
    fresh=int(MAX_AGE * SECOND),
    keep=int(KEEP * SECOND),
    cooldown=int(COOLDOWN * SECOND),
    retry=int(RETRY * SECOND),
    lease=int((TIMEOUT + 1) * SECOND),
)


class KeysUnavailable(Exception):
    """The issuer's keys cannot be had, and none are left that may still serve."""


class Keys:
    """Find an issuer's key by its id; safe to share between threads, one fetch at a time."""

    def __init__(
        self,
        url: str,
        shelf: Shelf,
        *,
        clock: Callable[[], float],
        pause: Callable[[float], None],
        log: Callable[..., None],
        name: str = "",
        allow_private: bool = True,
    ) -> None:
        """Take the JWKS address; ValueError if it is neither https nor on this machine.

        `name` is what the shelf has the document under; its address, if not given. `allow_private` is for what an
        operator set up, which may lie inside: an issuer of one's own, and the local cloud's. `clock` gives seconds
        (`time.time`: a monotonic clock stands still while a Lambda is frozen, and its keys would grow old unseen).
        `log(outcome, **fields)` hears of each fetch that failed.
        """
        fault = url_fault(url)
        if fault is not None:
            raise ValueError(f"the keys' address {fault}")
        self._url = url
        self._outside = Outside(allow_private=allow_private)
        self._log = log
        self._name = name or url
        self._keys = Cached(
            Source(name=self._name, fetch=self._document, parse=parse, failed=self._failed),
            shelf,
            TERMS,
            Surroundings(now=lambda: int(clock() * SECOND), pause=pause, log=log),
        )

    def key(self, key_id: str) -> PyJWK | None:
        """Return the key, or None if the issuer has none of this id; may raise KeysUnavailable."""
        try:
            # All at once, never merged: a key that the issuer took back is gone with the next fetch.
            return self._keys.get(lambda by_id: key_id in by_id).get(key_id)
        except NothingUsable:
            raise KeysUnavailable from None

    def _failed(self, error: Exception, age: int | None) -> None:
        keys_age = None if age is None else round(age / SECOND)
        self._log("jwks_unavailable", document=self._name, reason=described(error), keys_age=keys_age)

    def _document(self) -> bytes:
        return published(self._outside, self._url)


def published(outside: Outside, url: str) -> bytes:
    """Fetch what an issuer publishes. Raises CloakroomError, ValueError; follows no redirect: it could leave https."""
    answer = outside.get(url, timeout=TIMEOUT, redirects=0)
    if answer.status != http.HTTPStatus.OK:
        raise ValueError(f"the issuer answered {answer.status}")
    return answer.body


def described(error: Exception) -> str:
    """Say for the log why a document cannot be had."""
    return error.detail if isinstance(error, CloakroomError) else f"{type(error).__name__}: {error}"


def parse(body: bytes) -> dict[str, PyJWK]:
    """Return the usable signing keys of a JWKS document by id; ValueError if it is none or holds none.

    A key that we cannot use is passed over, for issuers publish encryption keys and newer algorithms beside.
    Usable: RSA of 2048 to 8192 bits or P-256, public, with an id, for signing, its `alg` one of ours.
    """
    try:
        document = json.loads(body)
    except RecursionError:
        raise ValueError("the JWKS is nested too deeply") from None
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("the JWKS is no object with a list of keys")  # noqa: TRY004 - the document is wrong
    by_id: dict[str, PyJWK] = {}
    for item in listed:
        key = _signing_key(item) if isinstance(item, dict) else None
        if key is not None and key.key_id:
            by_id.setdefault(key.key_id, key)
    if not by_id:
        raise ValueError("the JWKS holds no key that can verify RS256 or ES256")
    return by_id


def _signing_key(item: dict[str, Any]) -> PyJWK | None:
    operations = item.get("key_ops", ["verify"])
    if item.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return None
    kid, algorithm = item.get("kid"), item.get("alg", "RS256" if item.get("kty") == "RSA" else "ES256")
    if not isinstance(kid, str) or algorithm not in ALGORITHMS:
        return None
    try:
        # Always with the algorithm: left to itself, PyJWK makes an HMAC key of kty "oct".
        key = PyJWK(item, algorithm)
    except (PyJWTError, TypeError, ValueError, KeyError, AttributeError):
        return None
    return key if _is_ours(key.key) else None


def _is_ours(public: object) -> bool:
    least, most = RSA_BITS
    if isinstance(public, RSAPublicKey):
        return least <= public.key_size <= most
    return isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP256R1)


def url_fault(url: str) -> str | None:
    """Return why an issuer's document cannot be fetched from this address, or None if it may."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port  # reading the port checks it
    except ValueError:
        return "must be https://host/path, with a port that can be"
    if parts.scheme not in ("https", "http") or not host or parts.username is not None or "#" in url:
        return "must be https://host/path, without user information or fragment"
    if parts.scheme == "http" and not _is_loopback(host):
        return f"must be https: plain http is for this machine alone, not for {host}"
    return None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
