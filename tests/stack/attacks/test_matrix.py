"""Each operation of the document by each kind of caller, on its own things and on another's that really exist."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from devtool.between import environment_of
from devtool.issuer import BUCKET, public_jwk
from tests.stack.attacks import forge
from tests.stack.attacks.matrix import EVERYBODY, WHO_MAY, Thing, ask, make, operations, path_of
from tests.stack.http import unique

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtool.testing import LiveCloud
    from tests.stack.http import Answer, Api

BOUND = 5.0
"""Seconds after which a revoked access has ended."""

UNKNOWN = {"(no bearer)", "expired"}
"""Whoever proves nothing is told to sign in; everybody else hears no or nothing."""

ON_ANOTHERS = [
    *("(no bearer)", "expired", "(no group)", "stranger", "producer", "consumer", "both", "environment", "domain"),
    *("provider", "revoked", "namesake"),
]
ON_ITS_OWN = ["producer", "consumer", "both"]
METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH", "HEAD")

Items = dict[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Stage:
    victim: Thing
    own: dict[str, Thing]
    """A thing of its own for each kind of caller that has one."""
    bearers: dict[str, str | None]
    before: Items


@pytest.fixture(scope="module")
def stage(api: Api, cloud: LiveCloud) -> Iterator[Stage]:
    victim = make(api, "victim")
    own = {kind: make(api, f"own-{kind}") for kind in (*ON_ITS_OWN, "admin")}
    limited = {kind: limited_to(api, kind) for kind in ("environment", "domain", "provider")}
    with second_issuer(cloud) as issuer:
        bearers = {
            "(no bearer)": None,
            "expired": cloud.token(victim.subject, ["admin"], ttl=-60),
            "(no group)": cloud.token(unique("groupless")),
            "stranger": cloud.token(unique("stranger"), ["nobody-knows-it"]),
            "producer": cloud.token(unique("producer"), ["producer"]),
            "consumer": cloud.token(unique("consumer"), ["consumer"]),
            "both": cloud.token(unique("both"), ["producer", "consumer"]),
            **{kind: cloud.token(unique(kind), [group]) for kind, group in limited.items()},
            "revoked": revoked(api, cloud),
            "namesake": namesake(cloud, issuer, victim.subject),
        }
        assert cloud.settle()
        yield Stage(victim=victim, own=own, bearers=bearers, before=items_of(cloud, victim))
    for group in limited.values():
        api.delete(f"/policies/{group}", api.admin)


def limited_to(api: Api, kind: str) -> str:
    """Make a group that may do everything, but elsewhere."""
    group = f"elsewhere-{secrets.token_hex(6)}"
    statement = {"effect": "Allow", "methods": ["*"], "paths": ["/*"]}
    limits = {f"{kind}s": ["elsewhere"]}
    body = {"statements": [statement], "limits": limits, "acknowledges": ["every_secret", "administration"]}
    assert api.put(f"/policies/{group}", api.admin, body=body).status == 200
    return group


def revoked(api: Api, cloud: LiveCloud) -> str:
    """Return the bearer of an administrator that the gateway has admitted, and whose access was ended since."""
    principal = unique("former-admin")
    bearer = cloud.token(principal, ["admin"])
    assert api.get("/providers", bearer).status == 200
    assert api.post("/revocations", api.admin, body={"principal": principal}).status == 201
    time.sleep(BOUND)
    return bearer


class second_issuer:  # noqa: N801  a context manager, used as a function
    """Trust another issuer for a while, whose consumers have names of their own."""

    def __init__(self, cloud: LiveCloud) -> None:
        self._name = f"{cloud.endpoint}/{BUCKET}/{secrets.token_hex(4)}"
        keys = {"keys": [public_jwk(forge.own_key()) | {"kid": "second", "use": "sig", "alg": "RS256"}]}
        place = self._name.removeprefix(f"{cloud.endpoint}/{BUCKET}/") + "/jwks.json"
        cloud.client("s3").put_object(Bucket=BUCKET, Key=place, Body=json.dumps(keys).encode())
        rules = {
            "issuer": self._name,
            "jwks_url": f"{self._name}/jwks.json",
            "audience": cloud.audience,
            "groups": ["consumer"],
            "principal_prefix": "second:",
        }
        self._trusted = environment_of(cloud, "authorize", {"ISSUERS": json.dumps([rules])})

    def __enter__(self) -> str:
        self._trusted.__enter__()
        return self._name

    def __exit__(self, *error: object) -> None:
        self._trusted.__exit__(None, None, None)


def namesake(cloud: LiveCloud, issuer: str, subject: str) -> str:
    """Return a bearer of the other issuer for somebody of the victim's very name."""
    claims = forge.claims(cloud, iss=issuer, sub=subject, groups=["consumer", "admin"])
    return forge.signed(cloud, forge.header(cloud, kid="second"), claims, key=forge.own_key())


def items_of(cloud: LiveCloud, thing: Thing) -> Items:
    """Return what the table holds of somebody, save what the audit writes of attempts."""
    found: Items = {}
    for page in cloud.client("dynamodb").get_paginator("scan").paginate(TableName=cloud.table, ConsistentRead=True):
        for item in page["Items"]:
            text = str(item)
            if item.get("kind") != {"S": "audit"} and any(trace in text for trace in thing.traces):
                found[f"{item['pk']['S']} {item['sk']['S']}"] = item
    return found


def check_unchanged(cloud: LiveCloud, stage: Stage) -> None:
    """Hold that each item of the victim is what it was."""
    after = items_of(cloud, stage.victim)
    changed = {key: (item, after.get(key)) for key, item in stage.before.items() if after.get(key) != item}
    assert not changed, changed


def check_says_nothing(answer: Answer, victim: Thing) -> None:
    assert not [text for text in victim.told if text.encode() in answer.body], answer


OUTSIDE = {"handInToken", "putProvider"}
"""What says itself where it lies: whoever is limited hears which part of its own request is outside, of no record."""


def check_refused(kind: str, name: str, answer: Answer) -> None:
    assert answer.status in ((401,) if kind in UNKNOWN else (401, 403) if kind == "revoked" else (403, 404)), answer
    told = {"type", "title", "status", "code", "detail"}
    if name in OUTSIDE and answer.code == "outside_limits":
        told |= {"field", "rule"}
    assert set(answer.json) == told, (name, answer.body)


def may(column: str, kind: str) -> bool:
    return column == EVERYBODY or kind in column.split()


def test_the_table_says_of_each_operation_who_may() -> None:
    assert {name for name, _, _ in operations()} == set(WHO_MAY)


@pytest.mark.parametrize("kind", ON_ANOTHERS)
def test_a_caller_gets_nothing_of_anothers_and_changes_nothing(
    api: Api, cloud: LiveCloud, stage: Stage, kind: str
) -> None:
    answers = {one[0]: ask(api, one, stage.bearers[kind], stage.victim) for one in operations()}

    allowed = {name for name, answer in answers.items() if answer.status not in (401, 403, 404)}
    assert allowed == {name for name, (_, others) in WHO_MAY.items() if may(others, kind)}
    for name, answer in answers.items():
        check_says_nothing(answer, stage.victim)
        if name not in allowed:
            check_refused(kind, name, answer)
    check_unchanged(cloud, stage)


@pytest.mark.parametrize("kind", ON_ITS_OWN)
def test_a_caller_may_with_its_own_what_the_table_says_and_nothing_else(api: Api, stage: Stage, kind: str) -> None:
    own = stage.own[kind]
    groups = ["producer", "consumer"] if kind == "both" else [kind]
    bearer = api.bearer(own.requester if kind == "producer" else own.subject, *groups)

    answers = {one[0]: ask(api, one, bearer, own) for one in operations()}
    if kind == "both":  # who handed it in is another principal than the subject
        hook = api.bearer(own.requester, *groups)
        answers |= {one[0]: ask(api, one, hook, own) for one in operations() if one[0] in REQUESTERS}

    allowed = {name for name, answer in answers.items() if answer.status not in (401, 403, 404)}
    assert allowed == {name for name, (mine, _) in WHO_MAY.items() if may(mine, kind)}


REQUESTERS = ("listRefusedLines", "verifyReceipt")
"""What only whoever handed it in may ask."""


def test_an_administrator_may_all_of_it(api: Api, stage: Stage) -> None:
    answers = {one[0]: ask(api, one, api.admin, stage.own["admin"]) for one in operations()}

    assert {name: answer.status for name, answer in answers.items() if answer.status in (401, 403, 404)} == {}


def test_a_method_that_the_document_lacks_gets_nobody_inside(api: Api, cloud: LiveCloud, stage: Stage) -> None:
    known: dict[str, set[str]] = {}
    for _, method, template in operations():
        known.setdefault(template, set()).add(method)
    asked = cloud.logs("api_handler").count('"event"')

    tried = [
        api.call(method, path_of(template, stage.victim), api.admin)
        for template, methods in known.items()
        for method in METHODS
        if method not in methods
    ]

    assert len(tried) > 3 * len(known)
    assert {answer.status for answer in tried} <= {403, 404, 405}, [a for a in tried if a.status not in (403, 404)]
    assert cloud.logs("api_handler").count('"event"') == asked, "our function was asked"
    check_unchanged(cloud, stage)
