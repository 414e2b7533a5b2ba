from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from msgspec.structs import replace

from chalicelib.errors import BodyTooLarge, InvalidBody
from chalicelib.intake.provider_rules import kept_fault
from chalicelib.intake.reading import read_provider
from chalicelib.model.provider import AuthMethod
from tests.chalicelib.model.test_provider import PLAIN

MARKER = "MARKER-client-secret"
LEAST = {"client_id": "client", "auth_method": "none", "token_endpoint": "https://idp.example/token"}
BASIC = {**LEAST, "auth_method": "client_secret_basic", "credential": {"secret": MARKER}}
BY_KEY = {**LEAST, "auth_method": "private_key_jwt"}


@cache
def pem(kind: str) -> str:
    keys: dict[str, Any] = {
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
        "short": lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505  what is to be refused
        "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate,
    }
    lock = serialization.BestAvailableEncryption(b"x") if kind == "locked" else serialization.NoEncryption()
    key = keys["rsa" if kind == "locked" else kind]()
    written = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    return str(written.decode())


def read(body: dict[str, Any]) -> Any:
    return read_provider(json.dumps(body).encode())


def test_the_least_that_a_provider_needs_has_these_defaults() -> None:
    body = read(LEAST)

    assert (body.rotates, body.leeway, body.margin, body.spread, body.revoke_replaced) == (False, 0, 300, 0, False)
    assert (body.per_second, body.at_once, body.default_expires_in, body.algorithm) == (5, 2, None, "RS256")


@pytest.mark.parametrize(
    "body",
    [
        LEAST,
        {**LEAST, "credential": None},
        BASIC,
        {**BASIC, "auth_method": "client_secret_post"},
        {**BASIC, "token_endpoint": None, "discovery_url": "https://idp.example/.well-known/openid-configuration"},
        {**BY_KEY, "credential": {"private_key": pem("rsa")}},
        {**BY_KEY, "credential": {"private_key": pem("p256")}, "algorithm": "ES256", "key_id": "k1"},
        {**LEAST, "auth_method": "client_secret_basic"},  # the stored one is kept: kept_fault has the last word
        {**LEAST, "parameters": {"audience": "https://shop.example", "resource": "", "x.y-z": "1"}},
        {**LEAST, "per_second": 1000, "at_once": 100, "leeway": 3600, "margin": 86400, "spread": 86400},
        {**LEAST, "default_expires_in": 1, "rotates": True, "revoke_replaced": True},
    ],
)
def test_what_fits_is_taken(body: dict[str, Any]) -> None:
    assert read(body).client_id == "client"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "client_id"),
    ({**LEAST, "client_id": ""}, "client_id"),
    ({**LEAST, "client_id": "a\u00fc"}, "client_id"),
    ({**LEAST, "client_id": "a\n"}, "client_id"),
    ({**LEAST, "client_id": "a" * 513}, "client_id"),
    ({**LEAST, "auth_method": "client_secret_jwt"}, "auth_method"),
    ({**LEAST, "name": "google"}, "name"),
    ({**LEAST, "client_secret": MARKER}, "client_secret"),
    ({**LEAST, "token_endpoint": None}, "token_endpoint"),
    ({**LEAST, "token_endpoint": ""}, "token_endpoint"),
    ({**LEAST, "token_endpoint": "https://" + "a" * 2048}, "token_endpoint"),
    ({**LEAST, "revocation_endpoint": 1}, "revocation_endpoint"),
    ({**LEAST, "leeway": -1}, "leeway"),
    ({**LEAST, "leeway": 3601}, "leeway"),
    ({**LEAST, "margin": 86401}, "margin"),
    ({**LEAST, "spread": -1}, "spread"),
    ({**LEAST, "default_expires_in": 0}, "default_expires_in"),
    ({**LEAST, "per_second": 0}, "per_second"),
    ({**LEAST, "per_second": 1001}, "per_second"),
    ({**LEAST, "at_once": 0}, "at_once"),
    ({**LEAST, "at_once": 101}, "at_once"),
    ({**LEAST, "rotates": 1}, "rotates"),
    ({**LEAST, "algorithm": "HS256"}, "algorithm"),
    ({**LEAST, "key_id": ""}, "key_id"),
    ({**LEAST, "parameters": {"a": 1}}, "parameters"),
    ({**LEAST, "parameters": {"": "1"}}, "parameters"),
    ({**LEAST, "parameters": {"a b": "1"}}, "parameters"),
    ({**LEAST, "parameters": {"a": "1\n"}}, "parameters"),
    ({**LEAST, "parameters": {"a": "1" * 1025}}, "parameters"),
    ({**LEAST, "parameters": {f"a{n}": "1" for n in range(17)}}, "parameters"),
    *[
        ({**LEAST, "parameters": {name: "1"}}, "parameters")
        for name in (
            "grant_type",
            "refresh_token",
            "client_id",
            "client_secret",
            "client_assertion",
            "password",
            "api_key",
        )
    ],
    ({**LEAST, "credential": {"secret": MARKER}}, "credential"),
    ({**BASIC, "credential": None}, "credential"),
    ({**BASIC, "credential": MARKER}, "credential"),
    ({**BASIC, "credential": {}}, "credential"),
    ({**BASIC, "credential": {"secret": ""}}, "credential.secret"),
    ({**BASIC, "credential": {"secret": "a\u00fc"}}, "credential.secret"),
    ({**BASIC, "credential": {"secret": "a" * 4097}}, "credential.secret"),
    ({**BASIC, "credential": {"secret": MARKER, "private_key": pem("rsa")}}, "credential"),
    ({**BASIC, "credential": {"password": MARKER}}, "credential.password"),
    ({**BASIC, "credential": {"private_key": pem("rsa")}}, "credential"),
    ({**BY_KEY, "credential": {"secret": MARKER}}, "credential"),
    ({**BY_KEY, "credential": {"private_key": MARKER}}, "credential.private_key"),
    ({**BY_KEY, "credential": {"private_key": "a" * 8193}}, "credential.private_key"),
    ({**BY_KEY, "credential": {"private_key": pem("locked")}}, "credential.private_key"),
    ({**BY_KEY, "credential": {"private_key": pem("short")}}, "credential.private_key"),
    ({**BY_KEY, "credential": {"private_key": pem("p256")}}, "credential.private_key"),
    ({**BY_KEY, "credential": {"private_key": pem("ed25519")}}, "credential.private_key"),
    ({**BY_KEY, "credential": {"private_key": pem("rsa")}, "algorithm": "ES256"}, "credential.private_key"),
    ({**BY_KEY, "credential": {"private_key": pem("p384")}, "algorithm": "ES256"}, "credential.private_key"),
    ({**BASIC, "client_id": f"id-{MARKER}"}, "client_id"),
    ({**BASIC, "key_id": MARKER}, "key_id"),
    ({**BASIC, "token_endpoint": f"https://idp.example/?key={MARKER}"}, "token_endpoint"),
    ({**BASIC, "discovery_url": f"https://idp.example/{MARKER}"}, "discovery_url"),
    ({**BASIC, "parameters": {"audience": MARKER}}, "parameters"),
]


@pytest.mark.parametrize(("body", "field"), REFUSED)
def test_what_does_not_fit_is_refused_by_its_field_and_no_value_is_repeated(body: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidBody) as refusal:
        read(body)

    assert str(refusal.value.facts["field"]).startswith(field)
    assert MARKER not in refusal.value.detail
    assert MARKER not in str(refusal.value.facts)


def test_a_body_beyond_the_limit_is_refused() -> None:
    with pytest.raises(BodyTooLarge):
        read_provider(b" " * 65_537)


def body_for(method: str, algorithm: str = "RS256") -> Any:
    return read({**LEAST, "auth_method": method, "algorithm": algorithm})


BY_SECRET = replace(PLAIN, has_credential=True)
BY_RSA = replace(BY_SECRET, auth_method=AuthMethod.PRIVATE_KEY_JWT)
PUBLIC = replace(PLAIN, auth_method=AuthMethod.NONE)


@pytest.mark.parametrize(
    ("body", "stored"),
    [
        (body_for("client_secret_basic"), BY_SECRET),
        (body_for("client_secret_post"), BY_SECRET),
        (body_for("client_secret_basic", "ES256"), BY_SECRET),  # a secret signs nothing
        (body_for("private_key_jwt"), BY_RSA),
        (body_for("none"), PUBLIC),
        (body_for("none"), None),
    ],
)
def test_a_stored_credential_that_fits_is_kept(body: Any, stored: Any) -> None:
    assert kept_fault(body, stored) is None


@pytest.mark.parametrize(
    ("body", "stored"),
    [
        (body_for("client_secret_basic"), None),
        (body_for("client_secret_basic"), PUBLIC),
        (body_for("private_key_jwt"), BY_SECRET),
        (body_for("private_key_jwt", "ES256"), BY_RSA),
        (body_for("client_secret_post"), BY_RSA),
        (body_for("none"), BY_SECRET),
    ],
)
def test_a_stored_credential_that_does_not_fit_must_be_given_again(body: Any, stored: Any) -> None:
    field, rule = kept_fault(body, stored) or ("", "")

    assert field == "credential"
    assert rule
