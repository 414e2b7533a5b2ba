from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chalicelib.admit.bearer import Caller, Refused, Verifier
from tests.chalicelib.admit.issuer import (
    ISSUER,
    NOW,
    JwksServer,
    assemble,
    claims,
    ec_key,
    jwk,
    refused,
    rsa_key,
    sign,
)


def test_a_good_token_of_either_algorithm_proves_its_caller(verifier: Verifier) -> None:
    expected = Caller(
        principal="auth0|5f7c8ec7c33c6c004bbafe82",
        issuer=ISSUER,
        client=None,
        groups=("consumer",),
        expires_at=NOW + 600,
        token_id="token-1",
        verified_at=NOW,
        claims={"sub": "auth0|5f7c8ec7c33c6c004bbafe82", "jti": "token-1"},
        issued_at=NOW - 10,
    )

    assert verifier.verify(f"Bearer {sign(claims())}") == expected
    assert verifier.verify(f"bearer {sign(claims(), ec_key(), kid='ec-1')}") == expected


@pytest.mark.parametrize(("named", "client"), [({"azp": "spa"}, "spa"), ({"client_id": "hook"}, "hook"), ({}, None)])
def test_the_application_that_a_token_was_made_for_is_known(
    verifier: Verifier, named: dict[str, str], client: str | None
) -> None:
    found = verifier.verify(f"Bearer {sign(claims(**named))}")

    assert isinstance(found, Caller)
    assert found.client == client


@pytest.mark.parametrize("client", [7, "", ["spa"], "sp\na"])
def test_an_application_that_is_no_plain_text_is_refused(verifier: Verifier, client: Any) -> None:
    assert refused(verifier, sign(claims(azp=client))) == "claims"


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt"])
def test_the_types_of_access_tokens_are_accepted(verifier: Verifier, kind: str) -> None:
    assert isinstance(verifier.verify(f"Bearer {sign(claims(), typ=kind)}"), Caller)


@pytest.mark.parametrize("kind", ["logout+jwt", "dpop+jwt", "secevent+jwt", "cloakroom-receipt+jwt", "JOSE"])
def test_a_token_of_another_type_is_refused(verifier: Verifier, kind: str) -> None:
    assert refused(verifier, sign(claims(), typ=kind)) == "type"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Token x", "abc", 7])
def test_without_a_bearer_there_is_no_caller(verifier: Verifier, header: Any) -> None:
    assert verifier.verify(header) in (Refused("no_bearer"), Refused("malformed"))


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "a.b",
        "a.b.c.d",
        "..",
        "a..c",
        "a b.c.d",
        "é.b.c",
        "a.b.c\n",
        "a.b.c, Bearer d",
        "a=.b.c",
        "A.A.A",
    ],
)
def test_what_is_no_token_is_malformed(verifier: Verifier, token: str) -> None:
    assert refused(verifier, token) == "malformed"


def test_a_token_above_8_kilobytes_is_refused_before_it_is_read(verifier: Verifier) -> None:
    assert refused(verifier, sign(claims(padding="x" * 7000))) == "too_large"
    assert isinstance(verifier.verify(f"Bearer {sign(claims(padding='x' * 5000))}"), Caller)
    assert refused(verifier, "x" * 1_000_000) == "too_large"


@pytest.mark.parametrize(
    "algorithm",
    [
        "none",
        "None",
        "NONE",
        "nOnE",
        "none ",
        "",
        "HS256",
        "RS512",
        "PS256",
        "ES384",
        "rs256",
        "EdDSA",
        None,
        1,
        ["RS256"],
        {},
    ],
)
@pytest.mark.parametrize("signature", [b"", b"x" * 256])
def test_another_algorithm_is_refused_with_or_without_a_signature(
    verifier: Verifier, algorithm: object, signature: bytes
) -> None:
    token = assemble({"alg": algorithm, "kid": "rsa-1"}, claims(), signature or b"\0")
    unsigned = assemble({"alg": algorithm, "kid": "rsa-1"}, claims())

    assert refused(verifier, token) == "algorithm"
    assert refused(verifier, unsigned) == "malformed"


def test_a_foreign_algorithm_is_refused_before_its_key_is_looked_up(verifier: Verifier) -> None:
    assert refused(verifier, assemble({"alg": "none", "kid": "nobody"}, claims(), b"x")) == "algorithm"


@pytest.mark.parametrize("algorithm", ["HS256", "RS256"])
@pytest.mark.parametrize("form", ["pem", "der", "jwk"])
def test_an_hmac_with_the_public_key_proves_nothing(verifier: Verifier, algorithm: str, form: str) -> None:
    public = rsa_key().public_key()
    secret = {
        "pem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "der": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "jwk": json.dumps(jwk(rsa_key(), "rsa-1")).encode(),
    }[form]
    head = assemble({"alg": algorithm, "kid": "rsa-1"}, claims(groups=["admin"])).rpartition(".")[0]
    mac = urlsafe_b64encode(hmac.digest(secret, head.encode(), "sha256")).decode().rstrip("=")

    assert refused(verifier, f"{head}.{mac}") == {"HS256": "algorithm", "RS256": "signature"}[algorithm]


def test_a_stripped_or_foreign_or_changed_signature_is_refused(verifier: Verifier) -> None:
    head, payload, signature = sign(claims()).split(".")
    _, other_payload, other_signature = sign(claims(sub="auth0|other")).split(".")

    assert refused(verifier, f"{head}.{payload}.") == "malformed"
    assert refused(verifier, f"{head}.{payload}") == "malformed"
    assert refused(verifier, f"{head}.A.{signature}") == "malformed"
    assert refused(verifier, f"{head}.{payload}.AA") == "signature"
    assert refused(verifier, f"{head}.{payload}.{other_signature}") == "signature"
    assert refused(verifier, f"{head}.{other_payload}.{signature}") == "signature"
    assert refused(verifier, f"{head}.{payload}.{signature}=") == "malformed"


def test_a_token_signed_by_another_key_under_our_key_id_is_refused(verifier: Verifier) -> None:
    assert refused(verifier, sign(claims(), rsa_key("attacker"))) == "signature"
    assert refused(verifier, sign(claims(), ec_key("attacker"), kid="ec-1")) == "signature"


def test_an_empty_ecdsa_signature_is_refused(verifier: Verifier) -> None:
    for signature in (b"\0" * 64, b"\0", b"\xff" * 64, b"\0" * 63):
        assert refused(verifier, assemble({"alg": "ES256", "kid": "ec-1"}, claims(), signature)) == "signature"


def test_a_curve_signature_has_a_twin_so_that_a_tokens_text_is_no_name_for_it(verifier: Verifier) -> None:
    """(r, n - s) verifies wherever (r, s) does: whoever wants to know a token again asks for its `jti`."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    token = sign(claims(), ec_key(), kid="ec-1")
    text, _, signature = token.rpartition(".")
    raw = urlsafe_b64decode(signature + "==")
    other = raw[:32] + (order - int.from_bytes(raw[32:])).to_bytes(32)
    twin = f"{text}.{urlsafe_b64encode(other).decode().rstrip('=')}"

    assert twin != token
    assert verifier.verify(f"Bearer {twin}") == verifier.verify(f"Bearer {token}")


def test_the_algorithm_must_fit_the_type_of_the_key(verifier: Verifier) -> None:
    assert refused(verifier, sign(claims(), rsa_key(), kid="ec-1")) == "algorithm"
    assert refused(verifier, sign(claims(), ec_key(), kid="rsa-1")) == "algorithm"


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_keys_that_are_weak_or_for_encryption_verify_nothing(verifier: Verifier) -> None:
    assert refused(verifier, sign(claims(), rsa_key("weak", 1024), kid="weak-1")) == "unknown_key"
    assert refused(verifier, sign(claims(), rsa_key("sealing"), kid="enc-1")) == "unknown_key"


@pytest.mark.parametrize(
    "kid",
    [
        "nobody",
        "../../../../dev/null",
        "/dev/null",
        "file:///proc/self/environ",
        "https://attacker.example/jwks.json",
        "x' UNION SELECT 'key'; --",
        "rsa-1\0",
        "RSA-1",
        "${jndi:ldap://attacker.example}",
        "x" * 2000,
    ],
)
def test_a_key_id_is_looked_up_and_nothing_else(verifier: Verifier, server: JwksServer, kid: str) -> None:
    before = set(server.paths)

    assert refused(verifier, sign(claims(), rsa_key("attacker"), kid=kid)) == "unknown_key"
    assert set(server.paths) <= before | {"/jwks.json"}


@pytest.mark.parametrize("kid", [None, "", 7, ["rsa-1"], {"rsa-1": 1}, True])
def test_a_key_id_that_is_no_text_is_no_key(verifier: Verifier, kid: object) -> None:
    head = {"alg": "RS256"} if kid is None else {"alg": "RS256", "kid": kid}

    assert refused(verifier, assemble(head, claims(), b"x")) == "unknown_key"


def test_keys_that_the_token_brings_are_not_looked_at(verifier: Verifier, server: JwksServer) -> None:
    attacker = rsa_key("attacker")
    with JwksServer(jwk(attacker, "rsa-1")) as theirs:
        for brought in (
            {"jwk": jwk(attacker, "rsa-1")},
            {"jku": theirs.url},
            {"x5u": theirs.url},
            {"x5c": ["MIIB"]},
        ):
            assert refused(verifier, sign(claims(), attacker, **brought)) == "signature"
            assert isinstance(verifier.verify(f"Bearer {sign(claims(), **brought)}"), Caller)

    assert theirs.fetches == 0


@pytest.mark.parametrize(
    "extension", [{"crit": ["exp"], "exp": 1}, {"crit": []}, {"crit": ["b64"], "b64": True}, {"b64": False}]
)
def test_extensions_that_must_be_understood_are_refused(verifier: Verifier, extension: dict[str, Any]) -> None:
    token = assemble({"alg": "RS256", "kid": "rsa-1", **extension}, claims(), b"x")

    assert refused(verifier, token) == "critical"


def test_claims_that_a_policy_may_name_are_texts_that_could_be_subjects(verifier: Verifier) -> None:
    given = {"shop": "shoes-1", "n": 7, "listed": ["a"], "text": "two words", "star": "*", "path": "a/b", "a.b": "c"}

    found = verifier.verify(f"Bearer {sign(claims(**given, **{'https://x/y': 'z', '_a': 'b', 'k' * 65: 'c'}))}")

    assert isinstance(found, Caller)
    assert dict(found.claims) == {"sub": "auth0|5f7c8ec7c33c6c004bbafe82", "jti": "token-1", "shop": "shoes-1"}
