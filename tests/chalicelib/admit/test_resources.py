from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from chalicelib.admit.resources import CHECKS, NO_IMPORT, NOTHING, refusal_of, whereabouts
from chalicelib.errors import NotFound
from chalicelib.model.caller import Caller
from chalicelib.model.explanation import Route
from chalicelib.model.job import Type
from chalicelib.model.limits import Somewhere
from tests.chalicelib.examples import HOOK, a_deposit, a_job, an_id
from tests.chalicelib.model.groups import one

if TYPE_CHECKING:
    from chalicelib.model.deposit import Deposit
    from chalicelib.model.job import Job
    from chalicelib.model.token import Place, Token

EVERY_ID = one("Allow", ["*"], "/tokens/*", "/jobs/*", "/imports/*")
"""What names no subject: so only what the caller asked for is its own."""


@dataclass
class One:
    """One token, its job, and an import."""

    asked: list[str] = field(default_factory=list)

    def job(self, job_id: str) -> Job:
        if job_id == an_id(9):
            return a_job(9, type=Type.IMPORT, token_id=None, place=None)
        return self.deposit(job_id).job

    def deposit(self, token_id: str) -> Deposit:
        self.asked.append(token_id)
        if token_id != an_id(1):
            raise NotFound
        return a_deposit(1)

    def current(self, place: Place) -> Token | None:
        return None if place.domain == "nowhere" else a_deposit(1).token


def asking(principal: str, method: str, path: str) -> Caller:
    return Caller(principal=principal, statements=(EVERY_ID,), expires_at=0).asking(method, path)


def refusal(principal: str, method: str, route: str, thing: str) -> str | None:
    names = {"job_id" if "job" in route else "token_id": thing}
    caller = asking(principal, method, route.replace("{token_id}", thing).replace("{job_id}", thing))
    found = refusal_of(One(), caller, method, Route(path=route, names=names, methods={method: False}), None)
    return None if found is None else found[0]


@pytest.mark.parametrize(("method", "route"), CHECKS)
def test_who_handed_a_token_in_sees_its_record_and_job_and_nothing_else_of_it(method: str, route: str) -> None:
    sees = {"/tokens/{token_id}": ["GET"], "/jobs/{job_id}": ["GET"]}.get(route, [])
    is_seen = method in sees or route.startswith("/jobs/")
    thing = an_id(9) if route.startswith("/imports") else an_id(1)

    assert refusal(HOOK, method, route, thing) == (None if is_seen or thing == an_id(9) else "not_yours")
    assert refusal("stranger", method, route, thing) == "not_yours"


@pytest.mark.parametrize(("method", "route"), CHECKS)
@pytest.mark.parametrize("thing", [an_id(2), "x", "%61"])
def test_what_there_is_not_is_nobodys(method: str, route: str, thing: str) -> None:
    assert refusal(HOOK, method, route, thing) == "not_found"


def test_the_table_is_not_asked_for_what_is_no_id() -> None:
    things = One()
    route = Route(path="/tokens/{token_id}", names={"token_id": "x"}, methods={"GET": False})

    assert refusal_of(things, asking(HOOK, "GET", "/tokens/x"), "GET", route, None) == NOTHING
    assert things.asked == []


def test_only_an_import_has_lines() -> None:
    route = Route(path="/imports/{job_id}/refusals", names={"job_id": an_id(1)}, methods={"GET": False})

    assert refusal_of(One(), asking(HOOK, "GET", "/imports/x/refusals"), "GET", route, None) == NO_IMPORT


@pytest.mark.parametrize(("domain", "found"), [(None, None), ("nowhere", NOTHING)])
def test_a_place_that_holds_no_token_is_told(domain: str | None, found: object) -> None:
    names = {"subject": "auth0%7Cjane", "provider": "google"}
    route = Route(path="/subjects/{subject}/tokens/{provider}", names=names, methods={"GET": False})

    assert refusal_of(One(), asking(HOOK, "GET", "/x"), "GET", route, Somewhere(domain=domain)) == found


@pytest.mark.parametrize(
    ("path", "route", "within", "where"),
    [
        ("/tokens", "/tokens", None, None),
        ("/tokens", "/tokens", Somewhere(provider="x"), ("default", "default", "x")),
        ("/subjects/a/tokens/g", "/subjects/{subject}/tokens/{provider}", None, ("default", "default", "g")),
        (
            "/subjects/a/tokens/g/secret",
            "/subjects/{subject}/tokens/{provider}/secret",
            Somewhere(domain="shop", provider="x"),
            ("default", "shop", "g"),
        ),
        ("/subjects/a/tokens", "/subjects/{subject}/tokens", Somewhere(domain="shop"), None),
        ("/providers/google", "/providers/{name}", Somewhere(domain="shop"), (None, None, "google")),
        ("/providers", "/providers", None, None),
        ("/policies/g", "/policies/{group}", Somewhere(domain="shop"), None),
    ],
)
def test_a_request_lies_where_it_says_by_itself(
    path: str, route: str, within: Somewhere | None, where: tuple[str | None, ...] | None
) -> None:
    names = {part[1:-1]: "x" for part in route.split("/") if part.startswith("{")}

    found = whereabouts(Route(path=route, names=names, methods={}), path, within)

    assert where == (None if found is None else (found.environment, found.domain, found.provider))
