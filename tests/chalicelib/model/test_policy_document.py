from __future__ import annotations

from typing import Any

import pytest

from chalicelib.model.policy import (
    COMPACT_BYTES,
    Policy,
    compact,
    from_compact,
    parse_policy,
)
from tests.chalicelib.model.groups import GROUPS, one

PRODUCER, CONSUMER, ADMIN = (GROUPS[name].statements for name in ("producer", "consumer", "admin"))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ([], "a policy must be an object"),
        ({}, "a policy lacks group, statements"),
        ({"group": "g", "statements": [], "effect": 1}, "a policy has unknown keys: effect"),
        ({"group": 7, "statements": []}, "group: must be a string"),
        ({"group": "a,b", "statements": []}, "group: a group has 1 to 64 characters"),
        ({"group": "g", "statements": []}, "statements must be a list of 1 to 32"),
        ({"group": "g", "statements": [{}] * 33}, "statements must be a list of 1 to 32"),
        ({"group": "g", "statements": ["x"]}, r"statements\[0\] must be an object"),
        ({"group": "g", "statements": [{"effect": "Allow"}]}, r"statements\[0\] lacks methods, paths"),
        ({"group": "g", "statements": [{}], "why": 7}, "why must be a string"),
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
        ({"paths": ["/a/${principal}x"]}, r"may hold \$\{principal\} as a whole segment only"),
        ({"paths": ["/a/x${principal}"]}, r"as a whole segment only"),
        ({"paths": ["/a/${aws:username}"]}, r"as a whole segment only"),
        ({"paths": ["/a/$"]}, r"as a whole segment only"),
        ({"paths": ["/a/{principal}"]}, r"holds a character"),
        ({"paths": ["/a//b"]}, r"has an empty segment"),
        ({"paths": ["/a/"]}, r"has an empty segment"),
        ({"paths": ["/a/../b"]}, r"or a step"),
        ({"paths": ["/" + "x" * 128]}, r"at most 128 characters"),
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

    assert from_compact(text) == tuple(dict.fromkeys(statements))
    assert text.isascii()
    assert len(text) < 500
    assert compact(CONSUMER[2:]) == '[["+","POST","/tickets","/jobs/*","/tokens/*/refresh","/tokens/*/rejected"]]'


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
        "[[]]",
        '[["+"]]',
        '[["+","GET"]]',
        '[["*","GET","/x"]]',
        '[[["+"],"GET","/x"]]',
        '[["+",7,"/x"]]',
        '[["+","GET",7]]',
        '[["+","GET","/x?"]]',
        "[" * 100_000,
    ],
    ids=range(14),
)
def test_grants_that_compact_did_not_write_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_compact(text)
