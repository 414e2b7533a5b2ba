"""Which jobs belong to a list, and its cursor: opaque, good for one list, and no way past what may be seen."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.model import names
from chalicelib.model.job import Status, Type
from chalicelib.model.listing import LATEST, LONGEST_CURSOR, Position, Wanted, cursor_from_text, cursor_to_text
from tests.chalicelib.examples import JANE, NOW, a_job, an_id

ROW = Position(partition="token.store#07", at=NOW, id=an_id(7))
ALL = Wanted()

wanted = st.builds(
    lambda **members: Wanted(**members),  # noqa: PLW0108  hypothesis would look up what the annotations name
    status=st.none() | st.sampled_from(Status),
    type=st.none() | st.sampled_from(Type),
    subject=st.none() | st.from_regex(names.SUBJECT_PATTERN, fullmatch=True),
)


def text_of(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("narrowed", "takes"),
    [
        (ALL, True),
        (Wanted(status=Status.PENDING, type=Type.STORE, subject=JANE), True),
        (Wanted(status=Status.FAILED), False),
        (Wanted(type=Type.REVOKE), False),
        (Wanted(subject="john"), False),
        (Wanted(status=Status.PENDING, type=Type.REVOKE), False),
    ],
)
def test_a_list_takes_what_is_all_that_it_is_narrowed_to(
    narrowed: Wanted,
    takes: bool,  # noqa: FBT001
) -> None:
    assert narrowed.takes(a_job()) is takes


@given(wanted, st.text(max_size=128), st.integers(min_value=0, max_value=LATEST))
def test_a_cursor_brings_the_row_back_that_it_was_made_for(narrowed: Wanted, partition: str, at: int) -> None:
    row = Position(partition=partition, at=at, id=an_id(1))

    text = cursor_to_text(row, narrowed)

    assert text is not None
    assert len(text) > LONGEST_CURSOR or cursor_from_text(text, narrowed) == row


def test_the_longest_cursor_that_is_given_is_taken() -> None:
    row = Position(partition="s" * 128, at=LATEST, id=an_id(1))
    narrowed = Wanted(subject="s" * 128)

    assert cursor_from_text(cursor_to_text(row, narrowed) or "", narrowed) == row


def test_behind_the_last_row_there_is_no_cursor() -> None:
    assert cursor_to_text(None, ALL) is None


@given(wanted, wanted)
def test_a_cursor_is_good_for_the_list_that_it_was_made_for_and_no_other(one: Wanted, other: Wanted) -> None:
    text = cursor_to_text(ROW, one) or ""

    if one == other:
        assert cursor_from_text(text, other) == ROW
    else:
        with pytest.raises(ValueError, match="one that this service gave for the same subject, status and type"):
            cursor_from_text(text, other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "e30",  # {}
        "bnVsbA",  # null
        "\x00",
        "ü",
        "%20",
        "A" * (LONGEST_CURSOR + 1),
        "W1tbW1tbW1tbW1tb" * 30,  # brackets, deep
        text_of(1, ALL.mark, "token.store#07", NOW),
        text_of(1, ALL.mark, "token.store#07", NOW, an_id(7), 1),
        text_of(2, ALL.mark, "token.store#07", NOW, an_id(7)),
        text_of(1, ALL.mark, 7, NOW, an_id(7)),
        text_of(1, ALL.mark, "token.store#07", *[True], an_id(7)),
        text_of(1, ALL.mark, "token.store#07", 1.5, an_id(7)),
        text_of(1, ALL.mark, "token.store#07", -1, an_id(7)),
        text_of(1, ALL.mark, "token.store#07", LATEST + 1, an_id(7)),
        text_of(1, ALL.mark, "token.store#07", "1", an_id(7)),
        text_of(1, ALL.mark, "token.store#07", NOW, "../policies"),
        text_of(1, ALL.mark, "token.store#07", NOW, None),
        text_of(1, ["a"], "token.store#07", NOW, an_id(7)),
        (cursor_to_text(ROW, ALL) or "") + "!",
    ],
)
def test_what_this_service_never_gave_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="one that this service gave"):
        cursor_from_text(text, ALL)
