"""The local token issuer: an RSA key in a file, its public half published over HTTP by the local cloud."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from devtool import environment
from devtool.stack import make_bucket

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BUCKET = "cloakroom-issuer"
AUDIENCE = "cloakroom"
GROUPS_CLAIM = "groups"
DEFAULT_TTL = 3600
_KEY_BITS = 2048


class Issuer:
    """Signs bearer tokens for one local cloud."""

    def __init__(self, key: rsa.RSAPrivateKey, endpoint: str) -> None:
        self.key = key
        self.issuer = f"{endpoint}/{BUCKET}"
        self.jwks_url = f"{self.issuer}/jwks.json"
        self.audience = AUDIENCE
        self.key_id = thumbprint(key)

    def token(self, sub: str, groups: Sequence[str] = (), /, ttl: float = DEFAULT_TTL, **claims: Any) -> str:
        """Sign a token for a subject; further claims are added, and replace those of the same name."""
        now = time.time()
        body = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": sub,
            "iat": int(now),
            "nbf": int(now),
            "exp": int(now + ttl),
            GROUPS_CLAIM: list(groups),
        }
        return self.sign(body | claims)

    def sign(self, claims: dict[str, Any], **headers: Any) -> str:
        """Sign any claims as they are, under this issuer's key id unless another header is given."""
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": self.key_id} | headers)

    def jwks(self) -> dict[str, Any]:
        """Return the public key as a JWK set (RFC 7517)."""
        return {"keys": [public_jwk(self.key) | {"kid": self.key_id, "use": "sig", "alg": "RS256"}]}

    def discovery(self) -> dict[str, Any]:
        """Return the OpenID provider's configuration, as far as a verifier of tokens reads it."""
        return {
            "issuer": self.issuer,
            "jwks_uri": self.jwks_url,
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
        }

    def publish(self, endpoint: str) -> None:
        """Put both documents where anybody can read them over HTTP, as an issuer does."""
        s3 = environment.client("s3", endpoint)
        make_bucket(s3, BUCKET)
        # A new bucket refuses public policies until this is gone: S3's own default.
        s3.delete_public_access_block(Bucket=BUCKET)
        s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(_ANYBODY_READS))
        documents = {"jwks.json": self.jwks(), ".well-known/openid-configuration": self.discovery()}
        for name, document in documents.items():
            s3.put_object(
                Bucket=BUCKET,
                Key=name,
                Body=json.dumps(document).encode(),
                ContentType="application/json",
                CacheControl="max-age=300",
            )


_ANYBODY_READS = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{BUCKET}/*",
        }
    ],
}


def load_key(file: Path) -> rsa.RSAPrivateKey:
    """Read the issuer's key, or make one that only this user can read."""
    if file.is_file():
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
        if isinstance(key, rsa.RSAPrivateKey):
            return key
    fresh = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    file.parent.mkdir(parents=True, exist_ok=True)
    pem = fresh.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
        output.write(pem)
    return fresh


def public_jwk(key: rsa.RSAPrivateKey) -> dict[str, str]:
    """Return the members of the public key that RFC 7638 requires."""
    numbers = key.public_key().public_numbers()
    return {"e": _base64url_of(numbers.e), "kty": "RSA", "n": _base64url_of(numbers.n)}


def thumbprint(key: rsa.RSAPrivateKey) -> str:
    """Compute the key's SHA-256 thumbprint (RFC 7638): required members, sorted, without spaces."""
    canonical = json.dumps(public_jwk(key), sort_keys=True, separators=(",", ":")).encode()
    return _base64url(hashlib.sha256(canonical).digest())


def _base64url_of(number: int) -> str:
    return _base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
