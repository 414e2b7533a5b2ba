from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.model.limits import EVERYWHERE, Limits
from chalicelib.model.policy import (
    COMPACT_BYTES,
    PATH_LENGTH,
    PATH_PATTERN,
    Policy,
    PolicyFault,
    compact,
    from_compact,
    parse_policy,
    policy_to_plain,
)
from tests.chalicelib.model.groups import GROUPS, one

READ = {"effect": "Allow", "methods": ["GET"], "paths": ["/tokens/*"]}
PRODUCER, CONSUMER, ADMIN = (GROUPS[name].statements for name in ("producer", "consumer", "admin"))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ([], "a policy must be an object"),
        ({}, "a policy lacks group, statements"),
        ({"group": "g", "statements": [], "effect": 1}, "a policy has unknown keys: effect"),
        ({"group": 7, "statements": []}, "group must be a string"),
        ({"group": "a,b", "statements": []}, "group a group has 1 to 64 characters"),
        ({"group": "g", "statements": []}, "statements must be a list of 1 to 32"),
        ({"group": "g", "statements": [{}] * 33}, "statements must be a list of 1 to 32"),
        ({"group": "g", "statements": ["x"]}, r"statements\[0\] must be an object"),
        ({"group": "g", "statements": [{"effect": "Allow"}]}, r"statements\[0\] lacks methods, paths"),
        ({"group": "g", "statements": [{}], "why": 7}, "why must be a string"),
        ({"group": "g", "statements": [READ], "limits": []}, "limits must be an object"),
        (
            {"group": "g", "statements": [READ], "limits": {}},
            "limits must have one of environments, domains, providers",
        ),
        ({"group": "g", "statements": [READ], "limits": {"subjects": ["a"]}}, "limits has unknown keys: subjects"),
        ({"group": "g", "statements": [READ], "limits": {"domains": []}}, "limits.domains must be a list of 1 to 32"),
        ({"group": "g", "statements": [READ], "limits": {"domains": "shop"}}, "limits.domains must be a list"),
        ({"group": "g", "statements": [READ], "limits": {"domains": ["a"] * 33}}, "limits.domains must be a list of"),
        ({"group": "g", "statements": [READ], "limits": {"domains": [7]}}, r"limits.domains\[0\] must be a string"),
        (
            {"group": "g", "statements": [READ], "limits": {"providers": ["a", "*"]}},
            r"limits.providers\[1\] must be a name or a whole variable: a provider has 1 to 64",
        ),
        (
            {"group": "g", "statements": [READ], "limits": {"environments": ["a-${claims.b}"]}},
            r"limits.environments\[0\] must be a name or a whole variable",
        ),
        ({"group": "g", "statements": [READ], "acknowledges": "every_secret"}, "acknowledges must be a list of"),
        ({"group": "g", "statements": [READ], "acknowledges": ["all"]}, "acknowledges must be a list of"),
        ({"group": "g", "statements": [READ], "acknowledges": ["administration"] * 2}, "each once"),
    ],
)
def test_a_policy_that_is_none_is_refused_by_name(raw: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_policy(raw)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"effect": "allow"}, r"statements\[0\].effect must be 'Allow' or 'Deny'"),
        ({"effect": ["Allow"]}, r"statements\[0\].effect must be 'Allow' or 'Deny'"),
        ({"methods": "GET"}, r"methods must be a list of 1 to 5"),
        ({"methods": []}, r"methods must be a list of 1 to 5"),
        ({"methods": ["get"]}, r"methods must be of GET, POST, PUT, PATCH, DELETE, or be '\*'"),
        ({"methods": ["G*"]}, r"methods must be of"),
        ({"methods": [7]}, r"methods must be of"),
        ({"paths": "/x"}, r"paths must be a list of 1 to 32"),
        ({"paths": [7]}, r"paths\[0\] must be a string that begins with '/'"),
        ({"paths": ["/a", "*"]}, r"paths\[1\] must be a string that begins with '/'"),
        ({"paths": ["/tokens/?"]}, r"'\*' is the only wildcard"),
        ({"paths": ["/tokens/%2A"]}, r"holds a character"),
        ({"paths": ["/tokens/x\n"]}, r"holds a character"),
        ({"paths": ["/a/${principal}x"]}, r"may hold \$\{principal\} or \$\{claims.NAME\} as a whole segment only"),
        ({"paths": ["/a/x${principal}"]}, r"as a whole segment only"),
        ({"paths": ["/a/${aws:username}"]}, r"as a whole segment only"),
        ({"paths": ["/a/$"]}, r"as a whole segment only"),
        ({"paths": ["/a/{principal}"]}, r"holds a character"),
        ({"paths": ["/a//b"]}, r"has an empty segment"),
        ({"paths": ["/a/"]}, r"has an empty segment"),
        ({"paths": ["/a/../b"]}, r"or a step"),
        ({"paths": ["/" + "x" * 128]}, r"at most 128 characters"),
        ({"paths": ["/${principal}/a"]}, r"paths\[0\] begins with a variable"),
        ({"paths": ["/a/${claims.a.b}"]}, r"as a whole segment only"),
        ({"paths": ["/a/${claims.}"]}, r"as a whole segment only"),
        ({"paths": ["/a/${claims.1a}"]}, r"as a whole segment only"),
        ({"paths": ["/a/x${claims.a}"]}, r"as a whole segment only"),
        ({"paths": ["/a/${claims." + "a" * 65 + "}"]}, r"as a whole segment only"),
        ({"condition": {}}, r"statements\[0\] has unknown keys: condition"),
    ],
)
def test_a_statement_that_is_none_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    statement = {"effect": "Allow", "methods": ["GET"], "paths": ["/x"], **changes}

    with pytest.raises(ValueError, match=message):
        parse_policy({"group": "g", "statements": [statement]})


def test_the_default_groups_are_three_and_say_why() -> None:
    assert list(GROUPS) == ["producer", "consumer", "admin"]
    assert all(isinstance(policy, Policy) and len(policy.why) > 50 for policy in GROUPS.values())


def test_statements_survive_being_written_compactly() -> None:
    statements = (*PRODUCER, *CONSUMER, *ADMIN)

    text = compact(statements)

    assert from_compact(text, ["producer", "consumer", "admin"]) == statements
    assert text.isascii()
    assert len(text) < 500
    assert compact(CONSUMER[2:]) == (
        '[[],["+","POST",[0,2],"/tickets","/jobs/*","/tokens/*/refresh","/tokens/*/rejected"]]'
    )


def test_a_statement_that_two_groups_share_is_written_once() -> None:
    assert compact([*CONSUMER, *CONSUMER]) == compact(CONSUMER)


def test_more_than_the_context_may_hold_is_refused() -> None:
    many = [one("Allow", ["GET"], f"/path-{number}/{'x' * 100}") for number in range(32)]

    with pytest.raises(ValueError, match=f"{COMPACT_BYTES} are the limit"):
        compact(many)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "7",
        "{}x",
        '"++"',
        '[[],["+"]]',
        '[[],["+","GET"]]',
        '[[],["+","GET",[0,0]]]',
        '[[],["*","GET",[0,0],"/x"]]',
        '[[],[["+"],"GET",[0,0],"/x"]]',
        '[[],["+",7,[0,0],"/x"]]',
        '[[],["+","GET",[0,0],7]]',
        '[[],["+","GET",[0,0],"/x?"]]',
        '[[],["+","GET",[1,0],"/x"]]',
        '[[],["+","GET",[-1,0],"/x"]]',
        '[[],["+","GET",[true,0],"/x"]]',
        '[[],["+","GET",[0],"/x"]]',
        '[[],["+","GET",[0,0,0],"/x"]]',
        '[[{}],["+","GET",[0,0,-1],"/x"]]',
        '[[{}],["+","GET",[0,0,0,0],"/x"]]',
        '[[{"subjects":["a"]}],["+","GET",[0,0,0],"/x"]]',
        '[[{"domains":"a"}],["+","GET",[0,0,0],"/x"]]',
        '[[{"domains":[7]}],["+","GET",[0,0,0],"/x"]]',
        '[["+","GET",[0,0],"/x"]]',
        "[" * 100_000,
    ],
    ids=range(25),
)
def test_grants_that_compact_did_not_write_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_compact(text, ["g"])


def test_a_policy_is_written_as_it_was_read() -> None:
    raw = {
        "group": "shop",
        "why": "A shop's own.",
        "statements": [READ, {**READ, "effect": "Deny", "paths": ["/subjects/${claims.shop}/*"]}],
        "limits": {"domains": ["shop", "${claims.shop}"], "providers": ["google"]},
        "acknowledges": ["every_secret"],
    }

    assert policy_to_plain(parse_policy(raw)) == raw
    assert policy_to_plain(parse_policy({"group": "g", "statements": [READ]})) == {"group": "g", "statements": [READ]}


def test_limits_are_those_of_the_allows_and_never_of_a_deny() -> None:
    allow, deny = parse_policy(
        {"group": "g", "statements": [READ, {**READ, "effect": "Deny"}], "limits": {"domains": ["shop"]}}
    ).statements

    assert allow.limits == Limits(domains=("shop",))
    assert deny.limits == EVERYWHERE


def test_limits_and_places_survive_being_written_compactly() -> None:
    raw = {"statements": [READ, {**READ, "effect": "Deny"}, {**READ, "methods": ["POST"]}]}
    shop = parse_policy({**raw, "group": "shop", "limits": {"domains": ["shop"], "providers": ["a", "b"]}})
    office = parse_policy({**raw, "group": "office", "limits": {"environments": ["test"]}})

    text = compact([*office.statements, *shop.statements], ["shop", "office"])

    assert from_compact(text, ["shop", "office"]) == (*office.statements, shop.statements[0], shop.statements[2])


def test_a_fault_tells_its_field_and_its_rule_apart() -> None:
    with pytest.raises(PolicyFault) as caught:
        parse_policy({"group": "g", "statements": [READ, {**READ, "paths": ["/a", "b"]}]})

    assert caught.value.field == "statements[1].paths[1]"
    assert caught.value.rule == "must be a string that begins with '/'"


SEGMENTS = (
    "",
    ".",
    "..",
    "...",
    "*",
    "a",
    "a|b",
    "a b",
    "%2e",
    "é",
    "${principal}",
    "${claims.shop}",
    "${claims.}",
    "$",
)


@example("/a\n")
@given(
    st.one_of(
        st.from_regex(PATH_PATTERN, fullmatch=True),
        st.lists(st.sampled_from(SEGMENTS), max_size=4).map(lambda parts: "/" + "/".join(parts)),
        st.text("/.*$a{}\n", max_size=6),
    ).filter(lambda path: len(path) <= PATH_LENGTH)
)
def test_the_documents_pattern_of_a_path_takes_what_is_taken(path: str) -> None:
    try:
        parse_policy({"group": "g", "statements": [{**READ, "paths": [path]}]})
        taken = True
    except PolicyFault:
        taken = False

    assert taken is (re.search(PATH_PATTERN, path) is not None)
