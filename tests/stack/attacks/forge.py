"""Tokens that no library would make: exact bytes for headers and payloads, signed by the issuer's key or by another."""

from __future__ import annotations

import base64
import functools
import hmac
import json
import secrets
import time
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

if TYPE_CHECKING:
    from devtool.testing import LiveCloud

Part = dict[str, Any] | bytes | str

ATTACKER = "auth0|attacker"


def claims(cloud: LiveCloud, **changes: object) -> dict[str, Any]:
    """Return what would open everything, with changes; `...` takes a claim away.

    No two are the same: the gateway's cache would answer for the second.
    """
    now = int(time.time())
    usual = {
        "iss": cloud.issuer,
        "aud": cloud.audience,
        "sub": ATTACKER,
        "iat": now,
        "exp": now + 600,
        "groups": ["admin"],
        "jti": secrets.token_hex(8),
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not ...}


def header(cloud: LiveCloud, **changes: object) -> dict[str, Any]:
    """Return the header of a good token, with changes; `...` takes a member away."""
    usual = {"alg": "RS256", "kid": cloud.signer.key_id, "typ": "JWT"}
    return {name: value for name, value in {**usual, **changes}.items() if value is not ...}


def segment(part: Part) -> str:
    """Write one part of a token; bytes and text as they are."""
    text = part if isinstance(part, bytes) else part.encode() if isinstance(part, str) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def token(head: Part, payload: Part, signature: bytes = b"") -> str:
    """Put three parts together."""
    return ".".join(map(segment, (head, payload, signature)))


def signed(
    cloud: LiveCloud,
    head: Part,
    payload: Part,
    *,
    key: rsa.RSAPrivateKey | None = None,
    digest: hashes.HashAlgorithm | None = None,
    pss: bool = False,
) -> str:
    """Sign these very bytes by RSA: with the issuer's own key and SHA-256 unless others are given."""
    return signed_text(f"{segment(head)}.{segment(payload)}", key or cloud.signer.key, digest=digest, pss=pss)


def signed_text(
    text: str, key: rsa.RSAPrivateKey, *, digest: hashes.HashAlgorithm | None = None, pss: bool = False
) -> str:
    """Sign the two first parts of a token, however they are written."""
    used = digest or hashes.SHA256()
    pad = padding.PSS(padding.MGF1(used), used.digest_size) if pss else padding.PKCS1v15()
    return f"{text}.{segment(key.sign(text.encode(), pad, used))}"


def keyed(head: Part, payload: Part, secret: bytes, digest: str = "sha256") -> str:
    """Sign by HMAC."""
    text = f"{segment(head)}.{segment(payload)}"
    return f"{text}.{segment(hmac.digest(secret, text.encode(), digest))}"


@functools.cache
def own_key() -> rsa.RSAPrivateKey:
    """Return the attacker's key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
