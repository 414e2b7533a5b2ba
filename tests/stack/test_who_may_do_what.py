"""Each group at each route, on what is its own and on what is another's. One table says what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.stack.http import Answer, Api, at, hand_in, unique

if TYPE_CHECKING:
    from collections.abc import Callable

    from devtool.testing import LiveCloud


@dataclass(frozen=True, kw_only=True)
class Thing:
    """A token that somebody has, and who handed it in."""

    subject: str
    token_id: str
    doomed_id: str
    """Another token of the same subject, to be deleted."""
    requester: str


@pytest.fixture(scope="module")
def things(api: Api, cloud: LiveCloud) -> tuple[Thing, Thing]:
    """Ours and another's: other subjects, handed in by other producers."""
    made = tuple(_thing(api, unique("owner"), unique("hook")) for _ in range(2))
    assert cloud.settle()
    return made[0], made[1]


def _thing(api: Api, subject: str, requester: str) -> Thing:
    bearer = api.bearer(requester, "producer")
    ids = [api.post("/tokens", bearer, body=hand_in(subject, name)).json["id"] for name in ("doomed", "google")]
    return Thing(subject=subject, doomed_id=ids[0], token_id=ids[1], requester=requester)


ROUTES: dict[str, Callable[[Api, str | None, Thing], Answer]] = {
    "hand in": lambda api, bearer, thing: api.post("/tokens", bearer, body=hand_in(thing.subject, "more")),
    "record": lambda api, bearer, thing: api.get(f"/tokens/{thing.token_id}", bearer),
    "secret": lambda api, bearer, thing: api.get(f"/tokens/{thing.token_id}/secret", bearer),
    "list": lambda api, bearer, thing: api.get(at(thing.subject), bearer),
    "subject's record": lambda api, bearer, thing: api.get(at(thing.subject, "google"), bearer),
    "subject's secret": lambda api, bearer, thing: api.get(at(thing.subject, "google", "secret"), bearer),
    "job": lambda api, bearer, thing: api.get(f"/jobs/{thing.token_id}", bearer),
    "jobs": lambda api, bearer, thing: api.get(f"/jobs?subject={quote(thing.subject)}", bearer),
    "subject's jobs": lambda api, bearer, thing: api.get(f"/subjects/{quote(thing.subject)}/jobs", bearer),
    "ticket": lambda api, bearer, _: api.post("/tickets", bearer),
    "ticket for the subject": lambda api, bearer, thing: api.post("/tickets", bearer, body={"subject": thing.subject}),
    "ticket for the job": lambda api, bearer, thing: api.post("/tickets", bearer, body={"job": thing.token_id}),
    "delete": lambda api, bearer, thing: api.delete(f"/tokens/{thing.doomed_id}", bearer),
}

NOTHING = dict.fromkeys(ROUTES, (403, 403))
EXPECTED: dict[str, dict[str, tuple[int, int]]] = {
    # group: {route: (status for one's own, status for another's)}
    "(no bearer)": dict.fromkeys(ROUTES, (401, 401)),
    "(no group)": NOTHING,
    "stranger": NOTHING,
    "Consumer": NOTHING,  # groups are compared letter for letter
    "producer": {
        **NOTHING,
        "hand in": (202, 202),
        "record": (200, 404),
        "job": (200, 404),
        "ticket": (201, 201),
        "ticket for the subject": (404, 404),
        "ticket for the job": (201, 404),
    },
    "consumer": {
        "hand in": (403, 403),
        "record": (200, 404),
        "secret": (200, 404),
        "list": (200, 403),
        "subject's record": (200, 403),
        "subject's secret": (200, 403),
        "job": (200, 404),
        "jobs": (403, 403),
        "subject's jobs": (200, 403),
        "ticket": (201, 201),
        "ticket for the subject": (201, 404),
        "ticket for the job": (201, 404),
        "delete": (202, 404),
    },
    # Who writes everybody's tokens reads no secret, also as a consumer: the producer's Deny wins.
    "producer,consumer": {
        "hand in": (202, 202),
        "record": (200, 404),
        "secret": (403, 403),
        "list": (200, 403),
        "subject's record": (200, 403),
        "subject's secret": (403, 403),
        "job": (200, 404),
        "jobs": (403, 403),
        "subject's jobs": (200, 403),
        "ticket": (201, 201),
        "ticket for the subject": (201, 404),
        "ticket for the job": (201, 404),
        "delete": (404, 404),
    },
    "admin": {
        "hand in": (202, 202),
        "record": (200, 200),
        "secret": (200, 200),
        "list": (200, 200),
        "subject's record": (200, 200),
        "subject's secret": (200, 200),
        "job": (200, 200),
        "jobs": (200, 200),
        "subject's jobs": (200, 200),
        "ticket": (201, 201),
        "ticket for the subject": (201, 201),
        "ticket for the job": (201, 201),
        "delete": (202, 202),
    },
}


def caller(api: Api, groups: str, thing: Thing) -> str | None:
    if groups == "(no bearer)":
        return None
    names = [] if groups == "(no group)" else groups.split(",")
    return api.bearer(thing.requester if names == ["producer"] else thing.subject, *names)


@pytest.mark.parametrize("groups", EXPECTED)
def test_a_group_may_do_what_its_policy_says_and_nothing_else(
    api: Api, things: tuple[Thing, Thing], groups: str
) -> None:
    own, foreign = things
    bearer = caller(api, groups, own)

    found = {route: (ask(api, bearer, own).status, ask(api, bearer, foreign).status) for route, ask in ROUTES.items()}

    assert found == EXPECTED[groups]


def test_no_refusal_says_why_or_tells_what_is_there_from_what_is_not(api: Api, things: tuple[Thing, Thing]) -> None:
    _, foreign = things
    nowhere = Thing(subject=unique("nobody"), token_id="a" * 26, doomed_id="b" * 26, requester=unique("nobody"))
    stranger = unique("stranger")
    for groups in ("producer", "consumer", "stranger"):
        bearer = api.bearer(stranger, groups)
        for route, ask in ROUTES.items():
            if route in ("hand in", "ticket"):
                continue

            there, not_there = ask(api, bearer, foreign), ask(api, bearer, nowhere)

            assert there.status in (403, 404), (groups, route)
            assert (there.status, there.body) == (not_there.status, not_there.body), (groups, route)
            assert set(there.json) == {"type", "title", "status", "code", "detail"}
