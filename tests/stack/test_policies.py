"""Policies on the deployed stack: put by route, in force for a new bearer, and their limits held by each route."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.stack.http import at, hand_in, unique
from tests.stack.test_imports import NDJSON, ended
from tests.stack.watching import Caller, somebody

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from devtool.testing import LiveCloud
    from tests.stack.http import Answer, Api

EVERY = {"effect": "Allow", "methods": ["*"], "paths": ["/*"]}
ON_PURPOSE = ["every_secret", "administration"]


def a_group() -> str:
    """Return a group that nobody has asked about yet: authorizers keep for a minute what they have found."""
    return f"group-{secrets.token_hex(6)}"


@pytest.fixture
def put(api: Api) -> Iterator[Callable[..., str]]:
    """Give a group of its own a policy, and take it away again."""
    made: list[str] = []

    def putting(*statements: dict[str, Any], **members: Any) -> str:
        made.append(a_group())
        answer = api.put(f"/policies/{made[-1]}", api.admin, body={"statements": statements, **members})
        assert answer.status == 200, answer.body
        return made[-1]

    yield putting
    for group in made:
        api.delete(f"/policies/{group}", api.admin)


def test_a_policy_is_put_shown_listed_and_taken_away(api: Api) -> None:
    group = a_group()
    limited = {"statements": [EVERY], "limits": {"domains": ["shop"]}, "acknowledges": ON_PURPOSE}

    first = api.put(f"/policies/{group}", api.admin, body={"statements": [{**EVERY, "paths": ["/jobs/*"]}]})
    second = api.put(f"/policies/{group}", api.admin, body=limited)
    shown = api.get(f"/policies/{group}", api.admin)
    listed = api.get("/policies", api.admin)
    deleted = api.delete(f"/policies/{group}", api.admin)

    assert [answer.status for answer in (first, second, shown, listed, deleted)] == [200] * 5
    assert (first.json["rev"], first.json["limits"], first.json["updated_by"]) == (1, {}, "operator")
    assert (second.json["rev"], second.json["limits"]) == (2, {"domains": ["shop"]})
    assert shown.json == deleted.json == second.json
    assert second.json in listed.json["items"]
    assert {"admin", "consumer", "producer"} <= {one["group"] for one in listed.json["items"]}
    assert api.get(f"/policies/{group}", api.admin).status == 404


def test_a_policy_that_is_put_counts_for_the_next_bearer(api: Api, cloud: LiveCloud, put: Callable[..., str]) -> None:
    subject = unique("owner")
    api.hand_in(subject)
    assert cloud.settle()
    group = put({"effect": "Allow", "methods": ["GET"], "paths": ["/subjects/*/tokens/google/secret"]})
    bearer = api.bearer(unique("backend"), group)

    assert api.get(at(subject, "google", "secret"), bearer).status == 200
    assert api.get(at(subject, "google"), bearer).status == 403


def test_only_administrators_come_near_a_policy(api: Api, put: Callable[..., str]) -> None:
    limited = put(EVERY, limits={"domains": ["shop"]}, acknowledges=ON_PURPOSE)
    for bearer in (api.producer, api.consumer(unique("consumer")), api.bearer(unique("of-a-shop"), limited)):
        for method, path in (("GET", "/policies"), *((method, "/policies/x") for method in ("GET", "PUT", "DELETE"))):
            body = {"statements": [EVERY]} if method == "PUT" else None
            assert api.call(method, path, bearer, body=body).status == 403
    assert api.get("/policies").status == 401


def test_what_is_refused_is_refused_with_its_place(api: Api) -> None:
    wide = api.put(f"/policies/{a_group()}", api.admin, body={"statements": [EVERY]})
    sawn = [
        api.put("/policies/admin", api.admin, body={"statements": [{**EVERY, "paths": ["/jobs/*"]}]}),
        api.delete("/policies/admin", api.admin),
    ]

    assert (wide.status, wide.code, wide.json["field"]) == (400, "invalid_body", "statements[0].paths[0]")
    assert [(answer.status, answer.code) for answer in sawn] == [(409, "would_lock_out")] * 2
    assert api.get("/policies/admin", api.admin).status == 200


@dataclass(frozen=True, kw_only=True)
class Thing:
    subject: str
    domain: str
    token_id: str
    doomed_id: str


def a_thing(api: Api, domain: str, bearer: str) -> Thing:
    subject = unique("owner")
    ids = [
        api.post("/tokens", bearer, body={**hand_in(subject, provider), "domain": domain}).json["id"]
        for provider in ("doomed", "google")
    ]
    return Thing(subject=subject, domain=domain, token_id=ids[1], doomed_id=ids[0])


def inside(path: str, thing: Thing) -> str:
    return f"{path}?domain={thing.domain}"


ROUTES: dict[str, Callable[[Api, str, Thing], Answer]] = {
    "hand in": lambda api, bearer, thing: api.post(
        "/tokens", bearer, body={**hand_in(thing.subject, "more"), "domain": thing.domain}
    ),
    "record": lambda api, bearer, thing: api.get(f"/tokens/{thing.token_id}", bearer),
    "secret": lambda api, bearer, thing: api.get(f"/tokens/{thing.token_id}/secret", bearer),
    "refresh": lambda api, bearer, thing: api.post(f"/tokens/{thing.token_id}/refresh", bearer),
    "rejected": lambda api, bearer, thing: api.post(
        f"/tokens/{thing.doomed_id}/rejected", bearer, body={"generation": 1}
    ),
    "subject's record": lambda api, bearer, thing: api.get(inside(at(thing.subject, "google"), thing), bearer),
    "subject's secret": lambda api, bearer, thing: api.get(
        inside(at(thing.subject, "google", "secret"), thing), bearer
    ),
    "job": lambda api, bearer, thing: api.get(f"/jobs/{thing.token_id}", bearer),
    "cancel": lambda api, bearer, thing: api.post(f"/jobs/{thing.token_id}/cancel", bearer),
    "retry": lambda api, bearer, thing: api.post(f"/jobs/{thing.token_id}/retry", bearer),
    "ticket for the job": lambda api, bearer, thing: api.post("/tickets", bearer, body={"job": thing.token_id}),
    "delete": lambda api, bearer, thing: api.delete(f"/tokens/{thing.doomed_id}", bearer),
}
EXPECTED = {
    # route: (status within the limits, status outside)
    "hand in": (202, 403),
    "record": (200, 404),
    "secret": (200, 404),
    "refresh": (409, 404),
    "rejected": (200, 404),
    "subject's record": (200, 403),
    "subject's secret": (200, 403),
    "job": (200, 404),
    "cancel": (409, 404),
    "retry": (409, 404),
    "ticket for the job": (201, 404),
    "delete": (202, 404),
}


def test_each_route_holds_the_limits(api: Api, cloud: LiveCloud, put: Callable[..., str]) -> None:
    """The caller may do everything in its domain, and handed both things in: before it was limited."""
    who = unique("of-a-shop")
    everywhere = api.bearer(who, "producer")
    mine, other = a_thing(api, "shop", everywhere), a_thing(api, "office", everywhere)
    assert cloud.settle()
    bearer = api.bearer(who, put(EVERY, limits={"domains": ["shop"]}, acknowledges=ON_PURPOSE))

    found = {route: tuple(ask(api, bearer, thing).status for thing in (mine, other)) for route, ask in ROUTES.items()}

    assert found == EXPECTED
    refused = ROUTES["hand in"](api, bearer, other)
    assert (refused.code, refused.json["field"]) == ("outside_limits", "domain")
    assert cloud.settle()


def test_lists_show_what_lies_within(api: Api, cloud: LiveCloud, put: Callable[..., str]) -> None:
    subject = unique("owner")
    for provider in ("google", "apple"):
        api.hand_in(subject, provider)
    assert cloud.settle()
    group = put(EVERY, limits={"providers": ["google"]}, acknowledges=ON_PURPOSE)
    bearer = api.bearer(unique("of-google"), group)

    tokens = api.get(at(subject), bearer).json["items"]
    jobs = api.get(f"/subjects/{quote(subject)}/jobs", bearer).json["items"]
    everybodys = api.get(f"/jobs?subject={quote(subject)}", bearer).json["items"]

    assert [one["provider"] for one in tokens] == ["google"]
    assert [one["input"]["provider"] for one in jobs] == ["google"]
    assert [one["input"]["provider"] for one in everybodys] == ["google"]


def test_an_import_is_held_to_the_limits_that_it_was_accepted_under(api: Api, put: Callable[..., str]) -> None:
    subject = unique("owner")
    statement = {"effect": "Allow", "methods": ["*"], "paths": ["/imports", "/jobs/*", "/imports/*"]}
    group = put(statement, limits={"domains": ["shop"], "providers": ["google", "apple"]})
    bearer = api.bearer(unique("importer"), group)
    bodies = [
        {**hand_in(subject, provider), "domain": domain}
        for provider, domain in (("google", "shop"), ("google", "office"), ("hybris", "shop"), ("apple", "shop"))
    ]
    lines = "\n".join(map(json.dumps, bodies)).encode()

    accepted = api.post("/imports", bearer, body=lines, headers=NDJSON)
    widened = api.put(f"/policies/{group}", api.admin, body={"statements": [EVERY], "acknowledges": ON_PURPOSE})
    job = ended(api, accepted, bearer)

    assert widened.status == 200
    assert (job["status"], job["result"]["stored"]) == ("SUCCEEDED", 2)
    assert [(one["line"], one["code"], one["field"]) for one in job["result"]["refusals"]] == [
        (2, "outside_limits", "domain"),
        (3, "outside_limits", "provider"),
    ]
    assert job["input"]["limits"] == [{"domains": ["shop"], "providers": ["google", "apple"]}]


def test_a_push_about_what_lies_outside_reaches_nobody_who_is_limited(
    api: Api, cloud: LiveCloud, put: Callable[..., str]
) -> None:
    subject = somebody("watched")
    group = put(EVERY, limits={"domains": ["shop"]}, acknowledges=ON_PURPOSE)
    limited, free = Caller.of(cloud, somebody("of-a-shop"), group), Caller.of(cloud, somebody("root"), "admin")

    with limited.join(subject=subject) as here, free.join(subject=subject) as everywhere:
        assert [watcher.snapshot()["jobs"] for watcher in (here, everywhere)] == [[], []]
        for provider, domain in (("first", "office"), ("second", "shop")):
            body = {**hand_in(subject, provider), "domain": domain}
            assert api.post("/tokens", api.producer, body=body).status == 202
        told, all_told = here.updates(2), everywhere.updates(4)

    assert {one["job"]["input"]["domain"] for one in told} == {"shop"}
    assert {one["job"]["input"]["domain"] for one in all_told} == {"office", "shop"}


def test_a_caller_of_60_groups_is_admitted_and_decided_on_exactly(api: Api, cloud: LiveCloud) -> None:
    """What its groups say is larger than the gateway takes: the service reads it for itself."""
    mine, other = a_thing(api, "default", api.producer), a_thing(api, "default", api.producer)
    assert cloud.settle()
    groups = [a_group() for _ in range(60)]
    for number, group in enumerate(groups):
        paths = [f"/subjects/somebody-{number}-{'x' * 40}/tokens/{path}/secret" for path in range(20)]
        statements = [{"effect": "Allow", "methods": ["GET"], "paths": [*paths, "/jobs/*"]}]
        if number == 17:
            statements.append({"effect": "Allow", "methods": ["GET"], "paths": [f"/subjects/{mine.subject}/*"]})
        if number == 59:
            statements.append({"effect": "Deny", "methods": ["GET"], "paths": ["/subjects/*/tokens/*/secret"]})
        body = {"statements": statements, "acknowledges": ["every_secret"]}
        assert api.put(f"/policies/{group}", api.admin, body=body).status == 200
    bearer = api.bearer(unique("of-many"), *groups)

    found = {
        route: (ROUTES[route](api, bearer, mine).status, ROUTES[route](api, bearer, other).status) for route in ROUTES
    }

    for group in groups:
        api.delete(f"/policies/{group}", api.admin)
    assert found == {
        **dict.fromkeys(ROUTES, (403, 403)),
        "subject's record": (200, 403),
        "subject's secret": (403, 403),
        "job": (200, 404),
    }
