"""The signature examples of RFC 7515 (appendix A) and RFC 7520 (section 4), by the keys that stand there.

The package jwcrypto carries them. Their payloads are no claims of ours, so they go as far as a token goes before its
claims are read: through the set of keys and the check of header and signature.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from jwcrypto import tests as rfc7515
from jwcrypto.common import base64url_decode, base64url_encode

from chalicelib.admit import bearer, jwks
from chalicelib.admit.bearer import Verifier
from chalicelib.admit.claims import Fault
from tests.chalicelib.admit.issuer import Clock, an_issuer, refused

if TYPE_CHECKING:
    from jwt import PyJWK

rfc7520 = importlib.import_module("jwcrypto.tests-cookbook")

KID = "2010-12-29"
FRODO = "It\u2019s a dangerous business, Frodo, going out your door."
JOE = b'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}'


@dataclass(frozen=True)
class KeysOf:
    """A set of keys that was published once and for all."""

    by_id: dict[str, PyJWK]

    def key(self, key_id: str) -> PyJWK | None:
        return self.by_id.get(key_id)


def published(*keys: dict[str, Any]) -> dict[str, PyJWK]:
    """Return what our code takes from a set of these keys; private members are left out, as an issuer does."""
    public = [
        {name: value for name, value in key.items() if name not in ("d", "p", "q", "dp", "dq", "qi")} for key in keys
    ]
    return jwks.parse(json.dumps({"keys": public}).encode())


def verifier(keys: dict[str, PyJWK]) -> Verifier:
    return Verifier(issuer=an_issuer(), jwks=KeysOf(keys), clock=Clock())


def compact(example: dict[str, Any]) -> str:
    parts = (example["protected"].encode(), example["payload"], example["signature"])
    return ".".join(map(base64url_encode, parts))


@pytest.mark.parametrize(
    ("example", "algorithm"),
    [(rfc7515.A2_example, "RS256"), (rfc7515.A3_example, "ES256")],
    ids=["A.2", "A.3"],
)
def test_rfc_7515s_examples_of_our_algorithms_verify(example: dict[str, Any], algorithm: str) -> None:
    keys, token = published({**example["key"], "kid": KID}), compact(example)
    head, payload, signature = token.split(".")

    assert bearer._payload(token, keys[KID], algorithm) == JOE
    for broken in (f"{head}.{payload}.{signature[::-1]}", f"{head}.{payload[:-2]}fg.{signature}"):
        with pytest.raises(Fault, match=r"signature|malformed"):
            bearer._payload(broken, keys[KID], algorithm)
    # The header names no key: nothing is tried by guess, whatever would verify.
    assert refused(verifier(keys), token) == "unknown_key"


@pytest.mark.parametrize(
    ("example", "code"),
    [(rfc7515.A1_example, "algorithm"), (rfc7515.A4_example, "algorithm"), (rfc7515.A5_example, "malformed")],
    ids=["A.1", "A.4", "A.5"],
)
def test_rfc_7515s_examples_of_other_algorithms_are_refused(example: dict[str, Any], code: str) -> None:
    ours = {**rfc7515.A2_key, "kid": KID}
    keys = published(ours, {**example["key"], "kid": "theirs"})

    assert list(keys) == [KID], "a key of theirs was taken for one that we can use"
    assert refused(verifier(keys), compact(example)) == code
    with pytest.raises(Fault):
        bearer._payload(compact(example), keys[KID], example["alg"])


def test_rfc_7515s_keys_of_other_algorithms_are_no_keys() -> None:
    for example in (rfc7515.A1_example, rfc7515.A4_example, rfc7515.A5_example):
        with pytest.raises(ValueError, match="no key that can verify"):
            published({**example["key"], "kid": KID})


@pytest.mark.parametrize("text", [rfc7515.A6_serialized, rfc7515.A7_example], ids=["A.6", "A.7"])
def test_rfc_7515s_json_serializations_are_no_bearers(text: str) -> None:
    keys = published({**rfc7515.A2_key, "kid": KID}, {**rfc7515.A3_key, "kid": "e9bc097a-ce51-4036-9562-d2ade882db0d"})

    assert refused(verifier(keys), text) == "malformed"
    assert refused(verifier(keys), base64url_encode(text)) == "malformed"


@pytest.fixture(scope="module")
def hobbiton() -> dict[str, PyJWK]:
    """The keys of RFC 7520, section 3: two of one id, of which we can use one."""
    return published(rfc7520.EC_Public_Key_3_1, rfc7520.RSA_Public_Key_3_3, rfc7520.Symmetric_Key_MAC_3_5)


def test_rfc_7520s_rsa_signature_verifies_from_its_header_to_its_payload(hobbiton: dict[str, PyJWK]) -> None:
    payload = verifier(hobbiton)._verified(rfc7520.JWS_compact_4_1_3)

    assert payload.decode().startswith(FRODO)
    assert payload == base64url_decode(rfc7520.Payload_plaintext_b64_4)
    # What is signed is no claims, so that it opens nothing.
    assert refused(verifier(hobbiton), rfc7520.JWS_compact_4_1_3) == "malformed"


@pytest.mark.parametrize("part", [0, 1, 2])
def test_rfc_7520s_rsa_signature_with_a_letter_changed_does_not_verify(hobbiton: dict[str, PyJWK], part: int) -> None:
    parts = rfc7520.JWS_compact_4_1_3.split(".")
    for at in range(len(parts[part])):
        other = "A" if parts[part][at] != "A" else "B"
        changed = parts[part][:at] + other + parts[part][at + 1 :]

        with pytest.raises(Fault):
            verifier(hobbiton)._verified(".".join([*parts[:part], changed, *parts[part + 1 :]]))


REFUSED = {
    "4.2 PS384": (rfc7520.JWS_compact_4_2_3, "algorithm"),
    "4.3 ES512": (rfc7520.JWS_compact_4_3_3, "algorithm"),
    "4.4 HS256": (rfc7520.JWS_compact_4_4_3, "algorithm"),
    "4.5 detached content": (f"{rfc7520.JWS_Protected_Header_4_4_2}..{rfc7520.JWS_Signature_4_4_2}", "malformed"),
    "4.6 protecting specific header fields": (json.dumps(rfc7520.JWS_general_4_6_3), "malformed"),
    "4.7 protecting content only": (json.dumps(rfc7520.JWS_flattened_4_7_3), "malformed"),
    "4.8 multiple signatures": (json.dumps(rfc7520.JWS_general_4_8_5), "malformed"),
    "4.8 the first of them, which names no key": (
        f"{rfc7520.JWS_Protected_Header_4_8_2}.{rfc7520.Payload_plaintext_b64_4}.{rfc7520.JWS_Signature_4_8_2}",
        "unknown_key",
    ),
}


@pytest.mark.parametrize("section", REFUSED)
def test_rfc_7520s_other_signatures_are_refused(hobbiton: dict[str, PyJWK], section: str) -> None:
    token, code = REFUSED[section]

    assert refused(verifier(hobbiton), token) == code
