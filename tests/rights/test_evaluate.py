"""The evaluator that other tests trust: a policy's answer, by the IAM user guide."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rights.evaluate import Asked, allows

KEYS = "dynamodb:LeadingKeys"


def allow(condition: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    said = {"Effect": "Allow", "Action": ["dynamodb:PutItem"], "Resource": ["t"], **changes}
    return said if condition is None else {**said, "Condition": condition}


def put(*keys: str, resource: str = "t") -> Asked:
    return Asked(action="dynamodb:PutItem", resource=resource, context={KEYS: keys} if keys else {})


def test_what_nobody_allows_is_refused_and_a_deny_wins() -> None:
    assert allows([allow()], put("a"))
    assert not allows([], put("a"))
    assert not allows([allow()], put("a", resource="u"))
    assert not allows([allow(Action=["dynamodb:GetItem"])], put("a"))
    assert not allows([allow(), allow(Effect="Deny")], put("a"))
    assert allows([allow(), allow({"ForAnyValue:StringEquals": {KEYS: ["b"]}}, Effect="Deny")], put("a"))


@pytest.mark.parametrize(
    ("operator", "wanted", "keys", "holds"),
    [
        ("ForAllValues:StringLike", ["JOB#*", "CACHE"], ("JOB#1", "CACHE"), True),
        ("ForAllValues:StringLike", ["JOB#*"], ("JOB#1", "POLICY#x"), False),
        ("ForAllValues:StringLike", ["JOB#*"], (), True),
        ("ForAllValues:StringEquals", ["JOB#*"], ("JOB#1",), False),
        ("ForAnyValue:StringLike", ["JOB#*"], ("JOB#1", "POLICY#x"), True),
        ("ForAnyValue:StringLike", ["JOB#*"], (), False),
        ("StringLike", ["J?B#*"], ("JOB#1",), True),
        ("StringLike", ["JOB#[1]"], ("JOB#1",), False),
        ("StringEquals", ["a", "b"], ("b",), True),
        ("StringEquals", ["a"], (), False),
        ("Null", ["false"], ("x",), True),
        ("Null", ["false"], (), False),
        ("Null", ["true"], (), True),
    ],
)
def test_a_condition_holds_as_iam_says(operator: str, wanted: list[str], keys: tuple[str, ...], holds: object) -> None:
    assert allows([allow({operator: {KEYS: wanted}})], put(*keys)) is holds


def test_every_condition_of_a_statement_must_hold() -> None:
    both = {"ForAllValues:StringLike": {KEYS: ["JOB#*"]}, "Null": {KEYS: "false"}}

    assert allows([allow(both)], put("JOB#1"))
    assert not allows([allow(both)], put())


def test_an_operator_that_is_not_known_is_an_error_and_no_match() -> None:
    with pytest.raises(KeyError):
        allows([allow({"StringNotLike": {KEYS: ["a"]}})], put("a"))
    with pytest.raises(ValueError, match="several values"):
        allows([allow({"StringLike": {KEYS: ["a"]}})], put("a", "b"))
