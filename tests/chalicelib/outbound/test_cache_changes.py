"""A change or a drop is seen by all within a second, and nobody undoes it."""

from __future__ import annotations

import pytest

from chalicelib.model.cached import Entry
from chalicelib.outbound.cache import NothingUsable
from tests.chalicelib.outbound.caching import NAME, World


def test_a_change_is_seen_by_all_within_a_second(world: World) -> None:
    processes = [world.process() for _ in range(4)]
    for process in processes:
        process.get()
        world.clock.pass_seconds(0.2)

    world.somebody_fetched(b"second")
    world.clock.pass_seconds(1)

    assert [process.get() for process in processes] == ["second"] * 4
    assert world.fetches == 1


def test_a_dropped_document_serves_nobody_after_a_second_also_where_the_source_is_away(world: World) -> None:
    processes = [world.process() for _ in range(3)]
    for process in processes:
        process.get()
    world.document = b"away"

    world.write(world.entry.dropped(world.clock.now))
    world.clock.pass_seconds(1)

    for process in processes:
        with pytest.raises(NothingUsable):
            process.get()
    world.document = b"second"
    world.clock.pass_seconds(5)
    assert [process.get() for process in processes] == ["second"] * 3


def test_an_item_that_was_deleted_by_hand_is_dropped_too(world: World) -> None:
    process = world.process()
    process.get()
    world.document = b"second"

    world.shelf.entry = None
    world.clock.pass_seconds(1)

    assert process.get() == "second"


def test_a_replica_that_lags_behind_is_not_taken_for_a_drop(world: World) -> None:
    process = world.process()
    process.get()
    world.shelf.lagging = Entry(name=NAME)
    world.shelf.looks.clear()
    world.clock.pass_seconds(1)

    assert process.get() == "first"

    assert world.shelf.looks == [False, True]
    assert world.fetches == 1


def test_a_drop_while_somebody_fetches_drops_also_what_he_brings(world: World) -> None:
    process = world.process()

    def drop() -> None:
        world.write(world.entry.dropped(world.clock.now))
        world.document = b"second"

    world.meanwhile = drop

    assert process.get() == "second"
    assert world.fetches == 2
    assert world.process().get() == "second"


def test_who_comes_back_late_does_not_overwrite_the_newer_document(world: World) -> None:
    process = world.process()

    def much_later() -> None:
        world.clock.pass_seconds(60)
        world.somebody_fetched(b"second")

    world.meanwhile = much_later

    assert process.get() == "second"
    assert world.entry.document == b"second"
    assert world.fetches == 1
