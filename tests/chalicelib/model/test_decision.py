from __future__ import annotations

from typing import Any

import pytest

from chalicelib.model.decision import Decision, Reason, allows, bound, decide, named_claims, reach
from chalicelib.model.limits import EVERYTHING, NOTHING, Limits, Reach, Somewhere
from chalicelib.model.policy import Statement, parse_policy
from tests.chalicelib.examples import JANE, a_place
from tests.chalicelib.model.groups import GROUPS


def of(group: str, *statements: tuple[str, str, str], **limits: list[str]) -> tuple[Statement, ...]:
    """Return a policy's statements: of each the effect, a method and a path."""
    raw: dict[str, Any] = {
        "group": group,
        "statements": [{"effect": effect, "methods": [method], "paths": [path]} for effect, method, path in statements],
    }
    return parse_policy({**raw, "limits": limits} if limits else raw).statements


SHOP = of("shop", ("Allow", "POST", "/tokens"), ("Allow", "GET", "/subjects/*/tokens"), domains=["shop"])
OFFICE = of("office", ("Allow", "GET", "/subjects/*/tokens"), providers=["google", "apple"], environments=["test"])
WATCH = of("watch", ("Allow", "GET", "/jobs/*"), ("Deny", "GET", "/subjects/*/tokens/*/secret"))


def test_a_decision_tells_the_group_and_the_statement_that_made_it() -> None:
    statements = (*SHOP, *WATCH, *GROUPS["admin"].statements)

    assert decide(statements, JANE, "GET", "/jobs/j") == Decision(
        allowed=True, reason=Reason.ALLOWED, group="watch", index=0
    )
    assert decide(statements, JANE, "GET", "/subjects/a/tokens/p/secret") == Decision(
        allowed=False, reason=Reason.EXPLICIT_DENY, group="watch", index=1
    )
    assert decide(statements, JANE, "DELETE", "/jobs/j").group == "admin"


def test_a_decision_that_no_statement_made_says_so() -> None:
    assert decide(SHOP, JANE, "GET", "/jobs/j") == Decision(allowed=False, reason=Reason.NOT_ALLOWED)
    assert decide(GROUPS["admin"].statements, JANE, "GET", "/jobs//") == Decision(
        allowed=False, reason=Reason.NO_SUCH_PATH
    )


def test_a_limited_allow_holds_within_its_limits_alone() -> None:
    inside, outside = a_place(domain="shop"), a_place(domain="office")

    assert allows(SHOP, JANE, "POST", "/tokens", inside)
    assert decide(SHOP, JANE, "POST", "/tokens", outside) == Decision(
        allowed=False, reason=Reason.OUTSIDE_LIMITS, group="shop", index=0
    )
    assert allows(SHOP, JANE, "POST", "/tokens"), "a path alone cannot tell"


def test_each_kind_of_limit_counts() -> None:
    path = "/subjects/a/tokens"
    for place, allowed in (
        (a_place(environment="test", provider="google"), True),
        (a_place(environment="test", provider="apple", domain="any"), True),
        (a_place(environment="test", provider="hybris"), False),
        (a_place(environment="production", provider="google"), False),
        (Somewhere(provider="google"), False),
        (Somewhere(environment="test"), False),
    ):
        assert allows(OFFICE, JANE, "GET", path, place) is allowed


def test_a_limited_allow_of_one_group_does_not_narrow_that_of_another() -> None:
    free = of("free", ("Allow", "POST", "/tokens"))

    for statements in ((*SHOP, *free), (*free, *SHOP)):
        decision = decide(statements, JANE, "POST", "/tokens", a_place(domain="office"))
        assert (decision.allowed, decision.group) == (True, "free")


def test_a_deny_is_not_narrowed_by_its_policys_limits() -> None:
    limited = of("shop", ("Allow", "*", "/tokens/*"), ("Deny", "GET", "/tokens/*/secret"), domains=["shop"])
    statements = (*limited, *GROUPS["admin"].statements)

    decision = decide(statements, JANE, "GET", "/tokens/t/secret", a_place(domain="office"))

    assert (decision.reason, decision.group) == (Reason.EXPLICIT_DENY, "shop")


@pytest.mark.parametrize("path", ["/policies", "/policies/admin", "/revocations", "/authz/explain", "/audit"])
def test_a_limited_allow_opens_nothing_that_counts_everywhere(path: str) -> None:
    limited = of("shop", ("Allow", "*", "/*"), domains=["shop"])

    assert decide(limited, JANE, "PUT", path) == Decision(
        allowed=False, reason=Reason.OUTSIDE_LIMITS, group="shop", index=0
    )
    assert allows(of("all", ("Allow", "*", "/*")), JANE, "PUT", path)
    assert allows(limited, JANE, "PUT", "/providers/google")


def test_a_request_reaches_as_far_as_whatever_allows_it() -> None:
    both = (*SHOP, *OFFICE)

    assert reach(SHOP, JANE, "POST", "/tokens") == Reach((Limits(domains=("shop",)),))
    assert len(reach(both, JANE, "GET", "/subjects/a/tokens").any_of) == 2
    assert reach((*both, *GROUPS["admin"].statements), JANE, "GET", "/subjects/a/tokens") == EVERYTHING
    assert reach(both, JANE, "GET", "/jobs/j") == NOTHING
    assert reach((*WATCH, *GROUPS["admin"].statements), JANE, "GET", "/subjects/a/tokens/p/secret") == NOTHING


def test_claims_are_written_into_paths_and_limits() -> None:
    own = of("own", ("Allow", "GET", "/subjects/${claims.customer}/tokens"), domains=["${claims.shop}", "common"])

    written = bound(own, JANE, {"customer": "c|1", "shop": "shoes"})

    assert allows(written, JANE, "GET", "/subjects/c|1/tokens", a_place(domain="shoes"))
    assert allows(written, JANE, "GET", "/subjects/c|1/tokens", a_place(domain="common"))
    assert not allows(written, JANE, "GET", "/subjects/c|1/tokens", a_place(domain="hats"))
    assert not allows(written, JANE, "GET", "/subjects/c|2/tokens", a_place(domain="shoes"))
    assert named_claims(own) == {"customer", "shop"}


def test_a_principal_is_a_domain_where_a_limit_says_so() -> None:
    own = bound(of("own", ("Allow", "POST", "/tokens"), domains=["${principal}"]), "tenant-7", {})

    assert allows(own, "tenant-7", "POST", "/tokens", a_place(domain="tenant-7"))
    assert not allows(own, "tenant-7", "POST", "/tokens", a_place(domain="tenant-8"))


def test_a_limit_whose_claim_is_missing_allows_nothing_and_not_everything() -> None:
    own = bound(of("own", ("Allow", "POST", "/tokens"), domains=["${claims.shop}"]), JANE, {})

    assert not allows(own, JANE, "POST", "/tokens", a_place())
    assert not reach(own, JANE, "POST", "/tokens").holds(a_place())


@pytest.mark.parametrize("claims", [{}, {"customer": "a/b"}, {"customer": "*"}, {"customer": "${principal}"}])
def test_an_allow_whose_claim_stands_for_nothing_vanishes(claims: dict[str, str]) -> None:
    own = of("own", ("Allow", "GET", "/subjects/${claims.customer}/tokens"))

    assert bound(own, JANE, claims) == ()


@pytest.mark.parametrize("claims", [{}, {"customer": "a/b"}, {"customer": "${principal}"}])
def test_a_deny_whose_claim_stands_for_nothing_denies_every_name(claims: dict[str, str]) -> None:
    statements = (*of("no", ("Deny", "GET", "/subjects/${claims.customer}/tokens")), *GROUPS["admin"].statements)

    written = bound(statements, JANE, claims)

    assert not allows(written, JANE, "GET", "/subjects/anybody/tokens")
    assert allows(written, JANE, "GET", "/subjects/anybody/jobs")


@pytest.mark.parametrize("principal", ["*", "a/b", "", "jané", "${principal}"])
def test_a_deny_of_a_principal_that_is_no_subject_denies_every_name(principal: str) -> None:
    statements = (*of("no", ("Deny", "*", "/subjects/${principal}/tokens")), *GROUPS["admin"].statements)

    assert not allows(statements, principal, "GET", "/subjects/anybody/tokens")
    assert allows(statements, principal, "GET", "/subjects/anybody/jobs")
    assert not allows(statements, JANE, "GET", f"/subjects/{JANE}/tokens")
    assert allows(statements, JANE, "GET", "/subjects/anybody/tokens")
