from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from chalicelib.errors import Conflict, Unavailable, Unreadable
from chalicelib.model.cached import Entry, NotRead
from chalicelib.model.clock import SECOND
from chalicelib.outbound.cache import Cached, NothingUsable, Source, Surroundings
from chalicelib.store import keys
from chalicelib.store.cached import CachedDocuments, entry_from_item, entry_to_item
from tests.chalicelib.examples import NOW
from tests.chalicelib.model.test_cached import TERMS

if TYPE_CHECKING:
    from chalicelib.outbound.cache import Shelf
    from chalicelib.store.table import Table

NAME = "https://issuer.example/jwks.json?p=" + "x" * 2_000
NOTHING = Entry(name=NAME)
WHOLE = Entry(
    name=NAME,
    rev=9,
    generation=8,
    document=b"\x00{}",
    fetched_at=1,
    fresh_until=2,
    stale_until=3,
    tried_at=4,
    failed_at=5,
    lease_until=6,
)


@pytest.fixture
def shelf(table: Table) -> CachedDocuments:
    return CachedDocuments(table)


@pytest.mark.parametrize("consistent", [True, False])
def test_an_entry_is_found_as_it_was_written(shelf: CachedDocuments, consistent: bool) -> None:  # noqa: FBT001
    assert shelf.look(NAME, consistent=consistent) == NOTHING

    assert shelf.write(WHOLE, seen=NOTHING) == WHOLE

    assert shelf.look(NAME, consistent=consistent) == WHOLE


def test_who_comes_second_is_told_what_stands_there(shelf: CachedDocuments) -> None:
    first = shelf.write(NOTHING.leased(TERMS, NOW), seen=NOTHING)

    assert shelf.write(NOTHING.leased(TERMS, NOW + 1), seen=NOTHING) == first
    shelf.write(second := first.fetched(b"x", TERMS, NOW), seen=first)
    assert shelf.write(first.failed(NOW), seen=first) == second
    assert shelf.look(NAME, consistent=True) == second


def test_who_saw_what_is_gone_meanwhile_writes_nothing(shelf: CachedDocuments, table: Table) -> None:
    shelf.write(WHOLE, seen=NOTHING)
    table.delete(keys.cached_key(NAME))

    assert shelf.write(replace(WHOLE, rev=10), seen=WHOLE) == NOTHING
    assert shelf.look(NAME, consistent=True) == NOTHING


def test_of_many_who_want_the_lease_at_once_one_has_it(shelf: CachedDocuments) -> None:
    wanted = [NOTHING.leased(TERMS, NOW + number) for number in range(32)]

    with ThreadPoolExecutor(16) as pool:
        stands = list(pool.map(lambda entry: shelf.write(entry, seen=NOTHING), wanted))

    assert len(set(stands)) == 1
    assert [entry for entry in wanted if entry in stands] == [stands[0]]


def test_a_drop_refuses_the_write_of_who_was_fetching_and_takes_the_document_away(shelf: CachedDocuments) -> None:
    begun = shelf.write(NOTHING.leased(TERMS, NOW), seen=NOTHING)

    assert shelf.drop(NAME, NOW + 5)

    assert shelf.write(begun.fetched(b"x", TERMS, NOW), seen=begun) == Entry(name=NAME, rev=NOW + 5, generation=NOW + 5)
    assert shelf.look(NAME, consistent=True).document is None


class Restless(CachedDocuments):
    """Behind each of so many looks, somebody else writes."""

    def __init__(self, table: Table, times: int) -> None:
        super().__init__(table)
        self._times = times

    def look(self, name: str, *, consistent: bool) -> Entry:
        found = super().look(name, consistent=consistent)
        if self._times:
            self._times -= 1
            self.write(found.leased(TERMS, NOW).fetched(b"newer", TERMS, NOW), seen=found)
        return found


def test_a_drop_takes_away_also_what_came_between_its_look_and_its_write(shelf: CachedDocuments, table: Table) -> None:
    shelf.write(WHOLE, seen=NOTHING)

    assert Restless(table, times=2).drop(NAME, NOW)

    after = shelf.look(NAME, consistent=True)
    assert after.document is None
    assert after.generation == after.rev > NOW


def test_a_drop_that_others_outrun_again_and_again_says_so(shelf: CachedDocuments, table: Table) -> None:
    shelf.write(WHOLE, seen=NOTHING)

    with pytest.raises(Conflict, match="try again"):
        Restless(table, times=99).drop(NAME, NOW)


def test_what_was_never_there_cannot_be_dropped(shelf: CachedDocuments) -> None:
    assert not shelf.drop(NAME, NOW)
    assert shelf.listed() == []


@pytest.mark.parametrize(
    "strange",
    [
        {"document": "text"},
        {"name": 7},
        {"name": None},
        {"rev": None},
        {"rev": 0},
        {"rev": "9"},
        {"fetched_at": "now"},
        {"stale_until": -1},
        {"generation": True},
    ],
    ids=repr,
)
def test_a_strange_item_is_unreadable_is_listed_so_and_can_be_dropped(
    shelf: CachedDocuments, table: Table, strange: dict[str, Any]
) -> None:
    table.put({**entry_to_item(WHOLE), **strange})

    with pytest.raises(Unreadable):
        shelf.look(NAME, consistent=True)
    with pytest.raises(Unreadable):
        shelf.write(replace(WHOLE, rev=10), seen=replace(WHOLE, rev=3))
    (listed,) = shelf.listed()
    assert isinstance(listed, Unreadable)
    assert shelf.drop(NAME, NOW)
    assert shelf.look(NAME, consistent=True) == Entry(name=NAME, rev=NOW, generation=NOW)


def test_times_that_are_missing_mean_never_for_that_is_what_is_stored() -> None:
    item = {name: value for name, value in entry_to_item(NOTHING.dropped(7)).items() if value is not None}

    assert set(item) == {"pk", "sk", "kind", "name", "rev", "generation", "ttl"}
    assert entry_from_item(item) == Entry(name=NAME, rev=7, generation=7)


def test_an_item_goes_a_day_after_its_document_is_of_no_use() -> None:
    entry = NOTHING.leased(TERMS, NOW).fetched(b"x", TERMS, NOW)

    assert entry_to_item(entry)["ttl"] == (NOW + TERMS.keep) // SECOND + 86_400
    assert entry_to_item(entry.dropped(NOW))["ttl"] == NOW // SECOND + 86_400


def test_all_entries_are_listed_page_after_page(shelf: CachedDocuments) -> None:
    for number in range(7):
        name = f"https://issuer-{number}.example/"
        shelf.write(replace(WHOLE, name=name, document=b"x" * 262_144), seen=Entry(name=name))

    assert sorted(entry.name for entry in shelf.listed() if isinstance(entry, Entry)) == [
        f"https://issuer-{number}.example/" for number in range(7)
    ]


def test_who_may_only_read_sees_what_stands_there_and_changes_nothing(shelf: CachedDocuments) -> None:
    reader = shelf.to_read()
    assert reader.write(NOTHING.leased(TERMS, NOW), seen=NOTHING) == NOTHING
    assert shelf.look(NAME, consistent=True) == NOTHING
    shelf.write(WHOLE, seen=NOTHING)

    assert reader.look(NAME, consistent=False) == WHOLE
    assert reader.write(NOTHING.leased(TERMS, NOW), seen=NOTHING) == WHOLE
    assert shelf.look(NAME, consistent=True) == WHOLE


def test_a_document_is_read_by_who_may_not_fetch_it_and_its_source_is_not_asked(shelf: CachedDocuments) -> None:
    asked: list[str] = []

    def fetch() -> bytes:
        asked.append("fetched")
        return b"fetched"

    def a_process(by: Shelf) -> Cached[str]:
        source = Source(name=NAME, fetch=fetch, parse=bytes.decode, failed=lambda *_: None)
        return Cached(source, by, TERMS, Surroundings(now=lambda: NOW, pause=lambda _: None, log=lambda *_, **__: None))

    with pytest.raises(NothingUsable):
        a_process(shelf.to_read()).get()
    assert asked == []
    a_process(shelf).get()

    assert a_process(shelf.to_read()).get() == "fetched"
    assert a_process(shelf.to_read()).get(lambda document: document == "newer") == "fetched"
    assert asked == ["fetched"]


def test_the_source_is_not_asked_instead_of_a_table_that_does_not_answer() -> None:
    asked: list[str] = []

    class Away:
        def get(self, *_: object, **__: object) -> None:
            raise Unavailable

    def fetch() -> bytes:
        asked.append("fetched")
        return b"fetched"

    source = Source(name=NAME, fetch=fetch, parse=bytes.decode, failed=lambda *_: None)
    around = Surroundings(now=lambda: NOW, pause=lambda _: None, log=lambda *_, **__: None)
    away: Any = Away()
    document = Cached(source, CachedDocuments(away).to_read(), TERMS, around)

    for _ in range(2):
        with pytest.raises(NotRead):
            document.get()
    assert asked == []
