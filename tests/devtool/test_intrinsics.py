"""Carrying out CloudFormation's functions, as far as the template uses them."""

from __future__ import annotations

from typing import Any

import pytest

from devtool.intrinsics import Unknown, Values

NOTHING = {"Ref": "AWS::NoValue"}
VALUES = Values(
    names={"Full": "a,b", "Empty": ""},
    conditions={
        "NoFull": {"Fn::Equals": [{"Ref": "Full"}, ""]},
        "NoEmpty": {"Fn::Equals": [{"Ref": "Empty"}, ""]},
        "Neither": {"Fn::And": [{"Condition": "NoFull"}, {"Condition": "NoEmpty"}]},
        "Either": {"Fn::Or": [{"Condition": "NoFull"}]},
    },
)


def if_none(name: str, otherwise: object) -> dict[str, Any]:
    return {"Fn::If": [f"No{name}", NOTHING, otherwise]}


def test_what_a_condition_takes_away_is_not_there_at_all() -> None:
    value = {
        "kept": if_none("Full", "x"),
        "gone": if_none("Empty", "x"),
        "list": [if_none("Empty", 1), 2],
        "no": NOTHING,
    }

    assert VALUES.resolve(value) == {"kept": "x", "list": [2]}
    assert VALUES.decide(value) == {"kept": "x", "list": [2]}


def test_conditions_within_conditions_are_decided_one_after_the_other() -> None:
    assert VALUES.resolve({"a": {"Fn::If": ["Neither", "never", if_none("Empty", "x")]}, "b": 1}) == {"b": 1}


def test_a_text_is_split_and_decisions_alone_leave_it_to_cloudformation() -> None:
    split = {"Fn::Split": [",", {"Ref": "Full"}]}

    assert VALUES.resolve(split) == ["a", "b"]
    assert VALUES.decide(split) == split


def test_a_condition_of_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(Unknown, match="the condition Either"):
        VALUES.resolve({"Fn::If": ["Either", 1, 2]})
