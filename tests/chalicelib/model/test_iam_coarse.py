"""What API Gateway is told where everything does not fit: never less than the caller may do."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.model.decision import FAMILIES, allows, bound
from chalicelib.model.iam import coarse_statements, iam_statements, reduced
from chalicelib.model.policy import METHODS, Policy, Statement, parse_policy
from tests.chalicelib.model.groups import one
from tests.chalicelib.model.test_iam import BASE, EVERYTHING_DENIED, gateway_allows

AMPLE = 1_000_000
SEGMENTS = st.sampled_from(["*", "a", "jane", "tokens", "secret", "${principal}", "${claims.shop}", "a*"])
FIRST = st.sampled_from([*FAMILIES[:4], "policies", "*", "t*", "nowhere"])
PATTERNS = st.builds(lambda first, rest: "/".join(["", first, *rest]), FIRST, st.lists(SEGMENTS, max_size=3))
STATEMENTS = st.builds(
    lambda effect, methods, paths: {"effect": effect, "methods": methods, "paths": paths},
    st.sampled_from(["Allow", "Allow", "Deny"]),
    st.lists(st.sampled_from([*METHODS, "*"]), min_size=1, max_size=3),
    st.lists(PATTERNS, min_size=1, max_size=4),
)
GROUPS = st.lists(st.lists(STATEMENTS, min_size=1, max_size=3), min_size=1, max_size=4)
PATHS = st.builds(
    lambda first, rest: "/".join(["", first, *rest]),
    st.sampled_from([*FAMILIES[:4], "policies"]),
    st.lists(st.sampled_from(["a", "jane", "tokens", "secret", "ab"]), max_size=3),
)
PRINCIPALS = st.sampled_from(["jane", "a", "*", "a/b"])
CLAIMS = st.sampled_from([{}, {"shop": "a"}, {"shop": "*"}])


def union(groups: list[list[dict[str, Any]]], principal: str, claims: dict[str, str]) -> tuple[Statement, ...]:
    policies = [parse_policy({"group": f"g{number}", "statements": raw}) for number, raw in enumerate(groups)]
    return bound([statement for policy in policies for statement in policy.statements], principal, claims)


@given(groups=GROUPS, principal=PRINCIPALS, claims=CLAIMS, method=st.sampled_from(METHODS), path=PATHS)
def test_coarse_or_not_the_gateway_allows_all_that_is_decided_to_be_allowed(
    groups: Any, principal: str, claims: dict[str, str], method: str, path: str
) -> None:
    statements = union(groups, principal, claims)
    decided = allows(statements, principal, method, path)

    exact = gateway_allows(iam_statements(statements, principal, BASE), method, path)
    coarse = gateway_allows(coarse_statements(statements, principal, BASE, AMPLE), method, path)

    assert exact == decided
    assert coarse or not decided


@given(groups=GROUPS, principal=PRINCIPALS, claims=CLAIMS, method=st.sampled_from(METHODS), path=PATHS)
def test_said_once_it_is_decided_alike(
    groups: Any, principal: str, claims: dict[str, str], method: str, path: str
) -> None:
    statements = union(groups, principal, claims)

    assert allows(reduced(statements), principal, method, path) == allows(statements, principal, method, path)


@given(groups=GROUPS, principal=PRINCIPALS, method=st.sampled_from(METHODS), path=PATHS, room=st.integers(0, 2_000))
def test_a_deny_denies_at_the_gateway_however_little_room_there_is(
    groups: Any, principal: str, method: str, path: str, room: int
) -> None:
    statements = union(groups, principal, {})
    denies = [statement for statement in statements if statement.effect == "Deny"]
    is_denied = not allows([*denies, one("Allow", ["*"], "/*")], principal, method, path)

    coarse = coarse_statements(statements, principal, BASE, room)

    assert not (is_denied and gateway_allows(coarse, method, path))


@given(groups=GROUPS, principal=PRINCIPALS, path=PATHS)
def test_coarse_is_never_beyond_the_families_that_a_group_begins_with(groups: Any, principal: str, path: str) -> None:
    statements = union(groups, principal, {})
    firsts = {
        pattern[1:].split("/")[0]
        for statement in statements
        if statement.effect == "Allow"
        for pattern in statement.paths
    }
    family = path.split("/")[1]

    if gateway_allows(coarse_statements(statements, principal, BASE, AMPLE), "GET", path):
        assert any(first == family or ("*" in first and family.startswith(first.split("*")[0])) for first in firsts)


def test_200_groups_of_the_largest_policies_fit_in_the_end() -> None:
    wide = [
        {"effect": effect, "methods": ["GET", "PUT"], "paths": [f"/tokens/{n}/{'x' * 90}/{m}" for m in range(32)]}
        for n, effect in enumerate(["Allow", "Deny"] * 16)
    ]
    policies = [parse_policy({"group": f"g{number}", "statements": wide}) for number in range(200)]
    statements = [statement for policy in policies for statement in policy.statements]

    coarse = coarse_statements(reduced(statements), "jane", BASE, 2_000)

    assert len(json.dumps(coarse)) < 2_600
    assert not gateway_allows(coarse, "GET", f"/tokens/1/{'x' * 90}/7")


def test_two_paths_that_cover_each_other_leave_one_and_a_deny_among_them_is_not_lost() -> None:
    twice = [one("Deny", ["GET"], "/tokens/**"), one("Deny", ["GET"], "/tokens/*")]

    assert [statement.paths for statement in reduced(twice)] in ([("/tokens/**",)], [("/tokens/*",)])


def test_what_a_wider_path_covers_is_left_out_also_where_it_has_wildcards_of_its_own() -> None:
    said = [one("Allow", ["GET"], "/tokens/*", "/tokens/*/secret", "/tokens/t"), one("Allow", ["GET"], "/jobs/*", "/*")]

    assert [statement.paths for statement in reduced(said)] == [("/*",)]
    assert [statement.paths for statement in reduced(said[:1])] == [("/tokens/*",)]


def test_a_limited_path_is_not_covered_by_one_of_other_limits() -> None:
    def limited(domain: str, path: str) -> Policy:
        statement = {"effect": "Allow", "methods": ["GET"], "paths": [path]}
        return parse_policy({"group": domain, "statements": [statement], "limits": {"domains": [domain]}})

    statements = (*limited("a", "/tokens/*").statements, *limited("b", "/tokens/*/secret").statements)

    assert reduced(statements) == statements


def test_nothing_allowed_is_everything_denied_in_coarse_too() -> None:
    own = [one("Allow", ["GET"], "/subjects/${principal}/*"), one("Allow", ["GET"], "/nowhere/*")]

    assert coarse_statements(own, "*", BASE, AMPLE) == EVERYTHING_DENIED
