from __future__ import annotations

import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import RSAAlgorithm

from chalicelib.admit.jwks import Keys, parse
from tests.chalicelib.admit.issuer import Clock, Log, ec_key, jwk, rsa_key
from tests.chalicelib.outbound.shelf import Alone


@pytest.mark.parametrize(
    "url",
    [
        "http://issuer.example/jwks.json",
        "http://169.254.169.254/jwks.json",
        "http://127.0.0.1.example/jwks.json",
        "http://localhost.example/jwks.json",
        "https://user:password@issuer.example/jwks.json",
        "file:///etc/passwd",
        "ftp://issuer.example/jwks.json",
        "issuer.example/jwks.json",
        "https:///jwks.json",
        "",
    ],
)
def test_only_https_or_this_machine_is_asked(url: str) -> None:
    with pytest.raises(ValueError, match=r"^the keys' address must be https"):
        Keys(url, Alone(), clock=Clock(), pause=time.sleep, log=Log())


def test_a_port_that_cannot_be_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"[Pp]ort"):
        Keys("https://issuer.example:99999/jwks.json", Alone(), clock=Clock(), pause=time.sleep, log=Log())


@pytest.mark.parametrize(
    "url",
    ["https://issuer.example/jwks.json", "http://localhost:1/j", "http://127.0.0.1:1/j", "http://[::1]:1/j"],
)
def test_https_and_plain_http_on_this_machine_are_accepted(url: str) -> None:
    Keys(url, Alone(), clock=Clock(), pause=time.sleep, log=Log())


UNUSABLE: list[dict[str, Any]] = [
    {"kty": "oct", "kid": "bad", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA", "alg": "HS256"},
    {"kty": "oct", "kid": "bad", "k": "c2VjcmV0", "alg": "RS256"},
    jwk(rsa_key(), "bad", use="enc"),
    jwk(rsa_key(), "bad", key_ops=["encrypt"]),
    jwk(rsa_key(), "bad", key_ops="verify"),
    jwk(rsa_key(), "bad", alg="HS256"),
    jwk(rsa_key(), "bad", alg="PS256"),
    jwk(rsa_key(), "bad", alg="RS512"),
    jwk(rsa_key(), "bad", alg="none"),
    jwk(rsa_key(), "bad", alg=["RS256"]),
    jwk(rsa_key(), "bad", alg="ES256"),
    jwk(ec_key(), "bad", alg="RS256"),
    jwk(rsa_key("weak", 1024), "bad"),
    jwk(ec_key("other", ec.SECP384R1), "bad"),
    jwk(ec_key("other", ec.SECP384R1), "bad", alg="ES256"),
    jwk(rsa_key(), "bad", n="AQAB"),
    jwk(rsa_key(), "bad", n=7),
    jwk(rsa_key(), "bad", e="AQ"),
    jwk(rsa_key(), "bad", n=None),
    jwk(rsa_key(), ""),
    {**jwk(rsa_key(), "bad"), "kid": 7},
    {**RSAAlgorithm.to_jwk(rsa_key(), as_dict=True), "kid": "bad", "key_ops": ["sign", "verify"]},
    {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "bad"},
    {"kty": ["RSA"], "kid": "bad"},
]


@pytest.mark.parametrize("item", UNUSABLE, ids=range(len(UNUSABLE)))
def test_a_key_that_cannot_verify_is_passed_over_and_the_others_serve(item: dict[str, Any]) -> None:
    found = parse(json.dumps({"keys": [item, jwk(rsa_key(), "good")]}).encode())

    assert list(found) == ["good"]


def test_of_two_keys_with_one_id_the_first_counts() -> None:
    found = parse(json.dumps({"keys": [jwk(rsa_key(), "same"), jwk(ec_key(), "same")]}).encode())

    assert found["same"].key_type == "RSA"
