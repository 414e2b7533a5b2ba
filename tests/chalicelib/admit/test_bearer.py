from __future__ import annotations

import hmac
import json
import math
from base64 import urlsafe_b64encode
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.admit.bearer import Caller, Refused, Verifier
from chalicelib.admit.jwks import Keys
from tests.chalicelib.admit.issuer import (
    AUDIENCE,
    ISSUER,
    NOW,
    Clock,
    JwksServer,
    Log,
    assemble,
    claims,
    ec_key,
    jwk,
    rsa_key,
    sign,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server() -> Iterator[JwksServer]:
    keys = [
        jwk(rsa_key(), "rsa-1", alg="RS256"),
        jwk(ec_key(), "ec-1"),
        jwk(rsa_key("weak", 1024), "weak-1"),
        jwk(rsa_key("sealing"), "enc-1", use="enc"),
    ]
    with JwksServer(*keys) as running:
        yield running


@pytest.fixture(scope="module")
def verifier(server: JwksServer) -> Verifier:
    clock = Clock()
    return Verifier(
        issuer=ISSUER,
        audience=AUDIENCE,
        jwks=Keys(server.url, clock=clock, log=Log()),
        groups_claim="groups",
        clock=clock,
    )


def refused(verifier: Verifier, token: str) -> str:
    result = verifier.verify(f"Bearer {token}")
    assert isinstance(result, Refused), result
    return result.code


def test_a_good_token_of_either_algorithm_proves_its_caller(verifier: Verifier) -> None:
    expected = Caller(
        principal="auth0|5f7c8ec7c33c6c004bbafe82",
        groups=("consumer",),
        expires_at=NOW + 600,
        token_id="token-1",
    )

    assert verifier.verify(f"Bearer {sign(claims())}") == expected
    assert verifier.verify(f"bearer {sign(claims(), ec_key(), kid='ec-1')}") == expected


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt"])
def test_the_types_of_access_tokens_are_accepted(verifier: Verifier, kind: str) -> None:
    assert isinstance(verifier.verify(f"Bearer {sign(claims(), typ=kind)}"), Caller)


@pytest.mark.parametrize("kind", ["logout+jwt", "dpop+jwt", "secevent+jwt", "JOSE"])
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


@pytest.mark.parametrize("issuer", [..., None, "", "https://issuer.example", "HTTPS://issuer.example/", [ISSUER], 7])
def test_another_issuer_is_refused(verifier: Verifier, issuer: object) -> None:
    assert refused(verifier, sign(claims(iss=issuer))) == "issuer"


@pytest.mark.parametrize(
    "audience",
    [
        ...,
        None,
        "",
        [],
        "https://other.example",
        ["https://other.example"],
        AUDIENCE + "/",
        AUDIENCE[:-1],
        {AUDIENCE: 1},
        [AUDIENCE, 7],
        7,
    ],
)
def test_another_audience_is_refused(verifier: Verifier, audience: object) -> None:
    assert refused(verifier, sign(claims(aud=audience))) == "audience"


def test_one_of_several_audiences_is_enough(verifier: Verifier) -> None:
    token = sign(claims(aud=["https://other.example", AUDIENCE]))

    assert isinstance(verifier.verify(f"Bearer {token}"), Caller)


def test_the_leeway_is_five_seconds_both_ways(verifier: Verifier) -> None:
    assert isinstance(verifier.verify(f"Bearer {sign(claims(exp=NOW - 4))}"), Caller)
    assert refused(verifier, sign(claims(exp=NOW - 5))) == "expired"
    assert isinstance(verifier.verify(f"Bearer {sign(claims(nbf=NOW + 5))}"), Caller)
    assert refused(verifier, sign(claims(nbf=NOW + 6))) == "not_yet_valid"
    assert refused(verifier, sign(claims(iat=NOW + 6))) == "not_yet_valid"


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ["1800000600", True, [1], {}, -1, 1e300, 253402300800])
def test_a_time_that_is_no_number_of_this_age_is_refused(verifier: Verifier, name: str, value: object) -> None:
    assert refused(verifier, sign(claims(**{name: value}))) == "claims"


def test_a_token_must_expire_but_need_not_say_when_it_was_issued(verifier: Verifier) -> None:
    assert refused(verifier, sign(claims(exp=...))) == "claims"
    assert refused(verifier, sign(claims(exp=None))) == "claims"
    assert isinstance(verifier.verify(f"Bearer {sign(claims(iat=..., jti=...))}"), Caller)


def test_a_fraction_of_a_second_is_a_time(verifier: Verifier) -> None:
    result = verifier.verify(f"Bearer {sign(claims(exp=NOW + 1.75))}")

    assert isinstance(result, Caller)
    assert result.expires_at == NOW + 1


@pytest.mark.parametrize(
    "subject", [..., None, "", 7, [], ["a"], {}, True, "x" * 256, "a\0", "a\nb", "\ud800", "a\u202eb"]
)
def test_a_subject_that_is_no_printable_text_is_refused(verifier: Verifier, subject: object) -> None:
    assert refused(verifier, sign(claims(sub=subject))) == "claims"


@pytest.mark.parametrize("subject", ["x" * 255, "Jané Döe", "*", "${principal}", "a/b", "%2e%2e"])
def test_a_subject_that_owns_nothing_is_still_a_caller(verifier: Verifier, subject: str) -> None:
    result = verifier.verify(f"Bearer {sign(claims(sub=subject))}")

    assert isinstance(result, Caller)
    assert result.principal == subject


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (..., ()),
        ([], ()),
        ("", ()),
        (["producer", "admin"], ("producer", "admin")),
        ("producer admin", ("producer", "admin")),
        (["admin", "admin"], ("admin",)),
        (["/realm/admin", "a,b", "", "ok"], ("ok",)),
    ],
)
def test_groups_come_as_a_list_or_as_words(verifier: Verifier, groups: object, expected: tuple[str, ...]) -> None:
    result = verifier.verify(f"Bearer {sign(claims(groups=groups))}")

    assert isinstance(result, Caller)
    assert result.groups == expected


@pytest.mark.parametrize("groups", [None, 7, True, {"admin": True}, ["admin", 7], [["admin"]], ["x"] * 201])
def test_groups_in_another_form_are_refused(verifier: Verifier, groups: object) -> None:
    assert refused(verifier, sign(claims(groups=groups))) == "claims"


def test_the_claim_that_holds_the_groups_is_a_setting(verifier: Verifier) -> None:
    namespaced = replace(verifier, groups_claim="https://shop.example/roles")
    token = sign(claims(groups=["admin"], **{"https://shop.example/roles": ["producer"]}))

    result = namespaced.verify(f"Bearer {token}")

    assert isinstance(result, Caller)
    assert result.groups == ("producer",)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"null",
        b'"x"',
        b"{",
        b"\xff",
        b'{"sub":"a","sub":"b"}',
        b'{"exp":NaN}',
        b'{"exp":Infinity}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":' + b"[" * 2000 + b"]" * 2000 + b"}",
    ],
    ids=range(11),
)
def test_claims_that_are_no_plain_object_are_malformed(verifier: Verifier, payload: bytes) -> None:
    assert refused(verifier, sign(payload)) == "malformed"


@pytest.mark.parametrize(
    "header",
    [b"", b"[]", b"null", b"\xff", b'{"alg":"RS256","alg":"none","kid":"rsa-1"}', b"[" * 5000],
    ids=range(6),
)
def test_a_header_that_is_no_plain_object_is_malformed(verifier: Verifier, header: bytes) -> None:
    assert refused(verifier, assemble(header, claims(), b"x")) == "malformed"


def test_without_keys_the_code_says_so() -> None:
    with JwksServer() as gone:
        url = gone.url
    clock = Clock()
    keys = Keys(url, clock=clock, log=Log())
    verifier = Verifier(issuer=ISSUER, audience=AUDIENCE, jwks=keys, groups_claim="groups", clock=clock)

    assert refused(verifier, sign(claims())) == "keys_unavailable"


@pytest.mark.parametrize("name", ["issuer", "audience", "groups_claim"])
def test_a_verifier_that_would_accept_anything_is_not_made(verifier: Verifier, name: str) -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        replace(verifier, **{name: ""})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(changes=st.dictionaries(st.sampled_from(["iss", "aud", "sub", "exp", "nbf", "iat", "jti", "groups"]), JSON))
def test_no_claims_crash_the_verifier(verifier: Verifier, changes: dict[str, Any]) -> None:
    result = verifier.verify(f"Bearer {sign(claims(**changes), ec_key(), kid='ec-1')}")

    assert isinstance(result, Caller | Refused)


@settings(deadline=None)
@given(header=st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "jku", "zip"]), JSON))
def test_no_header_crashes_the_verifier_or_is_believed(verifier: Verifier, header: dict[str, Any]) -> None:
    assert refused(verifier, assemble({"alg": "RS256", "kid": "rsa-1", **header}, claims(), b"x"))


def test_floats_beyond_all_bounds_are_no_times() -> None:
    assert math.isinf(json.loads("1e999"))  # why a time is compared with both of its bounds
