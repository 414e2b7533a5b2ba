from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.admit.issuer import Issuer
from chalicelib.admit.issuers import SETTING_BYTES, read_issuers, short_form
from chalicelib.errors import Misconfigured

LEAST: dict[str, Any] = {"issuer": "https://one.example/", "audience": "cloakroom", "groups": ["consumer"]}
SHORT = short_form(
    issuer="https://short.example/",
    audience="cloakroom",
    jwks_url="https://short.example/jwks.json",
    groups_claim="https://short.example/roles",
)


def setting(*issuers: object) -> str:
    return json.dumps(issuers)


def one(**members: object) -> dict[str, Any]:
    return {name: value for name, value in {**LEAST, **members}.items() if value is not ...}


def faults(*issuers: object, short: Issuer | None = None) -> str:
    with pytest.raises(Misconfigured) as refused:
        read_issuers(setting(*issuers), short)
    return str(refused.value)


def test_the_least_that_can_be_said_leads_to_the_discovery_document_that_the_issuers_name_leads_to() -> None:
    assert read_issuers(setting(LEAST)) == (
        Issuer(
            name="https://one.example/",
            audiences=("cloakroom",),
            discovery_url="https://one.example/.well-known/openid-configuration",
            claims={},
            groups={"consumer": "consumer"},
        ),
    )


def test_all_that_can_be_said_is_read() -> None:
    whole = {
        "issuer": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_a",
        "audience": ["client-1", "client-2"],
        "jwks_url": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_a/.well-known/jwks.json",
        "algorithms": ["ES256"],
        "audience_claim": "client_id",
        "required": {"token_use": "access", "azp": ["a", "b"], "email_verified": True},
        "groups_claim": ["realm_access", "roles"],
        "groups": {"/Store Admins": "admin"},
        "principal_prefix": "cognito:",
        "principals": "shared",
        "claims": {"tenant": "https://example.com/tenant", "shop": ["shop", "name"]},
    }

    (issuer,) = read_issuers(setting(whole))

    assert issuer == Issuer(
        name="https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_a",
        audiences=("client-1", "client-2"),
        jwks_url="https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_a/.well-known/jwks.json",
        algorithms=("ES256",),
        audience_claim="client_id",
        required={"token_use": ("access",), "azp": ("a", "b"), "email_verified": (True,)},
        groups_claim=("realm_access", "roles"),
        groups={"/Store Admins": "admin"},
        principal_prefix="cognito:",
        shares_principals=True,
        claims={"tenant": ("https://example.com/tenant",), "shop": ("shop", "name")},
    )


def test_a_list_of_claims_names_them_as_they_are_and_a_group_prefix_may_be_empty_where_that_is_said() -> None:
    (issuer,) = read_issuers(setting(one(claims=["tenant"], groups=..., group_prefix="")))

    assert (issuer.claims, issuer.groups, issuer.group_prefix) == ({"tenant": ("tenant",)}, None, "")


def test_the_short_form_stays_what_it_was_and_comes_first() -> None:
    assert read_issuers("", SHORT) == (SHORT,)
    assert (SHORT.claims, SHORT.groups, SHORT.group_prefix, SHORT.principal_prefix) == (None, None, "", "")
    listed = read_issuers(setting(one(principal_prefix="one:")), SHORT)
    assert [issuer.name for issuer in listed] == ["https://short.example/", "https://one.example/"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "ISSUERS must be a list of 1 to 10 objects"),
        ("[]", "ISSUERS must be a list of 1 to 10 objects"),
        ("null", "ISSUERS must be a list of 1 to 10 objects"),
        ("x", "ISSUERS is no JSON"),
        ('[{"issuer":"a","issuer":"b"}]', "ISSUERS is no JSON: a member occurs twice in one object"),
        ('[{"required":{"azp":"a","azp":"b"}}]', "ISSUERS is no JSON: a member occurs twice in one object"),
        ("[" * 1200 + "]" * 1200, "ISSUERS "),
        (setting(*[LEAST] * 11), "ISSUERS must be a list of 1 to 10 objects"),
        (" " * (SETTING_BYTES + 1), "ISSUERS has 2561 bytes; at most 2560 fit a function's environment"),
        ('["a"]', "ISSUERS[0] must be an object"),
    ],
)
def test_a_setting_that_is_no_list_of_objects_is_refused(text: str, said: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        read_issuers(text)

    assert str(refused.value).startswith(said)


PRINTABLE = "must be a text of 1 to 512 printable characters"
FAULTS: list[tuple[dict[str, object], str]] = [
    ({"isuer": "x"}, "ISSUERS[0].isuer: there is no such member; there are issuer, audience, jwks_url,"),
    ({"issuer": ...}, "ISSUERS[0].issuer must be given"),
    ({"issuer": ""}, f"ISSUERS[0].issuer {PRINTABLE}"),
    ({"issuer": 7}, f"ISSUERS[0].issuer {PRINTABLE}"),
    ({"issuer": "a\nb"}, f"ISSUERS[0].issuer {PRINTABLE}"),
    ({"issuer": "urn:one"}, "ISSUERS[0]: give jwks_url or discovery_url: the issuer's name is no address"),
    ({"issuer": "http://one.example"}, "ISSUERS[0]: give jwks_url or discovery_url"),
    ({"audience": ...}, "ISSUERS[0].audience must be given"),
    ({"audience": []}, "ISSUERS[0].audience must not be an empty list"),
    ({"audience": [""]}, f"ISSUERS[0].audience {PRINTABLE}"),
    ({"audience": None}, f"ISSUERS[0].audience {PRINTABLE}"),
    ({"jwks_url": "http://one.example/"}, "ISSUERS[0].jwks_url must be https: plain http is for this machine alone"),
    ({"jwks_url": "https://a:b@one.example/"}, "ISSUERS[0].jwks_url must be https://host/path, without user"),
    ({"jwks_url": "https://one.example/#x"}, "ISSUERS[0].jwks_url must be https://host/path, without user"),
    ({"jwks_url": "https://one.example:99999/"}, "ISSUERS[0].jwks_url must be https://host/path, with a port"),
    ({"discovery_url": "file:///etc/passwd"}, "ISSUERS[0].discovery_url must be https://host/path"),
    (
        {"jwks_url": "https://one.example/a", "discovery_url": "https://one.example/b"},
        "ISSUERS[0]: jwks_url and discovery_url are two ways to the keys: give one",
    ),
    ({"algorithms": []}, "ISSUERS[0].algorithms must be a list of some of RS256, ES256"),
    ({"algorithms": "RS256"}, "ISSUERS[0].algorithms must be a list of some of RS256, ES256"),
    ({"algorithms": ["none"]}, "ISSUERS[0].algorithms must be a list of some of RS256, ES256"),
    ({"algorithms": ["RS256", "HS256"]}, "ISSUERS[0].algorithms must be a list of some of RS256, ES256"),
    ({"audience_claim": "azp"}, "ISSUERS[0].audience_claim must be `aud` or `client_id`"),
    ({"audience_claim": ["aud"]}, "ISSUERS[0].audience_claim must be `aud` or `client_id`"),
    ({"required": {}}, "ISSUERS[0].required must be an object of claims"),
    ({"required": ["azp"]}, "ISSUERS[0].required must be an object of claims"),
    ({"required": {"azp": []}}, "ISSUERS[0].required must name for each claim a text"),
    ({"required": {"azp": None}}, "ISSUERS[0].required must name for each claim a text"),
    ({"required": {"azp": ""}}, "ISSUERS[0].required must name for each claim a text"),
    ({"required": {"azp": 1}}, "ISSUERS[0].required must name for each claim a text"),
    ({"required": {"exp": "1"}}, "ISSUERS[0].required must not name exp: checked for every token"),
    ({"groups_claim": []}, "ISSUERS[0].groups_claim must not be an empty list"),
    ({"groups_claim": ["a"] * 6}, "ISSUERS[0].groups_claim must be a claim's name, or a list of at most 5"),
    ({"groups_claim": [["a"]]}, f"ISSUERS[0].groups_claim {PRINTABLE}"),
    ({"groups": ...}, "ISSUERS[0]: say which of its groups count"),
    ({"group_prefix": "one:"}, "ISSUERS[0]: say which of its groups count"),
    ({"groups": []}, "ISSUERS[0].groups must not be an empty list"),
    ({"groups": "admin"}, "ISSUERS[0].groups must be a list of groups"),
    ({"groups": ["a b"]}, "ISSUERS[0].groups must lead to groups of ours: a group has 1 to 64 characters"),
    ({"groups": {"admin": ["admin"]}}, "ISSUERS[0].groups must lead to groups of ours: must be a text"),
    ({"groups": {"": "admin"}}, f"ISSUERS[0].groups {PRINTABLE}"),
    ({"groups": ..., "group_prefix": "a/"}, "ISSUERS[0].group_prefix must begin groups of ours: a group has"),
    ({"groups": ..., "group_prefix": None}, "ISSUERS[0].group_prefix must be a text of 1 to 32 printable"),
    ({"principal_prefix": ""}, "ISSUERS[0].principal_prefix must be a text of 1 to 32 printable"),
    ({"principal_prefix": "a/"}, "ISSUERS[0].principal_prefix must be of characters that a subject may have"),
    ({"principal_prefix": "x" * 33}, "ISSUERS[0].principal_prefix must be a text of 1 to 32 printable"),
    ({"principals": True}, "ISSUERS[0].principals must be `shared`, or left out"),
    ({"claims": "tenant"}, "ISSUERS[0].claims must be an object of our names and their claims"),
    ({"claims": {"a-b": "tenant"}}, "ISSUERS[0].claims must have names of our own of 1 to 64 characters"),
    ({"claims": ["https://example.com/tenant"]}, "ISSUERS[0].claims must have names of our own"),
    ({"claims": {"tenant": []}}, "ISSUERS[0].claims must not be an empty list"),
]


@pytest.mark.parametrize(("members", "said"), FAULTS, ids=range(len(FAULTS)))
def test_what_is_wrong_with_a_member_is_said_with_its_place(members: dict[str, object], said: str) -> None:
    assert faults(one(**members)).startswith(said)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    said = faults(one(audience=7, algorithms=[]), "x", one(issuer="https://two.example", typo=1))

    assert said.split("; ")[:3] == [
        f"ISSUERS[0].audience {PRINTABLE}",
        "ISSUERS[0].algorithms must be a list of some of RS256, ES256",
        "ISSUERS[1] must be an object",
    ]
    assert "ISSUERS[2].typo: there is no such member" in said


@pytest.mark.parametrize("url", ["http://issuer.example/", "ftp://issuer.example/", ""])
def test_the_short_forms_address_is_looked_at_before_anybody_is_asked(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"^JWKS_URL must be https"):
        short_form(issuer="i", audience="a", jwks_url=url, groups_claim="groups")
