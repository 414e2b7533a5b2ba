"""Tokens without a signature, with somebody else's, or by an algorithm that is none of ours."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from devtool.issuer import public_jwk
from tests.stack.attacks.forge import claims, header, keyed, own_key, segment, signed, token

if TYPE_CHECKING:
    from collections.abc import Callable

    from devtool.testing import LiveCloud
    from tests.stack.attacks.gate import Gate

NONES: tuple[Any, ...] = (
    *("none", "None", "NONE", "nOnE", "nonE", "none ", " none", "none\t", "none\x00", "\ufeffnone"),
    *("n\u043ene", "\uff4e\uff4f\uff4e\uff45", "no\u200bne", "\u202enone", "null", "undefined", "", " ", "*", "false"),
    *(None, 0, False, True, [], ["none"], ["none", "RS256"], {}, {"none": "none"}, ...),
)
OTHERS: tuple[Any, ...] = (
    *("rs256", "Rs256", "RS256 ", " RS256", "RS256\x00", "RS256\n", "RS-256", "\uff32\uff33256", "RS256,none"),
    *(["RS256"], {"RS256": 1}, 256, "RSA", "RSA-OAEP", "RSA1_5", "dir", "A128KW", "EdDSA", "ES256K", "HS256"),
)


def test_what_is_forged_here_is_good_without_its_flaw(gate: Gate, cloud: LiveCloud) -> None:
    gate.admits(signed(cloud, header(cloud), claims(cloud)))


@pytest.mark.parametrize("spelling", NONES, ids=ascii)
def test_none_is_no_algorithm_in_any_spelling(gate: Gate, cloud: LiveCloud, spelling: object) -> None:
    head = header(cloud, alg=spelling)
    borrowed = signed(cloud, header(cloud), claims(cloud)).rpartition(".")[2]
    unsigned = token(head, claims(cloud))

    gate.refuses(unsigned, "malformed")
    gate.refuses(unsigned.removesuffix("."), "malformed")
    gate.refuses(unsigned + "AA", "algorithm")
    gate.refuses(unsigned + borrowed, "algorithm")
    # By the issuer itself: what the header says counts, not what would verify.
    gate.refuses(signed(cloud, head, claims(cloud)), "algorithm")


@pytest.mark.parametrize("spelling", OTHERS, ids=ascii)
def test_an_algorithm_is_compared_letter_for_letter(gate: Gate, cloud: LiveCloud, spelling: object) -> None:
    gate.refuses(signed(cloud, header(cloud, alg=spelling), claims(cloud)), "algorithm")


@pytest.mark.parametrize(
    ("algorithm", "digest"), [("RS384", hashes.SHA384()), ("RS512", hashes.SHA512()), ("PS256", hashes.SHA256())]
)
def test_an_algorithm_that_is_not_allowed_is_refused_with_a_right_signature_of_the_issuer(
    gate: Gate, cloud: LiveCloud, algorithm: str, digest: hashes.HashAlgorithm
) -> None:
    pss = algorithm.startswith("PS")

    gate.refuses(signed(cloud, header(cloud, alg=algorithm), claims(cloud), digest=digest, pss=pss), "algorithm")
    gate.refuses(signed(cloud, header(cloud), claims(cloud), digest=digest, pss=pss), "signature")


def test_an_rsa_key_verifies_no_other_kind_of_signature(gate: Gate, cloud: LiveCloud) -> None:
    for size in (64, 256):
        gate.refuses(token(header(cloud, alg="ES256"), claims(cloud), b"\0" * size), "algorithm")
    gate.refuses(signed(cloud, header(cloud, alg="ES256"), claims(cloud)), "algorithm")


def public_texts(cloud: LiveCloud) -> dict[str, bytes]:
    """Return what everybody knows of the issuer's key, as somebody may have put it into a verifier as its secret."""
    public, jwk = cloud.signer.key.public_key(), public_jwk(cloud.signer.key)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {
        "PEM": pem,
        "PEM without its last line feed": pem.rstrip(),
        "PEM with CRLF": pem.replace(b"\n", b"\r\n"),
        "PKCS #1 PEM": public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        "SPKI DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "PKCS #1 DER": public.public_bytes(Encoding.DER, PublicFormat.PKCS1),
        "SSH": public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "JWK": json.dumps(cloud.signer.jwks()["keys"][0]).encode(),
        "thumbprint's JWK": json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode(),
        "JWKS": json.dumps(cloud.signer.jwks()).encode(),
        "modulus": jwk["n"].encode(),
        "modulus as a number": public.public_numbers().n.to_bytes(256, "big"),
        "key id": cloud.signer.key_id.encode(),
        "nothing": b"",
        "a zero": b"\0",
        "audience": cloud.audience.encode(),
    }


FORMS = (
    *("PEM", "PEM without its last line feed", "PEM with CRLF", "PKCS #1 PEM", "SPKI DER", "PKCS #1 DER", "SSH", "JWK"),
    *("thumbprint's JWK", "JWKS", "modulus", "modulus as a number", "key id", "nothing", "a zero", "audience"),
)


@pytest.mark.parametrize("form", FORMS)
def test_an_hmac_by_what_everybody_knows_proves_nothing(gate: Gate, cloud: LiveCloud, form: str) -> None:
    secret = public_texts(cloud)[form]
    for size in ("256", "384", "512"):
        gate.refuses(keyed(header(cloud, alg=f"HS{size}"), claims(cloud), secret, f"sha{size}"), "algorithm")
    gate.refuses(keyed(header(cloud), claims(cloud), secret), "signature")


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "one byte": lambda own: own[:1],
    "without its last byte": lambda own: own[:-1],
    "without its first byte": lambda own: own[1:],
    "with a byte more": lambda own: own + b"0",
    "with a zero before": lambda own: b"\0" + own,
    "zero": lambda own: bytes(len(own)),
    "one": lambda own: bytes(len(own) - 1) + b"\1",
    "as large as can be": lambda own: b"\xff" * len(own),
    "turned round": lambda own: own[::-1],
    "with a bit turned": lambda own: own[:-1] + bytes([own[-1] ^ 1]),
    "twice": lambda own: own * 2,
}


@pytest.mark.parametrize("flaw", BROKEN)
def test_a_broken_signature_is_refused(gate: Gate, cloud: LiveCloud, flaw: str) -> None:
    text, _, signature = signed(cloud, header(cloud), claims(cloud)).rpartition(".")

    broken = BROKEN[flaw](base64.urlsafe_b64decode(signature + "=="))

    gate.refuses(f"{text}.{segment(broken)}", "signature")


def test_a_token_with_a_part_less_or_more_is_refused(gate: Gate, cloud: LiveCloud) -> None:
    head, payload, signature = signed(cloud, header(cloud), claims(cloud)).split(".")

    for shape in (
        *(f"{head}.{payload}.", f"{head}.{payload}", f"{head}..{signature}", f".{payload}.{signature}", ".."),
        *(
            f"{head}.{payload}.{signature}.",
            f"{head}.{payload}.{signature}.{signature}",
            f"{head}.{payload}..{signature}",
        ),
        *(f".{head}.{payload}.{signature}", f"{payload}{signature}", f"{head}.{payload}.{signature}." * 3, head, "."),
    ):
        gate.refuses(shape, "malformed")


def test_the_signature_of_another_token_is_refused(gate: Gate, cloud: LiveCloud) -> None:
    other = signed(cloud, header(cloud), claims(cloud, sub="auth0|other")).rpartition(".")[2]

    gate.refuses(f"{signed(cloud, header(cloud), claims(cloud)).rpartition('.')[0]}.{other}", "signature")


def test_claims_written_over_below_a_right_signature_are_refused(gate: Gate, cloud: LiveCloud) -> None:
    head, _, signature = signed(cloud, header(cloud), claims(cloud, groups=["consumer"])).split(".")

    gate.refuses(f"{head}.{segment(claims(cloud))}.{signature}", "signature")


def test_a_token_of_another_key_under_a_known_id_is_refused(gate: Gate, cloud: LiveCloud) -> None:
    gate.refuses(signed(cloud, header(cloud), claims(cloud), key=own_key()), "signature")
