"""Bearer tokens that must not open anything, and the few spellings that must."""

from __future__ import annotations

import base64
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.stack.http import Api, unique

if TYPE_CHECKING:
    from collections.abc import Callable

    from devtool.testing import LiveCloud

SUBJECT = "auth0|bearers"


def claims(cloud: LiveCloud, **changes: object) -> dict[str, Any]:
    now = int(time.time())
    whole = {
        "iss": cloud.issuer,
        "aud": cloud.audience,
        "sub": SUBJECT,
        "iat": now,
        "exp": now + 600,
        "groups": ["admin"],
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def segment(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unsigned(cloud: LiveCloud, algorithm: str) -> str:
    return f"{segment({'alg': algorithm, 'kid': cloud.signer.key_id, 'typ': 'JWT'})}.{segment(claims(cloud))}."


def by_public_key(cloud: LiveCloud) -> str:
    """Sign by HMAC with what everybody has: the issuer's public key."""
    public = cloud.signer.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    signed = f"{segment({'alg': 'HS256', 'kid': cloud.signer.key_id})}.{segment(claims(cloud))}"
    return f"{signed}.{segment(hmac.digest(public, signed.encode(), 'sha256'))}"


def by_another_key(cloud: LiveCloud, key_id: str) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(claims(cloud), key, algorithm="RS256", headers={"kid": key_id})


def with_key_inside(cloud: LiveCloud) -> str:
    """Bring one's own key along in the header, as CVE-2018-0114 did."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    own = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return jwt.encode(claims(cloud), key, algorithm="RS256", headers={"kid": "mine", "jwk": own})


def tampered(cloud: LiveCloud) -> str:
    header, _, signature = cloud.signer.sign(claims(cloud, groups=["consumer"])).split(".")
    return f"{header}.{segment(claims(cloud))}.{signature}"


REFUSED: dict[str, Callable[[LiveCloud], str]] = {
    "expired and of another issuer": lambda cloud: cloud.token(SUBJECT, ["admin"], -60, iss="https://evil.example"),
    "expired and for another audience": lambda cloud: cloud.token(SUBJECT, ["admin"], -60, aud="another"),
    "not yet valid": lambda cloud: cloud.token(SUBJECT, ["admin"], nbf=int(time.time()) + 600),
    "without expiry": lambda cloud: cloud.signer.sign(claims(cloud, exp=None)),
    "of another issuer": lambda cloud: cloud.token(SUBJECT, ["admin"], iss="https://evil.example"),
    "of the issuer with a slash more": lambda cloud: cloud.token(SUBJECT, ["admin"], iss=f"{cloud.issuer}/"),
    "without issuer": lambda cloud: cloud.signer.sign(claims(cloud, iss=None)),
    "for another audience": lambda cloud: cloud.token(SUBJECT, ["admin"], aud="another"),
    "for no audience": lambda cloud: cloud.signer.sign(claims(cloud, aud=None)),
    "of nobody": lambda cloud: cloud.signer.sign(claims(cloud, sub=None)),
    "of a number": lambda cloud: cloud.signer.sign(claims(cloud, sub=7)),
    "without groups": lambda cloud: cloud.signer.sign(claims(cloud, groups=None)),
    "with no group": lambda cloud: cloud.token(SUBJECT, []),
    "with an unknown group": lambda cloud: cloud.token(SUBJECT, ["root", "administrators"]),
    "with an object for groups": lambda cloud: cloud.signer.sign(claims(cloud, groups={"admin": True})),
    "with alg none": lambda cloud: unsigned(cloud, "none"),
    "with alg nOnE": lambda cloud: unsigned(cloud, "nOnE"),
    "with RS256 and no signature": lambda cloud: unsigned(cloud, "RS256"),
    "signed with the public key": by_public_key,
    "of an unknown key": lambda cloud: by_another_key(cloud, "unknown"),
    "of another key under a known id": lambda cloud: by_another_key(cloud, cloud.signer.key_id),
    "with its key inside": with_key_inside,
    "tampered with": tampered,
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_bearer_is_refused_and_not_told_why(api: Api, cloud: LiveCloud, name: str) -> None:
    answer = api.get("/jobs/" + "a" * 26, REFUSED[name](cloud))

    assert answer.status == 403
    assert answer.json == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "code": "forbidden",
        "detail": "This is not allowed.",
    }


def test_an_expired_bearer_is_401_so_that_its_client_renews_it(api: Api, cloud: LiveCloud) -> None:
    expired = cloud.token(SUBJECT, ["admin"], ttl=-60)

    answers = [api.get("/jobs/" + "a" * 26, expired) for _ in range(2)]

    assert [(answer.status, answer.code) for answer in answers] == [(401, "unauthorized")] * 2
    assert answers[0].headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "header",
    [
        *("Bearer", "Bearer ", "Basic YWRtaW46YWRtaW4=", "{token}", "Token {token}", "DPoP {token}", "null", "*", "é"),
        *("Bearer {token} x", "Bearer {token},x", "Bearer\t{token}", "Bearer {token}.", "Bearer {token}="),
        *('Bearer "{token}"', "Bearer {token} {token}", "Bearer a.b.c", "Bearer ...", "Bearer null"),
        "Bearer " + "a" * 9000,
    ],
    ids=range(20),
)
def test_a_header_that_is_no_bearer_is_refused(api: Api, cloud: LiveCloud, header: str) -> None:
    sent = header.replace("{token}", cloud.token(SUBJECT, ["admin"]))

    answer = api.get("/jobs/" + "a" * 26, headers={"Authorization": sent})

    assert answer.status in (401, 403), answer
    assert set(answer.json) == {"type", "title", "status", "code", "detail"}


def test_without_a_bearer_each_route_asks_for_one(api: Api) -> None:
    answer = api.get("/jobs/" + "a" * 26)

    assert (answer.status, answer.code) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "Bearer  "])
def test_a_scheme_is_read_in_any_case_and_with_any_number_of_spaces(api: Api, cloud: LiveCloud, scheme: str) -> None:
    headers = {"Authorization": scheme + cloud.token(SUBJECT, ["admin"])}

    assert api.get("/jobs/" + "a" * 26, headers=headers).status == 404


def test_the_gateways_cached_answer_does_not_outlive_the_bearer(api: Api, cloud: LiveCloud) -> None:
    leeway = 5
    subject = unique("brief")
    token_id = api.hand_in(subject, access_token="for a moment")
    ends = int(time.time()) - leeway + 3
    bearer = cloud.token(subject, ["consumer"], exp=ends)

    first = api.get(f"/tokens/{token_id}/secret", bearer)
    admitted = cloud.logs("authorize").count(subject)
    while time.time() < ends + leeway:
        time.sleep(0.05)
    later = [api.get(f"/tokens/{token_id}/secret", bearer), api.delete(f"/tokens/{token_id}", bearer)]

    assert first.status == 200
    assert [(answer.status, answer.code) for answer in later] == [(401, "unauthorized")] * 2
    assert all(answer.headers["www-authenticate"] == 'Bearer error="invalid_token"' for answer in later)
    assert cloud.logs("authorize").count(subject) == admitted == 1, "the gateway asked again: this tried nothing"
    assert api.get(f"/tokens/{token_id}/secret", api.consumer(subject)).status == 200
