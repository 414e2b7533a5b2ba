from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.admit.claims import Fault
from tests.chalicelib.admit.issuer import AUDIENCE, an_issuer, claims

if TYPE_CHECKING:
    from chalicelib.admit.issuer import Issuer


def refusal(issuer: Issuer, **changes: object) -> str | None:
    try:
        issuer.check(claims(**changes))
    except Fault as fault:
        return str(fault)
    return None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": ""}, "must not be empty"),
        ({"audiences": ()}, "must not be empty"),
        ({"audiences": ("",)}, "must not be empty"),
        ({"groups_claim": ()}, "must not be empty"),
        ({"groups_claim": ("",)}, "must not be empty"),
        ({"algorithms": ()}, "must be some of RS256, ES256"),
        ({"algorithms": ("HS256",)}, "must be some of RS256, ES256"),
    ],
)
def test_an_issuer_whose_tokens_would_all_be_accepted_is_not_made(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        an_issuer(**changes)


def test_any_of_its_audiences_is_enough() -> None:
    issuer = an_issuer(audiences=("one", "two"))

    assert [refusal(issuer, aud=aud) for aud in ("one", ["x", "two"], "x", [])] == [None, None, "audience", "audience"]


@pytest.mark.parametrize("value", [..., None, "", "id", "Access", "access ", ["access"], True, 1, {"access": 1}])
def test_a_required_claim_must_be_there_letter_for_letter(value: object) -> None:
    issuer = an_issuer(required={"token_use": ("access",)})

    assert refusal(issuer, token_use="access") is None
    assert refusal(issuer, token_use=value) == "required_claim"


def test_a_required_claim_may_be_one_of_several_and_each_claim_must_be_there() -> None:
    issuer = an_issuer(required={"azp": ("a", "b"), "org": ("o",)})

    assert refusal(issuer, azp="b", org="o") is None
    assert refusal(issuer, azp="c", org="o") == "required_claim"
    assert refusal(issuer, azp="a") == "required_claim"


@pytest.mark.parametrize("value", [False, 1, "true", 1.0, None])
def test_true_is_true_alone(value: object) -> None:
    issuer = an_issuer(required={"email_verified": (True,)})

    assert refusal(issuer, email_verified=True) is None
    assert refusal(issuer, email_verified=value) == "required_claim"


def test_where_the_client_stands_for_the_audience_the_audience_must_not_say_otherwise() -> None:
    issuer = an_issuer(audiences=("client-1", AUDIENCE), audience_claim="client_id")

    assert refusal(issuer, aud=..., client_id="client-1") is None
    assert refusal(issuer, aud=..., client_id="client-2") == "audience"
    assert refusal(issuer, aud=...) == "audience"
    assert refusal(issuer, aud="client-1") == "audience", "what Cognito's ID tokens say"
    assert refusal(issuer, aud="https://another.example", client_id="client-1") == "audience"
    assert refusal(issuer, aud=None, client_id="client-1") == "audience"
    assert refusal(issuer, aud=AUDIENCE, client_id="client-1") is None


def test_the_client_does_not_stand_for_the_audience_by_itself() -> None:
    assert refusal(an_issuer(audiences=("client-1",)), aud=..., client_id="client-1") == "audience"


@pytest.mark.parametrize(("sub", "code"), [("x" * 250, None), ("x" * 251, "claims"), ("", "claims"), (None, "claims")])
def test_a_principal_is_a_name_with_its_prefix(sub: object, code: str | None) -> None:
    issuer = an_issuer(principal_prefix="auth:")

    if code is None:
        assert issuer.principal(claims(sub=sub)) == f"auth:{sub}"
    else:
        with pytest.raises(Fault, match=code):
            issuer.principal(claims(sub=sub))


@pytest.mark.parametrize(
    ("realm_access", "expected"),
    [
        ({"roles": ["admin", "x y"]}, ("admin",)),
        ({"roles": "admin ops"}, ("admin", "ops")),
        ({"roles": []}, ()),
        ({}, ()),
        ("roles", ()),
        (["roles"], ()),
        (None, ()),
        (..., ()),
    ],
)
def test_groups_are_found_within_objects(realm_access: object, expected: tuple[str, ...]) -> None:
    issuer = an_issuer(groups_claim=("realm_access", "roles"))

    assert issuer.groups_of(claims(realm_access=realm_access, roles=["root"])) == expected


@pytest.mark.parametrize("roles", [None, 7, {"admin": True}, ["admin", 7], ["x"] * 201])
def test_groups_in_another_form_are_refused_wherever_they_are_found(roles: object) -> None:
    issuer = an_issuer(groups_claim=("realm_access", "roles"))

    with pytest.raises(Fault, match="claims"):
        issuer.groups_of(claims(realm_access={"roles": roles}))


def test_of_listed_groups_those_count_and_no_others() -> None:
    issuer = an_issuer(groups={"/Store Admins": "admin", "staff": "consumer", "crew": "consumer"})

    assert issuer.groups_of(claims(groups=["/Store Admins", "admin", "staff", "crew"])) == ("admin", "consumer")
    assert issuer.groups_of(claims(groups=["admin", "consumer", "Staff"])) == ()


def test_a_group_prefix_stands_before_each_group_that_can_have_a_policy() -> None:
    issuer = an_issuer(group_prefix="kc:")

    assert issuer.groups_of(claims(groups=["admin", "a b", "x" * 62])) == ("kc:admin",)


NAMED = {"tenant": "a", "https://example.com/tenant": "b", "path": "a/b", "many": ["a"], "shop": {"name": "c"}}


def test_of_declared_claims_those_that_can_be_subjects_may_be_named_from_where_they_were_declared_to_stand() -> None:
    declared = {
        "tenant": ("https://example.com/tenant",),
        "shop": ("shop", "name"),
        "path": ("path",),
        "many": ("many",),
        "none": ("none",),
    }

    assert an_issuer(claims=declared).named_claims(NAMED) == {"tenant": "b", "shop": "c"}
    assert an_issuer(claims={"tenant": ("org",)}).named_claims(NAMED) == {}, "the token's own `tenant` is another"
    assert an_issuer(claims={}).named_claims(NAMED) == {}


def test_where_nothing_is_declared_the_tokens_own_claims_may_be_named() -> None:
    assert an_issuer().named_claims(NAMED) == {"tenant": "a"}, "the name of another is none that a policy can hold"
