from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from devtool.issuer import Issuer, load_key, thumbprint

if TYPE_CHECKING:
    from pathlib import Path

ENDPOINT = "http://127.0.0.1:4566"

# RFC 7638, section 3.1: the example key's modulus and the thumbprint that it has.
RFC_MODULUS = (
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj"
    "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ"
    "vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK"
    "nqDKgw"
)
RFC_THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(load_key(tmp_path / "issuer.pem"), ENDPOINT)


def decode(issuer: Issuer, token: str) -> dict[str, object]:
    key = jwt.PyJWKSet.from_dict(issuer.jwks())[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(token, key, algorithms=["RS256"], audience="cloakroom", issuer=issuer.issuer)


def test_the_key_is_kept_and_only_this_user_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "issuer.pem"

    first, second = load_key(file), load_key(file)

    assert thumbprint(first) == thumbprint(second)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_key_id_is_the_thumbprint_of_rfc_7638() -> None:
    import base64  # noqa: PLC0415

    number = int.from_bytes(base64.urlsafe_b64decode(RFC_MODULUS + "=="), "big")

    class ExampleKey:
        def public_key(self) -> ExampleKey:
            return self

        def public_numbers(self) -> rsa.RSAPublicNumbers:
            return rsa.RSAPublicNumbers(e=65537, n=number)

    assert thumbprint(ExampleKey()) == RFC_THUMBPRINT


def test_a_token_is_verified_by_the_published_keys(issuer: Issuer) -> None:
    claims = decode(issuer, issuer.token("auth0|42", groups=("producer", "consumer"), ttl=60))

    assert claims["sub"] == "auth0|42"
    assert claims["groups"] == ["producer", "consumer"]
    assert claims["exp"] == claims["iat"] + 60  # type: ignore[operator]


def test_a_negative_time_to_live_gives_an_expired_token(issuer: Issuer) -> None:
    with pytest.raises(jwt.ExpiredSignatureError):
        decode(issuer, issuer.token("me", ttl=-10))


def test_any_claim_can_be_replaced_and_any_header_forged(issuer: Issuer) -> None:
    with pytest.raises(jwt.InvalidAudienceError):
        decode(issuer, issuer.token("me", aud="others"))

    assert jwt.get_unverified_header(issuer.sign({}, kid="forged"))["kid"] == "forged"


def test_the_discovery_document_names_issuer_and_keys(issuer: Issuer) -> None:
    assert issuer.discovery()["issuer"] == "http://127.0.0.1:4566/cloakroom-issuer"
    assert issuer.discovery()["jwks_uri"] == "http://127.0.0.1:4566/cloakroom-issuer/jwks.json"


def test_only_public_members_are_published(issuer: Issuer) -> None:
    (key,) = issuer.jwks()["keys"]

    assert set(key) == {"kty", "n", "e", "kid", "use", "alg"}
