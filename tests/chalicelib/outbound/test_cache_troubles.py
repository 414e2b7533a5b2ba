"""The table is away, or holds what nobody of ours wrote."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chalicelib.model.cached import Entry
from chalicelib.outbound.cache import NothingUsable
from tests.chalicelib.model.test_cached import TERMS
from tests.chalicelib.outbound.caching import NAME, World, has

# Without the table ---------------------------------------------------------------------------------------


def test_without_the_table_each_process_goes_on_by_itself(world: World) -> None:
    world.shelf.away = True
    processes = [world.process() for _ in range(2)]

    for _ in range(600):
        assert [process.get() for process in processes] == ["first"] * 2
        world.clock.pass_seconds(1)

    assert world.fetches == 2 * 2
    assert len(world.shelf.looks) == 2 * 600 / 5
    assert world.shelf.writes == 0
    assert set(world.facts.events) == {"cache.unavailable"}
    assert world.facts.heard[0]["reason"] == "the table did not answer"


def test_without_the_table_the_pauses_are_kept_all_the_same(world: World) -> None:
    world.shelf.away = True
    process = world.process()
    process.get()

    for _ in range(60):
        process.get(has("made up"))
        world.clock.pass_seconds(1)

    assert world.fetches == 2


def test_what_was_fetched_without_the_table_outlives_its_return_and_a_drop_ends_it(world: World) -> None:
    process = world.process()
    world.shelf.away = True
    process.get()
    world.shelf.away = False
    world.clock.pass_seconds(5)

    assert process.get() == "first"
    assert world.fetches == 1
    world.write(Entry(name=NAME).dropped(world.clock.now))
    world.document = b"second"
    world.clock.pass_seconds(1)
    assert process.get() == "second"


def test_a_lease_whose_answer_was_lost_costs_nothing(world: World) -> None:
    world.shelf.lost = True

    assert world.process().get() == "first"

    world.shelf.lost = False
    assert world.process().get() == "first"
    assert world.fetches == 2


def test_a_document_whose_writes_answer_was_lost_is_kept_here_and_found_by_others(world: World) -> None:
    process = world.process()

    def lose() -> None:
        world.shelf.lost = True

    world.meanwhile = lose
    assert process.get() == "first"
    world.shelf.lost = False
    world.clock.pass_seconds(5)

    assert (process.get(), world.process().get()) == ("first", "first")
    assert world.fetches == 1


# Poison --------------------------------------------------------------------------------------------------


def poisoned(world: World, document: bytes = b"garbage") -> Entry:
    now = world.clock.now
    return Entry(name=NAME).leased(TERMS, now).fetched(document, TERMS, now)


def test_a_poisoned_item_makes_the_source_be_asked_and_is_mended_by_that(world: World) -> None:
    world.write(poisoned(world))

    assert world.process().get() == "first"

    assert world.entry.document == b"first"
    assert world.facts.heard == [{"event": "cache.unreadable", "document": NAME}]


def test_poison_takes_no_good_document_from_memory_where_the_source_is_away(world: World) -> None:
    process = world.process()
    process.get()
    world.document = b"away"
    world.clock.pass_seconds(10)
    world.write(replace(poisoned(world), generation=world.entry.generation + 1, rev=world.entry.rev + 1))

    for _ in range(30):
        world.clock.pass_seconds(1)
        assert process.get() == "first"

    assert 1 <= world.fetches - 1 <= 2
    world.clock.pass_seconds(3_600)
    with pytest.raises(NothingUsable):
        process.get()
