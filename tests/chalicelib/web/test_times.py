from __future__ import annotations

import pytest

from chalicelib.errors import InvalidParameter
from chalicelib.model.audit import DAY
from chalicelib.model.clock import SECOND
from chalicelib.model.reconcile import Going, going_to_text
from chalicelib.model.window import Window, window_cursor
from chalicelib.web.times import going_of, window_of
from tests.chalicelib.examples import JANE, NOW

PLACE = f"{NOW:016d}"


def test_without_times_the_last_day_is_meant() -> None:
    window, after = window_of({}, NOW)

    assert (window, after) == (Window(since=NOW + 1 - DAY * SECOND, until=NOW + 1), None)
    assert going_of({}, NOW) == Going(since=NOW + 1 - DAY * SECOND, until=NOW + 1)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2027-01-15T08:00:00Z", NOW),
        ("2027-01-15t08:00:00.5z", NOW + SECOND // 2),
        ("2027-01-15T10:00:00+02:00", NOW),
    ],
)
def test_a_moment_is_read_in_any_offset(text: str, micros: int) -> None:
    assert window_of({"to": text}, 0)[0].until == micros


@pytest.mark.parametrize(
    "text", ["", "now", "2027-01-15", "2027-01-15T08:00:00", "2027-02-30T08:00:00Z", "20270115T080000Z", "1800000000"]
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        window_of({"from": text}, NOW)

    assert refused.value.facts["field"] == "from"


@pytest.mark.parametrize(("days", "is_taken"), [(31, True), (32, False), (-1, False)])
def test_a_month_is_the_most(days: int, is_taken: bool) -> None:  # noqa: FBT001
    given = {"from": "2027-01-01T00:00:00Z", "to": f"2027-{1 + (days > 30):02d}-{(days % 31) + 1:02d}T00:00:00Z"}
    if days < 0:
        given = {"from": "2027-01-02T00:00:00Z", "to": "2027-01-01T00:00:00Z"}

    if is_taken:
        assert window_of(given, NOW)[0].since < window_of(given, NOW)[0].until
    else:
        with pytest.raises(InvalidParameter):
            window_of(given, NOW)


def test_a_walk_is_a_day_at_the_most() -> None:
    with pytest.raises(InvalidParameter):
        going_of({"from": "2027-01-01T00:00:00Z", "to": "2027-01-02T00:00:01Z"}, NOW)


def test_a_cursor_keeps_the_times_of_the_first_page_and_refuses_others() -> None:
    first, _ = window_of({"subject": JANE}, NOW)
    text = str(window_cursor(first, PLACE))

    assert window_of({"subject": JANE, "cursor": text}, NOW + 9) == (first, PLACE)
    for other in ({"cursor": text}, {"subject": JANE, "cursor": text, "to": "2027-01-15T07:00:00Z"}):
        with pytest.raises(InvalidParameter):
            window_of(other, NOW)


def test_a_walks_cursor_keeps_its_times_and_refuses_others() -> None:
    going = Going(since=1, until=2, is_among_entries=True)
    text = str(going_to_text(going))

    assert going_of({"cursor": text}, NOW) == going
    for other in ({"cursor": "x"}, {"cursor": text, "to": "2027-01-15T07:00:00Z"}):
        with pytest.raises(InvalidParameter):
            going_of(other, NOW)
