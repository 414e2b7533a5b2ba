from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

import pytest

from chalicelib.model.audit import DAY, Entry, Event, Who
from chalicelib.model.clock import SECOND
from chalicelib.model.ids import hashed_id
from chalicelib.model.window import Window
from chalicelib.store.audit import EXAMINED_DAYS, AuditLists
from chalicelib.store.trail import Trail, entry_to_item
from tests.chalicelib.examples import HOOK, JANE, NOW

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from chalicelib.store.table import Table

MIDNIGHT = NOW - NOW % (DAY * SECOND)
MOST_PAGES = 1_000


def an_entry(number: int, at: int, *, subject: str | None = JANE, principal: str = HOOK) -> Entry:
    entry_id = hashed_id(b"test", str(number))
    return Entry(id=entry_id, at=at, event=Event.READ, who=Who(principal=principal), subject=subject)


def pages(lists: AuditLists, window: Window, limit: int = 50) -> list[list[Entry]]:
    """Return all pages of a list, to its end."""
    found: list[list[Entry]] = []
    after: str | None = None
    for _ in range(MOST_PAGES):
        page, after = lists.page(window, limit=limit, after=after)
        found.append(page)
        if after is None:
            return found
    raise AssertionError("a list without an end")


def ids(entries: list[Entry]) -> list[str]:
    return [entry.id for entry in entries]


@pytest.fixture
def lists(table: Table, pool: Executor) -> AuditLists:
    return AuditLists(table, pool)


@pytest.fixture
def written(table: Table) -> list[Entry]:
    """Return stored entries, latest first: of two days, subjects and principals, some of one moment."""
    made = [
        an_entry(number, MIDNIGHT + (number // 2 - 15) * 60 * SECOND, subject=subject, principal=principal)
        for number, (subject, principal) in enumerate(
            itertools.islice(itertools.cycle([(JANE, HOOK), ("joe", HOOK), (JANE, "x#1"), (None, "x#1")]), 60)
        )
    ]
    for entry in made:
        Trail(table).write(entry)
    return sorted(made, key=lambda entry: entry.order, reverse=True)


WHOLE = {"since": MIDNIGHT - 3_600 * SECOND, "until": MIDNIGHT + 3_600 * SECOND}


@pytest.mark.parametrize("limit", [1, 7, 50])
@pytest.mark.parametrize(
    "narrowed", [{}, {"subject": JANE}, {"principal": HOOK}, {"principal": "x#1"}, {"subject": JANE, "principal": HOOK}]
)
def test_a_list_holds_what_it_is_narrowed_to_latest_first_whatever_its_pages(
    lists: AuditLists, written: list[Entry], narrowed: dict[str, str], limit: int
) -> None:
    window = Window(**WHOLE, **narrowed)

    found = pages(lists, window, limit)

    assert [one for page in found for one in page] == [one for one in written if window.takes(one)]
    assert all(len(page) <= limit for page in found)


def test_a_window_begins_with_its_first_moment_and_ends_before_its_last(
    lists: AuditLists, written: list[Entry]
) -> None:
    first, last = written[-20].at, written[10].at

    for narrowed in ({}, {"subject": JANE}, {"principal": HOOK}):
        window = Window(since=first, until=last, **narrowed)
        expected = [one for one in written if first <= one.at < last and window.takes(one)]
        assert [one for page in pages(lists, window, 3) for one in page] == expected


def test_days_without_an_entry_are_passed_over_a_few_a_page(lists: AuditLists, table: Table) -> None:
    entry = an_entry(1, NOW - 20 * DAY * SECOND)
    Trail(table).write(entry)

    found = pages(lists, Window(since=NOW - 30 * DAY * SECOND, until=NOW))

    assert [one for page in found for one in page] == [entry]
    assert len(found) == 31 // EXAMINED_DAYS + 1


def test_what_no_version_wrote_hides_nothing_else(lists: AuditLists, table: Table, written: list[Entry]) -> None:
    broken = {**entry_to_item(an_entry(99, MIDNIGHT), ttl=1), "event": None}
    table.put(broken)

    assert ids(pages(lists, Window(**WHOLE))[0]) == ids(written)[:50]


@pytest.mark.slow
def test_ten_thousand_entries_are_walked_exactly_while_others_are_written(
    lists: AuditLists, table: Table, pool: Executor
) -> None:
    before = [an_entry(number, NOW - number * 7_000_000, subject=f"s{number % 50}") for number in range(10_000)]
    _write(table, before, pool)
    window = Window(since=NOW - DAY * SECOND, until=NOW + DAY * SECOND)
    done = threading.Event()

    def go_on() -> int:
        number = 10_000
        while not done.is_set():
            number += 1
            Trail(table).write(an_entry(number, NOW + number))
        return number

    writing = pool.submit(go_on)
    try:
        first, after = lists.page(window, limit=50, after=None)
        walked = [*first]
        while after is not None:
            page, after = lists.page(window, limit=1_000, after=after)
            walked += page
    finally:
        done.set()
    writing.result()

    old = [one.id for one in walked if one.at <= NOW]
    assert old == [one.id for one in before]
    assert len({one.id for one in walked}) == len(walked)


def _write(table: Table, entries: list[Entry], pool: Executor) -> None:
    """Write entries as they stand, 25 at a time: a unit each would be a minute."""

    def batch(start: int) -> None:
        table.transact([table.put_operation(entry_to_item(entry, ttl=NOW)) for entry in entries[start : start + 25]])

    list(pool.map(batch, range(0, len(entries), 25)))
