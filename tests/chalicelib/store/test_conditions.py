"""Each named condition holds and fails as its sentence says, on the table itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.store import jobs as module
from chalicelib.store.table import ConditionFailed

if TYPE_CHECKING:
    from chalicelib.store.table import Table

CONDITIONS: dict[str, tuple[str, dict[str, object], dict[str, object], dict[str, object]]] = {
    # the condition; an item that it holds for; one that it does not hold for; its operands
    "STILL_PENDING_AND_KEPT, ended": (
        module.STILL_PENDING_AND_KEPT,
        {"status": "PENDING"},
        {"status": "SUCCEEDED"},
        {"names": {"#status": "status"}, "pending": "PENDING"},
    ),
    "STILL_PENDING_AND_KEPT, deleted": (
        module.STILL_PENDING_AND_KEPT,
        {"status": "PENDING"},
        {"status": "PENDING", "revoked_at": 1},
        {"names": {"#status": "status"}, "pending": "PENDING"},
    ),
    "STILL_PENDING": (
        module.STILL_PENDING,
        {"status": "PENDING", "revoked_at": 1},
        {"status": "IN_PROGRESS"},
        {"names": {"#status": "status"}, "pending": "PENDING"},
    ),
    "NEWER": (
        module.NEWER,
        {"rank": "0000000000000001#b"},
        {"rank": "0000000000000002#b"},
        {"names": {"#rank": "rank"}, "rank": "0000000000000002#a"},
    ),
    "NEWER, itself": (
        module.NEWER,
        {"rank": "0000000000000002#0"},
        {"rank": "0000000000000002#a"},
        {"names": {"#rank": "rank"}, "rank": "0000000000000002#a"},
    ),
    "NOT_YET_REVOKED_AS_SEEN, deleted": (
        module.NOT_YET_REVOKED_AS_SEEN,
        {"status": "PENDING"},
        {"status": "PENDING", "revoked_at": 1},
        {"names": {"#status": "status"}, "seen": "PENDING"},
    ),
    "NOT_YET_REVOKED_AS_SEEN, settled": (
        module.NOT_YET_REVOKED_AS_SEEN,
        {"status": "PENDING"},
        {"status": "SUCCEEDED"},
        {"names": {"#status": "status"}, "seen": "PENDING"},
    ),
    "STILL_CURRENT": (module.STILL_CURRENT, {"token_id": "a"}, {"token_id": "b"}, {"id": "a"}),
}


@pytest.mark.parametrize(("condition", "holds", "fails", "operands"), CONDITIONS.values(), ids=CONDITIONS)
def test_a_condition_holds_and_fails_as_its_sentence_says(
    table: Table, condition: str, holds: dict[str, object], fails: dict[str, object], operands: dict[str, Any]
) -> None:
    key = {"pk": "x", "sk": "x"}

    table.put({**key, **holds})
    table.delete(key, condition=condition, **operands)
    table.put({**key, **fails})
    with pytest.raises(ConditionFailed):
        table.delete(key, condition=condition, **operands)


@pytest.mark.parametrize(("name", "holds"), [("NEW", True), ("NEWER", True), ("STILL_PENDING", False)])
def test_a_condition_says_what_it_means_where_nothing_stands(table: Table, name: str, holds: bool) -> None:  # noqa: FBT001
    operands: dict[str, dict[str, Any]] = {
        "NEW": {},
        "NEWER": {"names": {"#rank": "rank"}, "rank": "1"},
        "STILL_PENDING": {"names": {"#status": "status"}, "pending": "PENDING"},
    }
    item = {"pk": "x", "sk": "x"}

    if holds:
        table.put(item, condition=getattr(module, name), **operands[name])
        assert table.get(item) == item
    else:
        with pytest.raises(ConditionFailed):
            table.put(item, condition=getattr(module, name), **operands[name])
