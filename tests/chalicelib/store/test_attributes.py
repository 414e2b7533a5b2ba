from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.errors import Unreadable
from chalicelib.model.job import Status
from chalicelib.store.attributes import from_attributes, to_attributes

if TYPE_CHECKING:
    from chalicelib.store.table import Table

leaf = st.one_of(st.text(), st.booleans(), st.integers(-(10**37), 10**37), st.binary())
values = st.recursive(
    leaf, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(min_size=1), inner, max_size=4))
)
items = st.dictionaries(st.text(min_size=1), values, max_size=5)


def as_in_a_stream(item: Any) -> Any:
    """Return an item as Lambda's event brings it: JSON, binaries as base64 text."""
    return json.loads(json.dumps(item, default=lambda content: base64.b64encode(content).decode()))


@settings(max_examples=50)
@given(items)
def test_what_is_written_is_read_back(item: dict[str, Any]) -> None:
    assert from_attributes(to_attributes(item)) == item


@settings(max_examples=50)
@given(items)
def test_what_is_written_is_read_back_from_a_stream_record(item: dict[str, Any]) -> None:
    assert from_attributes(as_in_a_stream(to_attributes(item))) == item


def test_dynamodb_itself_gives_back_what_was_written(table: Table) -> None:
    item = {
        "pk": "a",
        "sk": "b",
        "text": "",
        "number": -(10**37),
        "yes": True,
        "binary": bytes(range(256)),
        "map": {"list": [1, "two", {"three": False}], "empty": {}},
    }

    table.put(item)

    assert table.get({"pk": "a", "sk": "b"}) == item


def test_none_is_left_out() -> None:
    assert to_attributes({"a": None, "b": {"c": None}}) == {"b": {"M": {}}}


def test_an_enumeration_is_written_as_its_text() -> None:
    assert to_attributes({"status": Status.PENDING}) == {"status": {"S": "PENDING"}}


def test_true_is_no_number() -> None:
    assert to_attributes({"yes": True}) == {"yes": {"BOOL": True}}


def test_a_null_of_somebody_elses_is_read_as_none() -> None:
    assert from_attributes({"a": {"NULL": True}}) == {"a": None}


@pytest.mark.parametrize("value", [1.5, {1, 2}, object()])
def test_what_has_no_attribute_value_is_a_mistake_of_ours(value: object) -> None:
    with pytest.raises(TypeError):
        to_attributes({"a": value})


@pytest.mark.parametrize("attribute", [{"SS": ["a"]}, {"NS": ["1"]}, {"S": "a", "N": "1"}, {"X": 1}])
def test_a_type_that_we_never_write_is_unreadable(attribute: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        from_attributes({"a": attribute})
