"""Receipts, held against the documented bytes, against two other libraries, and broken in every way."""

from __future__ import annotations

import base64
import json
import warnings
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import OKPKey

from chalicelib.model.receipt import Receipt
from chalicelib.seal.envelope import BranchKey
from chalicelib.seal.receipt import is_signed, jwk, public_key, read, sign
from tests.chalicelib.examples import NOW, an_id

KEY = bytes(range(32))
BRANCH = BranchKey(environment="production", domain="shop", version=7, key=KEY)
RECEIPT = Receipt(
    environment="production", domain="shop", version=7, id=an_id(1), accepted_at=NOW + 123_000, body=bytes(range(32))
)
TEXT = sign(RECEIPT, BRANCH)
JWK = jwk("production", "shop", 7, public_key(BRANCH))

GOLDEN = (
    "eyJhbGciOiJFZERTQSIsImtpZCI6InByb2R1Y3Rpb24vc2hvcC83IiwidHlwIjoiY2xvYWtyb29tLXJlY2VpcHQrand0In0"
    ".eyJhY2NlcHRlZF9hdCI6IjIwMjctMDEtMTVUMDg6MDA6MDAuMTIzWiIsImJvZHkiOiJBQUVDQXdRRkJnY0lDUW9MREEwT0R4QVJF"
    "aE1VRlJZWEdCa2FHeHdkSGg4IiwiaWF0IjoxODAwMDAwMDAwLCJqdGkiOiJhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYiJ9"
    ".cbg4_tUYzi4paVDxQ6_mxIIj7FHLciT_eT1bORDCQ3AS2mkTvcm1RYBneNJAvkF2qNkr41W_VygUpqXOqbVCAQ"
)


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def by_pyjwt(text: str, key: dict[str, str] = JWK) -> Any:
    return jwt.decode(text, jwt.PyJWK(key), algorithms=["EdDSA"], options={"verify_iat": False})


def by_joserfc(text: str, key: dict[str, str] = JWK) -> Any:
    """Verify. joserfc would rather have RFC 9864's name, `Ed25519`, and warns: docs/decisions.md says why not yet."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        return json.loads(jws.deserialize_compact(text, OKPKey.import_key(key), algorithms=["EdDSA"]).payload)


VERIFIERS = [by_pyjwt, by_joserfc]


def test_a_fixed_branch_key_has_a_fixed_public_key_and_a_fixed_receipt() -> None:
    assert public_key(BRANCH).hex() == "6f340fdfd90d1cb9d395e65f3ec5600c1822e155c461f171c24c2df5d213ed85"
    assert TEXT == GOLDEN


def test_a_receipt_is_what_the_documented_bytes_make() -> None:
    seed = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"cloakroom/1/receipt").derive(KEY)
    header = b'{"alg":"EdDSA","kid":"production/shop/7","typ":"cloakroom-receipt+jwt"}'
    payload = (
        b'{"accepted_at":"2027-01-15T08:00:00.123Z","body":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",'
        b'"iat":1800000000,"jti":"aaaaaaaaaaaaaaaaaaaaaaaaab"}'
    )
    signed = f"{encoded(header)}.{encoded(payload)}"

    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(signed.encode())

    assert f"{signed}.{encoded(signature)}" == TEXT


def test_a_receipt_says_what_was_signed(subtests: pytest.Subtests) -> None:
    for verify in VERIFIERS:
        with subtests.test(by=verify.__name__):
            assert verify(TEXT) == {
                "accepted_at": "2027-01-15T08:00:00.123Z",
                "body": encoded(bytes(range(32))),
                "iat": 1_800_000_000,
                "jti": an_id(1),
            }
    assert read(TEXT) == RECEIPT
    assert is_signed(TEXT, public_key(BRANCH))


@pytest.mark.parametrize("part", [0, 1, 2])
def test_no_receipt_with_a_flipped_bit_verifies_anywhere(part: int) -> None:
    parts = TEXT.split(".")
    raw = decoded(parts[part])
    for bit in range(len(raw) * 8):
        altered = bytearray(raw)
        altered[bit // 8] ^= 1 << bit % 8
        text = ".".join([*parts[:part], encoded(bytes(altered)), *parts[part + 1 :]])

        assert read(text) is None or not is_signed(text, public_key(BRANCH)), bit
        with pytest.raises(jwt.PyJWTError):
            by_pyjwt(text)
        with pytest.raises((JoseError, ValueError)):
            by_joserfc(text)


def test_no_other_spelling_of_a_receipt_is_one() -> None:
    header, payload, signature = TEXT.split(".")
    loose = encoded(json.dumps(json.loads(decoded(payload))).encode())
    twice = encoded(decoded(payload)[:-1] + b',"jti":"aaaaaaaaaaaaaaaaaaaaaaaaab"}')
    others = [f"{TEXT}=", f" {TEXT}", f"{TEXT}\n", f"{header}.{loose}.{signature}", f"{header}.{twice}.{signature}"]
    last = [f"{TEXT[:-1]}{letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"]

    assert [text for text in others if read(text) is not None] == []
    assert [text for text in last if is_signed(text, public_key(BRANCH))] == [TEXT]


@pytest.mark.parametrize(
    "members",
    [
        pytest.param(({"alg": "none"}, {}), id="no algorithm"),
        pytest.param(({"alg": "HS256"}, {}), id="another algorithm"),
        pytest.param(({"typ": "JWT"}, {}), id="another type"),
        pytest.param(({"jwk": {"kty": "OKP"}}, {}), id="a key that it brings itself"),
        pytest.param(({"crit": ["b64"]}, {}), id="critical"),
        pytest.param(({"kid": "production/shop"}, {}), id="no version"),
        pytest.param(({"kid": "production/shop/07"}, {}), id="a version that is written otherwise"),
        pytest.param(({"kid": "production/../shop/7"}, {}), id="a path"),
        pytest.param(({"kid": "production/shop#1/7"}, {}), id="a key's separator"),
        pytest.param(({"kid": 7}, {}), id="a number for the key"),
        pytest.param(({}, {"jti": "../etc"}), id="no id"),
        pytest.param(({}, {"iat": 1_800_000_001}), id="two times"),
        pytest.param(({}, {"accepted_at": "2027-01-15T08:00:00.123"}), id="a time without a zone"),
        pytest.param(({}, {"accepted_at": 1_800_000_000}), id="a number for the time"),
        pytest.param(({}, {"body": "AAEC"}), id="a short hash"),
        pytest.param(({}, {"body": None}), id="no hash"),
        pytest.param(({}, {"sub": "jane"}), id="more than we say"),
    ],
)
def test_what_we_never_write_is_no_receipt_even_if_the_key_signed_it(members: tuple[Any, Any]) -> None:
    header, payload, _ = (decoded(part) for part in TEXT.split("."))
    parts = [{**json.loads(header), **members[0]}, {**json.loads(payload), **members[1]}]
    signed = ".".join(encoded(json.dumps(one, separators=(",", ":"), sort_keys=True).encode()) for one in parts)

    text = f"{signed}.{encoded(BRANCH.receipt_key.sign(signed.encode()))}"

    assert read(text) is None


@given(st.text() | st.from_regex(r"[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]{86}", fullmatch=True))
def test_no_text_makes_reading_fail(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize("raw", [b"[]", b"7", b"null", b'"x"', b"{", b"\xff", b"[" * 300])
def test_parts_that_are_no_objects_are_no_receipt(raw: bytes) -> None:
    header, payload, signature = TEXT.split(".")

    assert read(f"{encoded(raw)}.{payload}.{signature}") is None
    assert read(f"{header}.{encoded(raw)}.{signature}") is None


def test_the_key_of_another_version_domain_or_environment_signs_otherwise() -> None:
    other = BranchKey(environment="production", domain="shop", version=8, key=bytes(32))

    assert not is_signed(TEXT, public_key(other))


def test_no_receipt_key_is_in_a_repr() -> None:
    branch = BranchKey(environment="production", domain="shop", version=7, key=KEY)

    private = branch.receipt_key.private_bytes_raw()

    assert branch.receipt_key is branch.receipt_key, "derived once"
    assert private.hex() not in repr(branch)
    assert "receipt" not in repr(branch)
