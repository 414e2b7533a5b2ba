"""An explanation is what the authorizer, API Gateway and the service do, asked one behind the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import app as module
from chalicelib.admit.answer import answer
from chalicelib.admit.bearer import Caller, Refused
from chalicelib.admit.explain import LIFE, Explainer
from chalicelib.admit.resources import CHECKS
from chalicelib.errors import AccessUnknown, CloakroomError, NotFound, Throttled, Unavailable, Unreadable
from chalicelib.model.access import Access, id_of
from chalicelib.model.access import Kind as Ends
from chalicelib.model.cached import NotRead
from chalicelib.model.clock import SECOND
from chalicelib.model.explanation import Asked, Explanation, Stage, route_of
from chalicelib.model.limits import Limits, Somewhere
from chalicelib.model.policy import METHODS, Policy, Statement
from chalicelib.web import requests
from chalicelib.web.explaining import api_of
from tests.chalicelib.examples import NOW, a_place, a_token, an_end, an_id
from tests.chalicelib.model.groups import GROUPS
from tests.chalicelib.model.test_iam import gateway_allows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chalicelib.model.deposit import Deposit
    from chalicelib.model.job import Job
    from chalicelib.model.token import Place, Token

CONTEXT = {"accountId": "123456789012", "apiId": "abcdefghij", "stage": "api"}
JANE = "auth0|jane"


@dataclass
class Nothing:
    """A table in which everything is asked for, and there is nothing but what a test says."""

    asked: list[object] = field(default_factory=list)

    def job(self, job_id: str) -> Job:
        self.asked.append(job_id)
        raise NotFound

    def deposit(self, token_id: str) -> Deposit:
        self.asked.append(token_id)
        raise NotFound

    def current(self, place: Place) -> Token | None:
        self.asked.append(place)
        return a_token(1)


@dataclass
class Rules:
    """Policies, or the error that comes of asking for them."""

    policies: dict[str, Policy]
    fault: Exception | None = None

    def of(self, groups: Sequence[str]) -> list[Policy]:
        if self.fault is not None:
            raise self.fault
        return [self.policies[group] for group in groups if group in self.policies]


@dataclass
class Believes:
    """A verifier that gives one answer."""

    said: Caller | Refused
    heard: list[str | None] = field(default_factory=list)

    def verify(self, header: str | None) -> Caller | Refused:
        self.heard.append(header)
        return self.said


def nobody() -> Access:
    return Access(known_at=NOW)


def explainer(
    policies: dict[str, Policy] | Rules = GROUPS,
    *,
    verifier: Believes | None = None,
    access: Callable[[], Access] = nobody,
    things: Nothing | None = None,
) -> Explainer:
    return Explainer(
        verifier=verifier or Believes(Refused("signature")),
        policies=policies if isinstance(policies, Rules) else Rules(policies),
        access=access,
        service=requests,
        things=things or Nothing(),
        now=lambda: NOW,
    )


API = replace(
    api_of(CONTEXT, module.app.routes), arn_base="arn:aws:execute-api:eu-central-1:123456789012:abcdefghij/api"
)


def explain(of: Explainer, method: str, path: str, *groups: str, **asked: Any) -> Explanation:
    who = {} if "bearer" in asked else {"principal": JANE, "groups": groups}
    return of.explain(Asked(method=method, path=path, **{**who, **asked}), API)


def refusal(of: Explanation) -> tuple[str | None, str]:
    return of.stage, of.code


# The same as is done ------------------------------------------------------------------------------------

PATHS = ["/*", "/subjects/*", "/subjects/${principal}/*", "/subjects/*/secret", "/tokens/*", "/tokens", "/jobs/*"]
ASKED = [
    "/tokens",
    f"/tokens/{an_id(1)}/secret",
    "/subjects/auth0|jane/tokens",
    "/subjects/auth0%7Cjane/tokens/google/secret",
    "/subjects/auth0%7cjane/tokens",
    "/subjects/joe/tokens/google",
    "/subjects/joe/tokens/google/secret",
    "/subjects/a%2Fb/tokens",
    "/jobs",
    "/policies/admin",
    "/authz/explain",
    "/nowhere",
]
STATEMENTS = st.builds(
    Statement,
    effect=st.sampled_from(["Allow", "Allow", "Deny"]),
    methods=st.sampled_from([("*",), ("GET",), ("POST", "GET")]),
    paths=st.lists(st.sampled_from(PATHS), min_size=1, max_size=3).map(tuple),
)
SHOP = Limits(domains=("shop",), providers=("google",))
LIMITS = st.sampled_from([Limits(), Limits(domains=("default",)), SHOP])


@st.composite
def policies(draw: st.DrawFn) -> dict[str, Policy]:
    """Return a few groups, or so many that the authorizer's answer does not hold them as they are."""
    few = draw(st.lists(st.tuples(st.lists(STATEMENTS, min_size=1, max_size=3), LIMITS), min_size=1, max_size=3))
    padding = draw(st.sampled_from([0, 0, 1, 40]))
    made = {}
    for number, (statements, limits) in enumerate(few):
        made[f"g{number}"] = _policy(f"g{number}", statements, limits)
    for number in range(padding):
        paths = tuple(f"/jobs/{number}-{'x' * 40}-{one}" for one in range(30))
        made[f"p{number}"] = _policy(f"p{number}", [Statement(effect="Allow", methods=("PUT",), paths=paths)], Limits())
    return made


def _policy(group: str, statements: Sequence[Statement], limits: Limits) -> Policy:
    placed = tuple(
        replace(one, group=group, index=index, limits=limits if one.effect == "Allow" else Limits())
        for index, one in enumerate(statements)
    )
    return Policy(group=group, statements=placed, limits=limits)


def is_served(rules: Rules, principal: str, method: str, path: str) -> bool:
    """Do what happens to a request: the authorizer, API Gateway by IAM's rules, the service's check."""
    now = NOW // SECOND
    caller = Caller(
        principal=principal,
        issuer="",
        client=None,
        groups=tuple(rules.policies),
        expires_at=now + LIFE,
        token_id=None,
        verified_at=now,
        issued_at=now,
    )
    arn = f"{API.arn_base}/{method}{path}"
    given = answer("Bearer x", arn, Believes(caller), rules.of, access=nobody, log=lambda *_, **__: None)
    if not gateway_allows(given["policyDocument"]["Statement"], method, path):
        return False
    route = route_of(API.routes, path)
    if route is None or method not in route.methods:
        return False
    try:
        who = requests.caller_of({"authorizer": given["context"]}, NOW, rules.of)
        asking = requests.allow(who, method, route.path, route.names)
    except CloakroomError:
        return False
    if route.path.startswith("/subjects/{subject}/tokens/{provider}"):
        place = a_place(
            subject=requests.name("subject", route.names["subject"], lambda _: None),
            provider=route.names["provider"],
            domain="default",
            environment="default",
        )
        if route.path.endswith("/secret"):
            return asking.may_collect(place)
        return asking.reach.holds(place) and asking.may("GET", requests.meant(route.path, route.names), place)
    return True


def only(statement: Statement, limits: Limits = Limits()) -> dict[str, Policy]:  # noqa: B008  a frozen value
    return {"g": _policy("g", [statement], limits)}


EVERYBODYS = Statement(effect="Allow", methods=("GET",), paths=("/subjects/*",))


@settings(max_examples=300)
@given(
    made=policies(),
    method=st.sampled_from(["GET", "GET", "POST", "PUT"]),
    path=st.sampled_from(ASKED),
    principal=st.sampled_from([JANE, JANE, "joe", "*", "a/b"]),
)
@example(made={"consumer": GROUPS["consumer"]}, method="GET", path="/subjects/auth0%7cjane/tokens", principal=JANE)
@example(made=only(EVERYBODYS), method="GET", path="/subjects/joe/tokens/google", principal=JANE)
@example(made=only(EVERYBODYS, SHOP), method="GET", path="/subjects/joe/tokens/google", principal=JANE)
@example(made=only(EVERYBODYS, SHOP), method="GET", path="/subjects/joe/tokens/google/secret", principal=JANE)
@example(made=only(EVERYBODYS, SHOP), method="GET", path="/subjects/joe/tokens", principal=JANE)
@example(made={"admin": GROUPS["admin"]}, method="GET", path="/subjects/a%2Fb/tokens", principal=JANE)
def test_what_is_explained_is_what_is_done(made: dict[str, Policy], method: str, path: str, principal: str) -> None:
    rules = Rules(made)

    found = explain(explainer(rules), method, path, *made, principal=principal)

    allowed = found.allowed or found.stage is Stage.RESOURCE  # of things there are none here
    assert allowed == is_served(rules, principal, method, path)


@given(made=policies(), method=st.sampled_from(METHODS), path=st.sampled_from(ASKED))
def test_who_decided_is_a_statement_of_the_callers_that_speaks_so(
    made: dict[str, Policy], method: str, path: str
) -> None:
    found = explain(explainer(made), method, path, *made)

    if found.source is not None:
        effect = "Deny" if found.service == "explicit_deny" else "Allow"
        statement = made[found.source.group].statements[found.source.index]
        assert (statement.effect, found.source.statement["paths"]) == (effect, list(statement.paths))
        assert method in statement.methods or "*" in statement.methods


# Who refuses --------------------------------------------------------------------------------------------


def test_a_caller_of_too_many_groups_is_refused_before_anybody_decides() -> None:
    one = Statement(effect="Deny", methods=("GET",), paths=tuple(f"/jobs/{number}" for number in range(30)))
    many = {f"g{number}{'x' * 56}": _policy(f"g{number}", [one], Limits()) for number in range(200)}
    many = {group: replace(policy, group=group) for group, policy in many.items()}

    found = explain(explainer(many), "GET", "/jobs", *many)

    assert refusal(found) == (Stage.POLICIES, "too_large")


def test_a_policy_that_cannot_be_read_refuses() -> None:
    found = explain(explainer(Rules({}, Unreadable("the policy of 'g'"))), "GET", "/jobs", "g")

    assert refusal(found) == (Stage.POLICIES, "error")


@pytest.mark.parametrize("fault", [AccessUnknown(), Throttled()])
def test_what_cannot_be_told_now_is_no_refusal(fault: CloakroomError) -> None:
    def away() -> Access:
        raise fault

    with pytest.raises(type(fault)):
        explain(explainer(access=away), "GET", "/jobs", "admin")
    with pytest.raises(type(fault)):
        explain(explainer(Rules({}, fault)), "GET", "/jobs", "admin")


def test_keys_that_cannot_be_read_now_are_no_refusal_of_a_bearer() -> None:
    class Away(Believes):
        def verify(self, header: str | None) -> Caller | Refused:  # noqa: ARG002  the protocol
            raise NotRead

    with pytest.raises(Unavailable):
        explain(explainer(verifier=Away(Refused("x"))), "GET", "/jobs", bearer="e30.e30.c2VjcmV0")


def test_a_bearer_is_given_to_the_verifier_and_to_nobody_else() -> None:
    verifier = Believes(Refused("audience"))

    found = explain(explainer(verifier=verifier), "GET", "/jobs", bearer="e30.e30.c2VjcmV0")

    assert refusal(found) == (Stage.BEARER, "audience")
    assert verifier.heard == ["Bearer e30.e30.c2VjcmV0"]
    assert "c2VjcmV0" not in repr(found)
    assert "c2VjcmV0" not in repr(Asked(method="GET", path="/jobs", bearer="e30.e30.c2VjcmV0"))


def test_who_signs_in_now_is_what_is_asked_about_a_principal() -> None:
    before = an_end(Ends.SESSIONS, JANE, issued_before=NOW - SECOND)
    after = an_end(Ends.SESSIONS, JANE, issued_before=NOW + SECOND)

    def told(end: Any) -> str | None:
        access = Access(known_at=NOW, revoked={id_of(end.kind, end.name): end})
        return explain(explainer(access=lambda: access), "GET", "/jobs", "admin").stage

    assert (told(before), told(after)) == (None, Stage.REVOKED)


def test_a_route_that_there_is_not_is_refused_whoever_comes_and_what_is_known_of_him_is_told() -> None:
    found = explain(explainer(), "GET", "/nowhere", "admin", "stranger")

    assert refusal(found) == (Stage.ROUTE, "no_such_route")
    assert (found.principal, found.with_policy, found.without_policy) == (JANE, ("admin",), ("stranger",))


def test_things_are_asked_for_only_behind_all_other_stages() -> None:
    things = Nothing()

    explain(explainer(things=things), "GET", f"/tokens/{an_id(1)}", "stranger")
    explain(explainer(things=things), "GET", f"/tokens/{an_id(1)}/secret", "producer")
    assert things.asked == []
    explain(explainer(things=things), "GET", f"/tokens/{an_id(1)}", "consumer")

    assert things.asked == [an_id(1)]


def test_a_place_is_looked_up_where_the_query_would_say_it_is() -> None:
    things = Nothing()

    explain(explainer(things=things), "GET", "/subjects/auth0%7Cjane/tokens/google", "consumer")
    within = Somewhere(domain="shop", provider="ignored")
    explain(explainer(things=things), "GET", "/subjects/auth0%7Cjane/tokens/google", "consumer", within=within)

    place = a_place(subject=JANE, provider="google", environment="default", domain="default")
    assert things.asked == [place, replace(place, domain="shop")]


def test_an_import_whose_limits_cannot_be_kept_is_outside_them() -> None:
    allow = Statement(effect="Allow", methods=("POST",), paths=("/imports",))
    many = {
        f"g{number}": _policy(f"g{number}", [allow], Limits(domains=(f"{number}-{'d' * 60}",))) for number in range(60)
    }

    assert refusal(explain(explainer(many), "POST", "/imports", *many)) == (Stage.SERVICE, "outside_limits")


def test_every_route_that_names_an_id_has_its_check() -> None:
    named = {
        (method, path)
        for path, methods in API.routes.items()
        for method in methods
        if method != "OPTIONS" and ("{token_id}" in path or "{job_id}" in path)
    }

    assert named == set(CHECKS)
