from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.admit.bearer import Caller, Refused, Verifier
from chalicelib.admit.jwks import Keys
from tests.chalicelib.admit.issuer import (
    AUDIENCE,
    ISSUER,
    NOW,
    Clock,
    JwksServer,
    Log,
    an_issuer,
    assemble,
    claims,
    ec_key,
    refused,
    sign,
)
from tests.chalicelib.outbound.shelf import Alone


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


def test_a_token_that_would_be_good_for_more_than_a_year_is_refused(verifier: Verifier) -> None:
    year = 366 * 86_400

    assert isinstance(verifier.verify(f"Bearer {sign(claims(exp=NOW + year))}"), Caller)
    assert refused(verifier, sign(claims(exp=NOW + year + 1))) == "lifetime"
    assert refused(verifier, sign(claims(exp=253402300799))) == "lifetime"


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
        ("producer  admin ", ("producer", "admin")),
        *((f"producer{space}admin", ()) for space in "\t\n\x0b\x1c\x1f\x85\xa0\u2003\u2028\u3000"),
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
    namespaced = replace(verifier, issuer=an_issuer(groups_claim=("https://shop.example/roles",)))
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
        json.dumps(claims()).encode("utf-8-sig"),
        json.dumps(claims()).encode("utf-16"),
        json.dumps(claims()).encode("utf-16-le"),
        json.dumps(claims()).encode("utf-32-be"),
        b'{"sub":"\xed\xa0\x80"}',
        b'{"exp":NaN}',
        b'{"exp":Infinity}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":' + b"[" * 2000 + b"]" * 2000 + b"}",
    ],
    ids=range(16),
)
def test_claims_that_are_no_plain_object_are_malformed(verifier: Verifier, payload: bytes) -> None:
    assert refused(verifier, sign(payload)) == "malformed"


@pytest.mark.parametrize(
    "header",
    [b"", b"[]", b"null", b"\xff", b'{"alg":"RS256","alg":"none","kid":"rsa-1"}', b"[" * 5000]
    + [b'{"alg":"RS256","kid":"rsa-1"}'.decode().encode(code) for code in ("utf-8-sig", "utf-16", "utf-32-be")],
    ids=range(9),
)
def test_a_header_that_is_no_plain_object_is_malformed(verifier: Verifier, header: bytes) -> None:
    assert refused(verifier, assemble(header, claims(), b"x")) == "malformed"


def test_without_keys_the_code_says_so() -> None:
    with JwksServer() as gone:
        url = gone.url
    clock = Clock()
    keys = Keys(url, Alone(), clock=clock, pause=time.sleep, log=Log())
    verifier = Verifier(issuer=an_issuer(), jwks=keys, clock=clock)

    assert refused(verifier, sign(claims())) == "keys_unavailable"


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
