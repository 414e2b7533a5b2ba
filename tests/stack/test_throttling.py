"""What a client may ask at once and in a month: its own limit, and one that all others share."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.stack.http import Answer, Api, unique

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtool.testing import LiveCloud

NOTHING = "/jobs/" + "a" * 26


@pytest.fixture(scope="module")
def plans(cloud: LiveCloud) -> dict[str, dict[str, Any]]:
    return usage_plans(cloud)


def usage_plans(cloud: LiveCloud) -> dict[str, dict[str, Any]]:
    """Return the stack's usage plans as API Gateway has them, by what they are for."""
    listed = cloud.client("apigateway").get_usage_plans()["items"]
    (named,) = [plan for plan in listed if plan["description"].startswith("What each of the clients")]
    (others,) = [plan for plan in listed if plan["description"].startswith("What all other clients")]
    return {"named": named, "others": others}


@contextmanager
def limited(cloud: LiveCloud, plan: dict[str, Any], **to: str) -> Iterator[None]:
    """Lower a plan's limits, as an operator would, and put them back."""
    gateway = cloud.client("apigateway")
    paths = {"rate": "/throttle/rateLimit", "burst": "/throttle/burstLimit", "quota": "/quota/limit"}
    patches = [{"op": "replace", "path": paths[name], "value": value} for name, value in to.items()]
    if "quota" in to:
        patches.append({"op": "replace", "path": "/quota/period", "value": "MONTH"})
    gateway.update_usage_plan(usagePlanId=plan["id"], patchOperations=patches)
    try:
        yield
    finally:
        before = plan["throttle"]
        patches = [
            {"op": "replace", "path": "/throttle/rateLimit", "value": str(before["rateLimit"])},
            {"op": "replace", "path": "/throttle/burstLimit", "value": str(before["burstLimit"])},
            *([{"op": "remove", "path": "/quota"}] if "quota" in to else []),
        ]
        gateway.update_usage_plan(usagePlanId=plan["id"], patchOperations=patches)


def bearer_of(cloud: LiveCloud, **claims: object) -> str:
    return cloud.token(unique("metered"), ["admin"], **claims)


def refill(api: Api, *bearers: str) -> None:
    """Let a client's bucket fill at its usual rate, whatever an earlier test left in it."""
    for bearer in bearers:
        assert asked(api, bearer, 1) == [404]


def asked(api: Api, bearer: str, times: int = 3) -> list[int]:
    return [api.get(NOTHING, bearer).status for _ in range(times)]


def test_one_clients_burst_is_refused_and_another_client_at_that_moment_is_not(
    api: Api, cloud: LiveCloud, plans: dict[str, dict[str, Any]]
) -> None:
    hook, storefront = bearer_of(cloud, azp="login-hook"), bearer_of(cloud, azp="storefront")

    refill(api, hook, storefront)
    with limited(cloud, plans["named"], rate="0.01", burst="2"):
        first = asked(api, hook)
        refused = api.get(NOTHING, bearer_of(cloud, client_id="login-hook"))
        others = [*asked(api, storefront, 2), *asked(api, bearer_of(cloud))]

    assert first == [404, 404, 429]
    assert others == [404] * 5
    assert_too_many(refused)
    assert asked(api, hook, 1) == [404], "the limit was not put back"


def assert_too_many(answer: Answer) -> None:
    assert (answer.status, answer.code) == (429, "too_many_requests")
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["content-type"] == "application/problem+json"


def test_clients_that_are_not_listed_share_one_limit(
    api: Api, cloud: LiveCloud, plans: dict[str, dict[str, Any]]
) -> None:
    one, other, nameless = bearer_of(cloud, azp="unknown"), bearer_of(cloud, azp="login-hook2"), bearer_of(cloud)
    listed = bearer_of(cloud, azp="login-hook")

    refill(api, nameless, listed)
    with limited(cloud, plans["others"], rate="0.01", burst="2"):
        statuses = [api.get(NOTHING, bearer).status for bearer in (one, other, nameless, one)]
        of_a_listed_one = asked(api, listed)

    assert statuses == [404, 404, 429, 429]
    assert of_a_listed_one == [404] * 3


def test_a_months_requests_that_are_used_up_are_said_to_be(
    api: Api, cloud: LiveCloud, plans: dict[str, dict[str, Any]]
) -> None:
    storefront = bearer_of(cloud, azp="storefront")

    refill(api, storefront)
    with limited(cloud, plans["named"], quota="1"):
        answers = [api.get(NOTHING, storefront) for _ in range(2)]

    assert [answer.status for answer in answers] == [404, 429]
    assert (answers[1].code, answers[1].headers["retry-after"]) == ("quota_exceeded", "3600")


def test_a_key_that_a_caller_sends_is_not_looked_at(
    api: Api, cloud: LiveCloud, plans: dict[str, dict[str, Any]]
) -> None:
    gateway = cloud.client("apigateway")
    keys = gateway.get_api_keys(includeValues=True, limit=100)["items"]
    (listed,) = [key["value"] for key in keys if key["description"] == "Counts the requests of client 2 of CLIENTS"]

    bearer = bearer_of(cloud)
    refill(api, bearer)
    with limited(cloud, plans["others"], rate="0.01", burst="1"):
        statuses = [api.get(NOTHING, bearer, headers={"X-Api-Key": listed}).status for _ in range(2)]

    assert statuses == [404, 429], "the key of another client was believed"
    assert api.get(NOTHING, headers={"X-Api-Key": listed}).status == 401, "a key is no credential"


def test_each_key_has_a_value_of_its_own_that_nobody_can_guess(cloud: LiveCloud) -> None:
    keys = cloud.client("apigateway").get_api_keys(includeValues=True, limit=100)["items"]
    ours = [key["value"] for key in keys if key["description"].startswith("Counts the requests of")]

    assert len(set(ours)) == len(ours) == 17
    assert all(value.isalnum() and len(value) == 34 for value in ours)


def test_every_route_has_a_limit_for_all_clients_together(cloud: LiveCloud) -> None:
    (api_id,) = [api["id"] for api in cloud.client("apigateway").get_rest_apis()["items"]]
    stage = cloud.client("apigateway").get_stage(restApiId=api_id, stageName="api")

    settings = stage["methodSettings"]["*/*"]
    assert (settings["throttlingRateLimit"], settings["throttlingBurstLimit"]) == (2000.0, 1000)
