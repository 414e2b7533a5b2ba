from __future__ import annotations

import pytest

from chalicelib.model.explanation import (
    SAYS,
    Explanation,
    Gateway,
    Source,
    Stage,
    evaluated,
    explanation_view,
    route_of,
)
from chalicelib.model.limits import Limits, Reach
from tests.chalicelib.examples import an_end

ROUTES = {
    "/tokens": {"POST": False},
    "/tokens/{token_id}": {"GET": False, "DELETE": False},
    "/tokens/{token_id}/secret": {"GET": False},
    "/receipts/{name}": {"GET": False},
    "/receipts/verify": {"POST": False, "OPTIONS": True},
    "/{any}/verify": {"PUT": False},
    "/health": {"GET": True},
}
BASE = "arn:aws:execute-api:eu-central-1:123456789012:abcdefghij/api"


@pytest.mark.parametrize(
    ("path", "route", "names"),
    [
        ("/tokens", "/tokens", {}),
        ("/tokens/a%2Fb", "/tokens/{token_id}", {"token_id": "a%2Fb"}),
        ("/tokens/a/secret", "/tokens/{token_id}/secret", {"token_id": "a"}),
        ("/receipts/x", "/receipts/{name}", {"name": "x"}),
        ("/receipts/verify", "/receipts/verify", {}),
        ("/other/verify", "/{any}/verify", {"any": "other"}),
    ],
)
def test_a_path_leads_to_the_route_with_most_of_its_own_words(path: str, route: str, names: dict[str, str]) -> None:
    found = route_of(ROUTES, path)

    assert found is not None
    assert (found.path, found.names, found.methods) == (route, names, ROUTES[route])


@pytest.mark.parametrize("path", ["/", "/tokens/", "//tokens", "/Tokens", "/tokens/a/secret/", "/tokens//secret", "/x"])
def test_a_path_that_no_route_has_leads_nowhere(path: str) -> None:
    assert route_of(ROUTES, path) is None


def statement(effect: str, *resources: str) -> dict[str, object]:
    return {"Action": "execute-api:Invoke", "Effect": effect, "Resource": [f"{BASE}/{one}" for one in resources]}


def test_a_deny_wins_wherever_it_stands_and_is_named() -> None:
    allow, deny = statement("Allow", "GET/a", "GET/*"), statement("Deny", "*/x/*", "GET/*/secret")

    for statements in ([allow, deny], [deny, allow]):
        assert evaluated(statements, f"{BASE}/GET/a/secret") == ("explicit_deny", f"{BASE}/GET/*/secret")
        assert evaluated(statements, f"{BASE}/GET/a") == ("allowed", f"{BASE}/GET/a")
        assert evaluated(statements, f"{BASE}/POST/a") == ("not_allowed", None)
    assert evaluated([{"Effect": "Deny", "Resource": ["*"]}], f"{BASE}/GET/a") == ("explicit_deny", "*")


def test_an_explanation_says_in_words_who_refuses_and_what_to_do() -> None:
    view = explanation_view(
        Explanation(
            stage=Stage.GATEWAY,
            code="spelling",
            gateway=Gateway(code="spelling", form="exact", spellings=("/a",)),
            source=Source(group="g", index=0, statement={"effect": "Allow"}, limits={}),
            service="allowed",
            reach=Reach((Limits(domains=("shop",)),)),
        )
    )

    assert view["says"] == (
        "API Gateway refuses by the policy that the authorizer answers. "
        "Nobody is allowed this spelling of the path: one of `gateway.spellings` is."
    )
    assert (view["allowed"], view["service"]) == (False, {"code": "allowed", "within": [{"domains": ["shop"]}]})
    assert view["decided_by"] == {"group": "g", "index": 0, "statement": {"effect": "Allow"}, "limits": {}}


def test_every_stage_has_its_sentence() -> None:
    assert set(SAYS) == set(Stage)


def test_a_revocation_is_shown_as_the_list_of_them_shows_it() -> None:
    shown = explanation_view(Explanation(stage=Stage.REVOKED, code="revoked", revocation=an_end()))["revocation"]

    assert isinstance(shown, dict)
    assert shown["links"] == {"self": f"/revocations/{an_end().id}"}
