"""Ask what would become of a request, then send it: the same comes out. No explained bearer is in any log."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.stack.http import hand_in, unique

if TYPE_CHECKING:
    from devtool.testing import LiveCloud
    from tests.stack.http import Answer, Api

NOWHERE = "a" * 26
FUNCTIONS = ("api_handler", "authorize")


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What the requests are about: a token of `owner`, handed in by `hook`, and one of another's."""

    owner: str
    hook: str
    own_id: str
    foreign_id: str
    shop: str
    """A group that may hand in to and read one domain."""


@dataclass(frozen=True, kw_only=True)
class Case:
    groups: tuple[str, ...]
    method: str
    path: str
    stage: str | None
    """Who refuses; None where nobody does."""
    query: str = ""
    body: dict[str, Any] | None = None
    within: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def scene(api: Api, cloud: LiveCloud) -> Scene:
    owner, hook = unique("explained"), unique("hook")
    own, foreign = (
        api.post("/tokens", api.bearer(hook, "producer"), body=hand_in(subject)).json["id"]
        for subject in (owner, unique("another"))
    )
    assert cloud.settle()
    shop = f"shop-{secrets.token_hex(4)}"
    statement = {"effect": "Allow", "methods": ["*"], "paths": ["/tokens", "/subjects/*/tokens/*"]}
    body = {"statements": [statement], "limits": {"domains": ["shop"]}, "acknowledges": ["every_secret"]}
    assert api.put(f"/policies/{shop}", api.admin, body=body).status == 200
    return Scene(owner=owner, hook=hook, own_id=own, foreign_id=foreign, shop=shop)


def cases(of: Scene) -> dict[str, Case]:
    own = quote(of.owner, safe="")
    consumer: dict[str, Any] = {"groups": ("consumer",), "method": "GET"}
    producer: dict[str, Any] = {"groups": ("producer",), "method": "GET"}
    admin: dict[str, Any] = {"groups": ("admin",), "method": "GET"}
    handing_in = {**producer, "method": "POST", "path": "/tokens", "body": hand_in(of.owner)}
    in_shop = {**hand_in(of.owner), "domain": "shop"}
    by_place = f"/subjects/{own}/tokens/google"
    return {
        "own list": Case(**consumer, path=f"/subjects/{own}/tokens", stage=None),
        "own list, as a browser writes it": Case(
            **consumer, path=f"/subjects/{quote(of.owner, safe='|')}/tokens", stage=None
        ),
        "another's list": Case(**consumer, path="/subjects/joe/tokens", stage="gateway"),
        "own secret": Case(**consumer, path=f"{by_place}/secret", stage=None),
        "own secret that there is not": Case(**consumer, path=f"/subjects/{own}/tokens/x/secret", stage="resource"),
        "own record elsewhere": Case(
            **consumer, path=by_place, query="?domain=shop", within={"domain": "shop"}, stage="resource"
        ),
        "own record by id": Case(**consumer, path=f"/tokens/{of.own_id}", stage=None),
        "own secret by id": Case(**consumer, path=f"/tokens/{of.own_id}/secret", stage=None),
        "another's record by id": Case(**consumer, path=f"/tokens/{of.foreign_id}", stage="resource"),
        "another's secret by id": Case(**consumer, path=f"/tokens/{of.foreign_id}/secret", stage="resource"),
        "nobody's secret by id": Case(**consumer, path=f"/tokens/{NOWHERE}/secret", stage="resource"),
        "an id that is none": Case(**consumer, path="/tokens/x", stage="resource"),
        "another's token to be deleted": Case(
            groups=("consumer",), method="DELETE", path=f"/tokens/{of.foreign_id}", stage="resource"
        ),
        "another's job": Case(**consumer, path=f"/jobs/{of.foreign_id}", stage="resource"),
        "own job": Case(**consumer, path=f"/jobs/{of.own_id}", stage=None),
        "all jobs": Case(**consumer, path="/jobs", stage="gateway"),
        "a ticket": Case(groups=("consumer",), method="POST", path="/tickets", body={}, stage=None),
        "no hand-in": Case(**{**handing_in, "groups": ("consumer",)}, stage="gateway"),
        "a hand-in": Case(**handing_in, stage=None),
        "what was handed in": Case(**producer, path=f"/tokens/{of.foreign_id}", stage=None),
        "the secret of it": Case(**producer, path=f"/tokens/{of.foreign_id}/secret", stage="gateway"),
        "lines of what is no import": Case(**producer, path=f"/imports/{of.own_id}/refusals", stage="resource"),
        "a secret for who writes it": Case(
            groups=("consumer", "producer"), method="GET", path=f"{by_place}/secret", stage="gateway"
        ),
        "no policy": Case(groups=("stranger",), method="GET", path="/jobs", stage="policies"),
        "no group": Case(groups=(), method="GET", path="/jobs", stage="policies"),
        "policies for an administrator": Case(**admin, path="/policies", stage=None),
        "policies for others": Case(**consumer, path="/policies", stage="gateway"),
        "a path with a slash in a name": Case(**admin, path="/subjects/a%2Fb/tokens", stage="service"),
        "no such route": Case(**admin, path="/nowhere", stage="route"),
        "no such method": Case(**{**admin, "method": "PATCH"}, path="/tokens", stage="route"),
        "no bearer needed": Case(groups=(), method="GET", path="/health", stage=None),
        "a hand-in within limits": Case(
            groups=(of.shop,), method="POST", path="/tokens", body=in_shop, within={"domain": "shop"}, stage=None
        ),
        "a hand-in outside limits": Case(
            **{**handing_in, "groups": (of.shop,)}, within={"domain": "default"}, stage="service"
        ),
        "a record outside limits": Case(groups=(of.shop,), method="GET", path=by_place, stage="service"),
    }


NAMES = tuple(cases(Scene(owner="o", hook="h", own_id="a", foreign_id="b", shop="s")))


def explain(api: Api, case: Case, **who: Any) -> Any:
    within = {"within": case.within} if case.within else {}
    body = {"method": case.method, "path": case.path, **within, **who}
    answer = api.post("/authz/explain", api.admin, body=body)
    assert answer.status == 200, answer.body
    return answer.json


def send(api: Api, case: Case, bearer: str) -> Answer:
    return api.call(case.method, case.path + case.query, bearer, body=case.body)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_explained_is_what_comes_out(api: Api, scene: Scene, name: str) -> None:
    case = cases(scene)[name]
    principal = scene.hook if case.groups == ("producer",) else scene.owner
    bearer = api.bearer(principal, *case.groups)

    by_bearer = explain(api, case, bearer=bearer)
    by_name = explain(api, case, principal=principal, groups=list(case.groups))
    answer = send(api, case, bearer)

    assert by_bearer["stage"] == by_name["stage"] == case.stage
    assert by_bearer["allowed"] is by_name["allowed"] is (answer.status < 300), answer
    assert answer.status < 300 or answer.status in (401, 403, 404)
    assert {name: text for name, text in by_bearer.items() if name != "bearer"} == {
        name: text for name, text in by_name.items() if name != "bearer"
    }


@pytest.mark.parametrize(("encoded", "code"), [("%7c", "spelling"), ("%257C", "not_allowed")])
def test_a_spelling_that_api_gateway_would_not_take_is_told(api: Api, scene: Scene, encoded: str, code: str) -> None:
    """The local cloud decodes a path before it compares, so that there is nothing to hold this against here."""
    case = Case(groups=(), method="GET", path=f"/subjects/{scene.owner.replace('|', encoded)}/tokens", stage="gateway")

    found = explain(api, case, bearer=api.consumer(scene.owner))

    assert (found["stage"], found["code"]) == ("gateway", code)
    assert (found["gateway"]["spellings"] != []) == (code == "spelling")


def test_a_bearer_that_is_refused_is_explained_and_stands_in_no_log(api: Api, cloud: LiveCloud) -> None:
    case = Case(groups=(), method="GET", path="/jobs", stage="bearer")
    principal = unique("refused")
    good = cloud.token(principal, ["admin"])
    bearers = {
        "expired": cloud.token(principal, ["admin"], ttl=-60, iat=int(time.time()) - 120),
        "audience": cloud.token(principal, ["admin"], aud="somebody-else"),
        "issuer": cloud.token(principal, ["admin"], iss="https://issuer.example/"),
        "signature": good[: good.rindex(".") + 1] + "A" * (len(good) - good.rindex(".") - 1),
    }

    found = {code: explain(api, case, bearer=bearer) for code, bearer in bearers.items()}
    answers = {code: send(api, case, bearer).status for code, bearer in bearers.items()}

    assert {code: (one["allowed"], one["stage"], one["code"]) for code, one in found.items()} == {
        code: (False, "bearer", code) for code in bearers
    }
    assert answers == {"expired": 401, "audience": 403, "issuer": 403, "signature": 403}
    logs = "".join(cloud.logs(function) for function in FUNCTIONS)
    assert not [part for bearer in bearers.values() for part in bearer.split(".")[1:] if part in logs]


def test_a_revoked_bearer_is_told_from_another_of_the_same_principal(api: Api, cloud: LiveCloud) -> None:
    subject, jti = unique("stolen"), secrets.token_hex(8)
    stolen, other = cloud.token(subject, ["consumer"], jti=jti), cloud.token(subject, ["consumer"])
    case = Case(groups=(), method="GET", path=f"/subjects/{quote(subject, safe='')}/tokens", stage=None)
    revocation = api.post("/revocations", api.admin, body={"bearer": jti, "why": "stolen"}).json

    told = [explain(api, case, bearer=bearer) for bearer in (stolen, other)]
    time.sleep(5)
    answers = [send(api, case, bearer).status for bearer in (stolen, other)]
    api.delete(f"/revocations/{revocation['id']}", api.admin)

    assert [(one["stage"], one["revocation"]) for one in told] == [("revoked", revocation), (None, None)]
    assert answers == [403, 200]
