"""Each named condition holds and fails as its sentence says, on the table itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.store import endings, leases, limits, renewals, settling
from chalicelib.store import jobs as module
from chalicelib.store.table import ConditionFailed

if TYPE_CHECKING:
    from chalicelib.store.table import Table

STATUS = {"#status": "status"}
CLAIMING = {"names": STATUS, "pending": "PENDING", "in_progress": "IN_PROGRESS", "now": 100, "seen": 2}
HOLDING = {"names": STATUS, "in_progress": "IN_PROGRESS", "attempt": 2}
SEEING = {"names": STATUS, "seen_status": "PENDING", "seen_rev": 7}

CONDITIONS: dict[str, tuple[str, dict[str, object], dict[str, object], dict[str, object]]] = {
    # the condition; an item that it holds for; one that it does not hold for; its operands
    "STILL_PENDING, ended": (
        settling.STILL_PENDING,
        {"status": "PENDING", "revoked_at": 1},
        {"status": "SUCCEEDED"},
        {"names": {"#status": "status"}, "pending": "PENDING"},
    ),
    "STILL_PENDING, claimed": (
        settling.STILL_PENDING,
        {"status": "PENDING"},
        {"status": "IN_PROGRESS"},
        {"names": {"#status": "status"}, "pending": "PENDING"},
    ),
    "KEPT": (settling.KEPT, {"status": "PENDING"}, {"status": "PENDING", "revoked_at": 1}, {}),
    "CLAIMABLE, waiting": (
        leases.CLAIMABLE,
        {"status": "PENDING", "attempts": 2},
        {"status": "SUCCEEDED", "attempts": 2},
        CLAIMING,
    ),
    "CLAIMABLE, waiting but claimed since": (
        leases.CLAIMABLE,
        {"status": "PENDING", "attempts": 2},
        {"status": "PENDING", "attempts": 3},
        CLAIMING,
    ),
    "CLAIMABLE, held": (
        leases.CLAIMABLE,
        {"status": "IN_PROGRESS", "attempts": 2, "lease_until": 100},
        {"status": "IN_PROGRESS", "attempts": 2, "lease_until": 101},
        CLAIMING,
    ),
    "CLAIMABLE, held by the next": (
        leases.CLAIMABLE,
        {"status": "IN_PROGRESS", "attempts": 2, "lease_until": 100},
        {"status": "IN_PROGRESS", "attempts": 3, "lease_until": 100},
        CLAIMING,
    ),
    "OURS, claimed again": (
        endings.OURS,
        {"status": "IN_PROGRESS", "attempts": 2},
        {"status": "IN_PROGRESS", "attempts": 3},
        HOLDING,
    ),
    "OURS, given back": (
        endings.OURS,
        {"status": "IN_PROGRESS", "attempts": 2},
        {"status": "PENDING", "attempts": 2},
        HOLDING,
    ),
    "OURS, cancelled": (
        endings.OURS,
        {"status": "IN_PROGRESS", "attempts": 2},
        {"status": "CANCELLED", "attempts": 2},
        HOLDING,
    ),
    "AS_SEEN, another status": (
        leases.AS_SEEN,
        {"status": "PENDING", "rev": 7},
        {"status": "IN_PROGRESS", "rev": 7},
        SEEING,
    ),
    "AS_SEEN, written since": (
        leases.AS_SEEN,
        {"status": "PENDING", "rev": 7},
        {"status": "PENDING", "rev": 8},
        SEEING,
    ),
    "NEWER": (
        settling.NEWER,
        {"rank": "0000000000000001#b"},
        {"rank": "0000000000000002#b"},
        {"names": {"#rank": "rank"}, "rank": "0000000000000002#a"},
    ),
    "NEWER, itself": (
        settling.NEWER,
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
    "STANDS_AS_SEEN": (settling.STANDS_AS_SEEN, {"token_id": "a"}, {"token_id": "b"}, {"seen": "a"}),
    "THERE_AND_KEPT": (settling.THERE_AND_KEPT, {"sealed": "x"}, {"revoked_at": 1}, {}),
    "REFRESHED_BY_THIS": (leases.REFRESHED_BY_THIS, {"refresh_job": "a"}, {"refresh_job": "b"}, {"job": "a"}),
    "NOBODY_REFRESHES": (renewals.NOBODY_REFRESHES, {"generation": 2}, {"refresh_job": "a"}, {}),
    "THAT_ONE_ENDED": (renewals.THAT_ONE_ENDED, {"refresh_job": "a"}, {"refresh_job": "b"}, {"ended": "a"}),
    "REFRESHABLE": (renewals.REFRESHABLE, {"generation": 2}, {"reauth": {"code": "x", "at": 1}}, {}),
    "BY_US, another attempt": (
        renewals.BY_US,
        {"journal": {"job": "a", "attempt": 2}},
        {"journal": {"job": "a", "attempt": 3}},
        {"names": {"#job": "job"}, "job": "a", "attempt": 2},
    ),
    "BY_US, another job": (
        renewals.BY_US,
        {"journal": {"job": "a", "attempt": 2}},
        {"journal": {"job": "b", "attempt": 2}},
        {"names": {"#job": "job"}, "job": "a", "attempt": 2},
    ),
    "BY_US, taken back": (
        renewals.BY_US,
        {"journal": {"job": "a", "attempt": 2}},
        {"generation": 2},
        {"names": {"#job": "job"}, "job": "a", "attempt": 2},
    ),
    "FREE": (
        limits.FREE,
        {"holder": "b", "held_until": 100},
        {"holder": "b", "held_until": 101},
        {"now": 100, "holder": "a"},
    ),
    "FREE, ours": (
        limits.FREE,
        {"holder": "a", "held_until": 101},
        {"holder": "b", "held_until": 101},
        {"now": 100, "holder": "a"},
    ),
    "HELD_BY_US": (limits.HELD_BY_US, {"holder": "a"}, {"holder": "b"}, {"holder": "a"}),
    "SOON": (limits.SOON, {"next_turn": 103}, {"next_turn": 104}, {"now": 100, "latest": 103}),
    "SOON, past": (limits.SOON, {"next_turn": 101}, {"next_turn": 100}, {"now": 100, "latest": 103}),
    "PAST": (limits.PAST, {"next_turn": 100}, {"next_turn": 101}, {"now": 100}),
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


@pytest.mark.parametrize(
    ("condition", "operands"), [(leases.CLAIMABLE, CLAIMING), (endings.OURS, HOLDING), (leases.AS_SEEN, SEEING)]
)
def test_where_nothing_stands_nothing_is_claimed_held_or_seen(
    table: Table, condition: str, operands: dict[str, Any]
) -> None:
    with pytest.raises(ConditionFailed):
        table.put({"pk": "x", "sk": "x"}, condition=condition, **operands)


@pytest.mark.parametrize(("name", "holds"), [("NEW", True), ("NEWER", True), ("STILL_PENDING", False)])
def test_a_condition_says_what_it_means_where_nothing_stands(table: Table, name: str, holds: bool) -> None:  # noqa: FBT001
    operands: dict[str, dict[str, Any]] = {
        "NEW": {},
        "NEWER": {"names": {"#rank": "rank"}, "rank": "1"},
        "STILL_PENDING": {"names": {"#status": "status"}, "pending": "PENDING"},
    }
    item = {"pk": "x", "sk": "x"}

    if holds:
        table.put(item, condition=getattr(settling, name), **operands[name])
        assert table.get(item) == item
    else:
        with pytest.raises(ConditionFailed):
            table.put(item, condition=getattr(settling, name), **operands[name])
