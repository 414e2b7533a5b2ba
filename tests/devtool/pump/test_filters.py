from __future__ import annotations

import pytest

from devtool.pump.filters import BadPattern, check, matches, passes

JOB = {
    "eventName": "INSERT",
    "dynamodb": {
        "SizeBytes": 120,
        "Keys": {"pk": {"S": "job#1"}},
        "NewImage": {
            "kind": {"S": "job"},
            "status": {"S": "PENDING"},
            "attempts": {"N": "3"},
            "open": {"BOOL": True},
            "tags": {"L": [{"S": "red"}, {"S": "blue"}]},
            "names": {"SS": ["Anna", "Ben"]},
        },
    },
}


def image(**fields: object) -> dict[str, object]:
    return {"dynamodb": {"NewImage": fields}}


def test_without_patterns_every_record_passes() -> None:
    assert passes(JOB, ())


def test_one_matching_pattern_of_several_is_enough() -> None:
    assert passes(JOB, ({"eventName": ["REMOVE"]}, {"eventName": ["INSERT"]}))
    assert not passes(JOB, ({"eventName": ["REMOVE"]}, {"eventName": ["MODIFY"]}))


def test_all_fields_of_a_pattern_have_to_match() -> None:
    wanted = {"eventName": ["INSERT"], **image(kind={"S": ["job"]}, status={"S": ["PENDING"]})}

    assert matches(JOB, wanted)
    assert not matches(JOB, {**wanted, **image(kind={"S": ["token"]})})


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("PENDING", True),
        ("pending", False),
        ({"equals-ignore-case": "pending"}, True),
        ({"equals-ignore-case": "pendin"}, False),
        ({"prefix": "PEN"}, True),
        ({"prefix": "pen"}, False),
        ({"suffix": "ING"}, True),
        ({"suffix": "PEN"}, False),
        ({"anything-but": ["FAILED", "SUCCEEDED"]}, True),
        ({"anything-but": ["FAILED", "PENDING"]}, False),
        ({"anything-but": "PENDING"}, False),
        ({"anything-but": {"prefix": "PEN"}}, False),
        ({"anything-but": {"prefix": "FAI"}}, True),
        ({"exists": True}, True),
        ({"exists": False}, False),
    ],
)
def test_a_rule_is_tried_on_the_value(rule: object, expected: bool) -> None:  # noqa: FBT001
    assert matches(JOB, image(status={"S": [rule]})) is expected


def test_any_rule_of_a_list_is_enough() -> None:
    assert matches(JOB, image(status={"S": ["FAILED", {"prefix": "PEN"}]}))


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        (["=", 120], True),
        (["=", 121], False),
        ([">", 119], True),
        ([">", 120], False),
        ([">=", 120], True),
        (["<", 120], False),
        (["<=", 120], True),
        ([">", 0, "<", 121], True),
        ([">", 0, "<=", 119], False),
    ],
)
def test_a_number_is_compared(bounds: list[object], expected: bool) -> None:  # noqa: FBT001
    assert matches(JOB, {"dynamodb": {"SizeBytes": [{"numeric": bounds}]}}) is expected


def test_a_dynamodb_number_is_a_string_and_never_numeric() -> None:
    assert not matches(JOB, image(attempts={"N": [{"numeric": [">=", 0]}]}))
    assert matches(JOB, image(attempts={"N": ["3"]}))


def test_true_is_not_one_and_text_is_no_number() -> None:
    assert matches(JOB, image(open={"BOOL": [True]}))
    assert not matches(JOB, image(open={"BOOL": [1]}))
    assert not matches({"n": 1}, {"n": [True]})
    assert not matches({"n": 1}, {"n": ["1"]})


def test_null_is_a_value_and_absence_is_none() -> None:
    assert matches({"x": None}, {"x": [None]})
    assert not matches({}, {"x": [None]})


def test_absence_is_found_also_below_what_is_absent() -> None:
    assert matches(JOB, image(ended_at={"N": [{"exists": False}]}))
    assert matches(JOB, {"userIdentity": {"type": [{"exists": False}]}})
    assert not matches(JOB, {"userIdentity": {"type": [{"anything-but": "Service"}]}})


def test_exists_sees_leaf_values_only() -> None:
    assert not matches(JOB, image(kind=[{"exists": True}]))
    assert matches(JOB, image(kind=[{"exists": False}]))


def test_or_takes_any_of_its_alternatives_beside_the_other_fields() -> None:
    either = [image(kind={"S": ["watch"]}), image(status={"S": ["PENDING"]})]

    assert matches(JOB, {"eventName": ["INSERT"], "$or": either})
    assert not matches(JOB, {"eventName": ["REMOVE"], "$or": either})
    assert not matches(JOB, {"$or": [image(kind={"S": ["watch"]})]})


def test_or_works_below_the_top() -> None:
    alternatives = [{"kind": {"S": ["watch"]}}, {"status": {"S": ["PENDING"]}}]

    assert matches(JOB, {"dynamodb": {"NewImage": {"$or": alternatives}}})


def test_any_element_of_a_list_or_set_may_match() -> None:
    assert matches(JOB, image(names={"SS": ["Ben"]}))
    assert not matches(JOB, image(names={"SS": ["Cleo"]}))
    assert matches(JOB, image(tags={"L": {"S": ["blue"]}}))
    assert not matches(JOB, image(tags={"L": {"S": ["green"]}}))


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ([], "the pattern must be an object"),
        ({}, "the pattern must be an object"),
        ({"eventName": "INSERT"}, "eventName: write the values"),
        ({"eventName": []}, "eventName: write the values"),
        ({"a": {"b": [{"wildcard": "x*"}]}}, "b: there is no operator 'wildcard'"),
        ({"a": [{"prefix": 1}]}, "a: prefix takes a string"),
        ({"a": [{"prefix": "x", "suffix": "y"}]}, "a: one operator"),
        ({"a": [{"numeric": [">"]}]}, "a: numeric takes pairs"),
        ({"a": [{"numeric": ["~", 1]}]}, "a: numeric takes pairs"),
        ({"$or": {}}, r"\$or must be a list"),
        ({"$or": [{"a": "x"}]}, "a: write the values"),
    ],
)
def test_what_lambda_would_refuse_is_refused_by_name(pattern: object, fault: str) -> None:
    with pytest.raises(BadPattern, match=fault):
        check(pattern)


def test_a_good_pattern_is_returned_as_it_is() -> None:
    pattern = {"eventName": ["INSERT", {"prefix": "MOD"}], "$or": [{"a": [None]}, {"b": [{"exists": False}]}]}

    assert check(pattern) is pattern
