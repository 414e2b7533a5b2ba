"""Policies over the routes, and callers whose groups say more than an authorizer's answer holds."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.store import keys
from tests.app.service import ROOT, a_body, a_subject

if TYPE_CHECKING:
    from tests.app.service import Answer, Service

READ = {"effect": "Allow", "methods": ["GET"], "paths": ["/jobs/*"]}
EVERY = {"effect": "Allow", "methods": ["*"], "paths": ["/*"]}
ON_PURPOSE = ["every_secret", "administration"]

_numbers = itertools.count(1)


def put(service: Service, group: str, *statements: dict[str, Any], **members: Any) -> Answer:
    return service.ask("PUT", f"/policies/{group}", ROOT, body={"statements": statements, **members})


def a_group(service: Service, *statements: dict[str, Any], **members: Any) -> str:
    group = f"group-{next(_numbers)}"
    assert put(service, group, *statements, **members).status == 200
    return group


def test_a_policy_is_put_shown_listed_and_taken_away(service: Service) -> None:
    made = put(service, "readers", READ, why="They read.", limits={"providers": ["google"]})
    shown = service.ask("GET", "/policies/readers", ROOT)
    listed = service.ask("GET", "/policies?limit=2", ROOT)
    rest = service.ask("GET", f"/policies?cursor={listed.body['cursor']}", ROOT)
    deleted = service.ask("DELETE", "/policies/readers", ROOT)

    assert made.body == shown.body == deleted.body
    assert {name: made.body[name] for name in ("group", "statements", "limits", "why", "acknowledges", "rev")} == {
        "group": "readers",
        "statements": [READ],
        "limits": {"providers": ["google"]},
        "why": "They read.",
        "acknowledges": [],
        "rev": 1,
    }
    assert made.body["updated_by"] == "root"
    groups = [one["group"] for one in (*listed.body["items"], *rest.body["items"])]
    assert groups == sorted(groups)
    assert {"admin", "consumer", "producer", "readers"} <= set(groups)
    assert service.ask("GET", "/policies/readers", ROOT).refusal == (404, "not_found")
    assert service.ask("DELETE", "/policies/readers", ROOT).refusal == (404, "not_found")
    assert service.table.get(keys.policy_key("readers")) is None


@pytest.mark.parametrize("path", ["/policies/-a", "/policies/a%20b", "/policies/a%2Fb", "/policies?cursor=x"])
def test_a_name_that_no_group_has_is_refused(service: Service, path: str) -> None:
    assert service.ask("GET", path, ROOT).status in (400, 404)


def test_what_a_policy_must_not_say_is_refused(service: Service) -> None:
    wide = put(service, "wide", EVERY)
    wrong = put(service, "wrong", {**READ, "paths": ["/a", "b"]})

    assert (wide.status, wide.body["code"], wide.body["field"]) == (400, "invalid_body", "statements[0].paths[0]")
    assert (wrong.status, wrong.body["field"]) == (400, "statements[0].paths[1]")
    assert wrong.body["rule"] == "must be a string that begins with '/'"
    assert put(service, "admin", READ).refusal == (409, "would_lock_out")
    assert service.ask("DELETE", "/policies/admin", ROOT).refusal == (409, "would_lock_out")


def test_a_hand_in_outside_the_limits_names_the_field(service: Service) -> None:
    group = a_group(service, {**READ, "methods": ["POST"], "paths": ["/tokens"]}, limits={"environments": ["test"]})
    body = a_body(a_subject())

    outside = service.ask("POST", "/tokens", ("hook", (group,)), body=body)
    within = service.ask("POST", "/tokens", ("hook", (group,)), body={**body, "environment": "test"})

    assert (outside.status, outside.body["code"], outside.body["field"]) == (403, "outside_limits", "environment")
    assert within.status == 202


def test_a_caller_of_many_groups_is_decided_on_by_all_of_them(service: Service) -> None:
    subject = a_subject()
    token_id = service.hand_in(subject)
    padding = [{**READ, "paths": [f"/jobs/{'x' * 60}-{number}" for number in range(30)]}]
    groups = [a_group(service, *padding) for _ in range(40)]
    allow = a_group(service, {**READ, "paths": [f"/subjects/{subject}/tokens/*", "/tokens/*"]}, acknowledges=ON_PURPOSE)
    deny = a_group(service, {**READ, "effect": "Deny", "paths": ["/tokens/*/secret"]})

    def ask(path: str, *more: str) -> int:
        return service.ask("GET", path, ("somebody", (*groups, *more))).status

    assert ask(f"/tokens/{token_id}", allow) == 200
    assert ask(f"/tokens/{token_id}/secret", allow) == 200
    assert ask(f"/tokens/{token_id}", allow, deny) == 200
    assert ask(f"/tokens/{token_id}/secret", allow, deny) == 403
    assert ask("/policies", allow) == 403
    assert ask(f"/tokens/{token_id}") == 403


@pytest.mark.parametrize(("domain", "count"), [("receipts-within", 1), ("receipts-outside", 0)])
def test_receipt_keys_are_shown_within_limits_whatever_the_provider(service: Service, domain: str, count: int) -> None:
    keys_of_a_domain = {"effect": "Allow", "methods": ["GET"], "paths": ["/receipts/jwks.json"]}
    limits = {"domains": ["receipts-within"], "providers": ["google"]}
    group = a_group(service, keys_of_a_domain, limits=limits)
    handed_in = service.ask("POST", "/tokens", ROOT, body={**a_body(a_subject()), "domain": domain})

    shown = service.ask("GET", f"/receipts/jwks.json?domain={domain}", (a_subject(), (group,)))

    assert handed_in.status == 202
    assert (shown.status, len(shown.body["keys"])) == (200, count)
