from __future__ import annotations

import base64
import json

import pytest
from msgspec.structs import replace

from chalicelib.model.audit import Entry, Event, Who, entry_id
from chalicelib.model.clock import SECOND
from chalicelib.model.job import Status
from chalicelib.model.listing import Position
from chalicelib.model.reconcile import (
    YOUNG,
    Going,
    Standing,
    Stored,
    going_from_text,
    going_to_text,
    standing_by,
    standing_of,
)
from tests.chalicelib.examples import NOW, an_id

LATER = NOW + 3_600 * SECOND
ID = an_id(1)


def stored(*changes: tuple[Status, int], deleted_at: int | None = None, ttl: int = LATER // SECOND + 9) -> Stored:
    status = changes[-1][0] if changes else Status.PENDING
    return Stored(id=ID, status=status, accepted_at=NOW, changes=changes, deleted_at=deleted_at, ttl=ttl)


def an_end(event: Event, at: int, *, by_id: str = "", kept_until: int | None = None) -> Entry:
    return Entry(
        id=by_id or entry_id(ID, event, at),
        at=at,
        event=event,
        who=Who(principal="x"),
        token_id=ID,
        kept_until=kept_until,
    )


SETTLED = stored((Status.SUCCEEDED, NOW + 1))


@pytest.mark.parametrize(
    ("token", "standing"),
    [
        (stored(), Standing.OPEN),
        (stored((Status.IN_PROGRESS, NOW + 1)), Standing.OPEN),
        (SETTLED, Standing.LIVE),
        (replace(SETTLED, ttl=LATER // SECOND), Standing.EXPIRED),
        (replace(SETTLED, deleted_at=NOW + 2), Standing.DELETED),
        (stored((Status.FAILED, NOW + 1)), Standing.FAILED),
        (stored((Status.CANCELLED, NOW + 1)), Standing.CANCELLED),
        (stored((Status.FAILED, NOW + 1), (Status.PENDING, NOW + 2), (Status.SUCCEEDED, NOW + 3)), Standing.LIVE),
        (stored((Status.SUCCEEDED, NOW + 1), (Status.FAILED, NOW + 2)), Standing.ENDED_TWICE),
    ],
)
def test_a_token_whose_ends_are_all_written_down_stands_as_its_item_says(token: Stored, standing: Standing) -> None:
    assert standing_of(token, frozenset(token.entries()), LATER) is standing


@pytest.mark.parametrize(
    "token", [SETTLED, stored((Status.FAILED, NOW + 1)), replace(SETTLED, deleted_at=NOW + 2, ttl=0)]
)
def test_a_token_with_an_end_that_is_not_written_down_is_unknown_to_the_audit(token: Stored) -> None:
    *most, _ = token.entries()

    assert standing_of(token, frozenset(most), LATER) is Standing.UNKNOWN


def test_what_ended_a_moment_ago_may_be_seen_before_its_entry_is() -> None:
    assert standing_of(SETTLED, frozenset(), NOW + 1 + YOUNG) is Standing.LIVE
    assert standing_of(SETTLED, frozenset(), NOW + 2 + YOUNG) is Standing.UNKNOWN


def test_an_entry_that_its_token_tells_of_is_counted_by_the_token() -> None:
    assert standing_by(an_end(Event.STORED, NOW + 1), SETTLED, LATER) is None


@pytest.mark.parametrize("entry", [an_end(Event.FAILED, NOW + 1), an_end(Event.STORED, NOW + 1, by_id=an_id(9))])
def test_an_end_beside_the_one_that_the_token_tells_of_is_a_second_one(entry: Entry) -> None:
    assert standing_by(entry, SETTLED, LATER) is Standing.ENDED_TWICE


def test_a_token_that_is_gone_before_its_time_is_missing_and_expired_behind_it() -> None:
    kept = an_end(Event.STORED, NOW, kept_until=LATER // SECOND)

    assert standing_by(kept, None, LATER - 1) is Standing.MISSING
    assert standing_by(kept, None, LATER) is Standing.EXPIRED
    assert standing_by(replace(kept, kept_until=None), None, LATER) is Standing.MISSING


def test_a_token_that_is_gone_just_now_is_not_missing_yet() -> None:
    assert standing_by(an_end(Event.STORED, NOW), None, NOW + YOUNG - 1) is None


@pytest.mark.parametrize(
    ("event", "standing"),
    [(Event.FAILED, Standing.FAILED), (Event.CANCELLED, Standing.CANCELLED), (Event.DELETED, None)],
)
def test_a_token_that_is_gone_ended_as_its_entry_says(event: Event, standing: Standing | None) -> None:
    assert standing_by(an_end(event, NOW), None, LATER) is standing


def test_an_id_that_is_used_again_does_not_stand_for_the_token_before() -> None:
    again = replace(SETTLED, accepted_at=NOW + 10 * SECOND, changes=())
    first = an_end(Event.STORED, NOW + 1, kept_until=NOW // SECOND + 5)

    assert standing_by(first, again, LATER) is Standing.EXPIRED
    assert standing_by(replace(first, kept_until=NOW // SECOND + 11), again, LATER) is Standing.MISSING


@pytest.mark.parametrize(
    "going",
    [
        Going(since=1, until=2),
        Going(since=1, until=2, row=Position(partition="token.store#03", at=1, id=an_id(4))),
        Going(since=1, until=2, is_among_entries=True, entry=f"{NOW:016d}#{an_id(1)}"),
    ],
)
def test_a_cursor_says_where_the_walk_goes_on(going: Going) -> None:
    assert going_from_text(str(going_to_text(going))) == going


@pytest.mark.parametrize(
    "parts",
    [
        [],
        {},
        [2, 1, 2, False, None, None],
        [1, -1, 2, False, None, None],
        [1, True, 2, False, None, None],
        [1, 1, 2, 0, None, None],
        [1, 1, 2, True, None, "x"],
        [1, 1, 2, True, None, 3],
        [1, 1, 2, False, ["a"], None],
        [1, 1, 2, False, ["a", "b", "c"], None],
        [1, 1, 2, False, ["a" * 129, 1, "c"], None],
    ],
)
def test_a_forged_cursor_is_refused(parts: object) -> None:
    text = base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()

    with pytest.raises(ValueError, match="one that this service gave"):
        going_from_text(text)
