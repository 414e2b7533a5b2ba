from __future__ import annotations

import base64
import json

import pytest

from chalicelib.model.audit import Entry, Event, Who
from chalicelib.model.window import Window, window_cursor, window_from_cursor
from tests.chalicelib.examples import JANE, NOW, an_id

PLACE = f"{NOW:016d}#{an_id(1)}"
WINDOW = Window(since=1, until=NOW, subject=JANE, principal="hook")


def forged(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


def test_a_cursor_goes_on_in_the_times_of_its_first_page() -> None:
    text = window_cursor(WINDOW, PLACE)

    later = Window(since=5, until=NOW + 9, subject=JANE, principal="hook")
    assert window_from_cursor(str(text), later) == (WINDOW, PLACE)
    assert window_cursor(WINDOW, None) is None


@pytest.mark.parametrize(
    "other", [Window(since=1, until=2), Window(since=1, until=NOW, subject="joe", principal="hook")]
)
def test_a_cursor_of_another_list_is_refused(other: Window) -> None:
    with pytest.raises(ValueError, match="for the same subject and principal"):
        window_from_cursor(str(window_cursor(WINDOW, PLACE)), other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "?",
        "x" * 600,
        forged(1),
        forged(2, WINDOW.mark, 1, 2, PLACE),
        forged(1, WINDOW.mark, 2, 1, PLACE),
        forged(1, WINDOW.mark, "1", 2, PLACE),
        forged(1, WINDOW.mark, 1, 2, "AUDIT"),
        forged(1, WINDOW.mark, 1, 2, 7),
        base64.b64encode(b"{}").decode(),
    ],
)
def test_what_no_page_gave_is_no_cursor(text: str) -> None:
    with pytest.raises(ValueError, match="one that this service gave"):
        window_from_cursor(text, WINDOW)


@pytest.mark.parametrize(
    ("subject", "principal", "takes"), [(JANE, "hook", True), ("joe", "hook", False), (JANE, "x", False)]
)
def test_a_window_takes_what_it_is_narrowed_to(subject: str, principal: str, takes: bool) -> None:  # noqa: FBT001
    entry = Entry(id=an_id(1), at=1, event=Event.READ, who=Who(principal=principal), subject=subject)

    assert WINDOW.takes(entry) is takes
    assert Window(since=0, until=1).takes(entry)
