"""Who asks the source, who serves what is stale, who waits; and what that costs."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chalicelib.model.cached import Entry
from chalicelib.model.clock import SECOND
from chalicelib.outbound.cache import POLL, POLLS, NothingUsable
from tests.chalicelib.model.test_cached import TERMS
from tests.chalicelib.outbound.caching import NAME, World, has

# What a request costs ------------------------------------------------------------------------------------


def test_the_warm_path_looks_at_the_table_once_a_second_at_the_most(world: World) -> None:
    process = world.process()
    process.get()
    world.shelf.looks.clear()
    world.shelf.writes = 0

    for _ in range(10_000):
        world.clock.pass_seconds(0.001)
        assert process.get() == "first"

    assert world.shelf.looks == [False] * 10
    assert world.shelf.writes == 0
    assert world.fetches == 1


def test_a_flood_that_nothing_suits_costs_a_look_a_second_and_a_fetch_a_cooldown_for_all_processes(
    world: World,
) -> None:
    processes = [world.process() for _ in range(3)]
    for process in processes:
        process.get()
    world.shelf.looks.clear()
    world.shelf.writes = 0

    for _ in range(1_200):
        world.clock.pass_seconds(0.1)
        for process in processes:
            assert process.get(has("made up")) == "first"

    assert world.fetches == 1 + 4
    assert len(world.shelf.looks) <= 3 * 120 + 3
    assert world.shelf.writes <= 4 * 2 + 3 * 4


def test_a_process_that_starts_finds_what_another_fetched(world: World) -> None:
    world.process().get()

    assert [world.process().get() for _ in range(10)] == ["first"] * 10

    assert world.fetches == 1


# Staleness and failures ----------------------------------------------------------------------------------


def test_a_stale_document_is_fetched_again_by_one_of_all_processes(world: World) -> None:
    processes = [world.process() for _ in range(5)]
    for process in processes:
        process.get()
    world.document = b"second"
    world.clock.pass_seconds(300)

    assert [process.get() for process in processes] == ["second"] * 5

    assert world.fetches == 2


def test_while_one_fetches_the_others_serve_what_is_stale(world: World) -> None:
    one, other = world.process(), world.process()
    assert (one.get(), other.get()) == ("first", "first")
    world.document = b"second"
    world.clock.pass_seconds(300)
    served: list[str] = []
    world.meanwhile = lambda: served.append(other.get())

    assert one.get() == "second"

    assert served == ["first"]
    assert world.fetches == 2


def test_a_failure_leaves_the_old_document_and_is_known_to_all_for_the_cooldown(world: World) -> None:
    processes = [world.process() for _ in range(3)]
    for process in processes:
        process.get()
    world.document = b"away"
    world.clock.pass_seconds(300)

    for _ in range(60):
        for process in processes:
            assert process.get() == "first"
        world.clock.pass_seconds(1)

    assert world.failures == [300 * SECOND, 330 * SECOND]
    assert world.entry.failed_at == world.clock.now - 30 * SECOND
    world.document = b"second"
    assert [process.get() for process in processes] == ["second"] * 3
    assert world.fetches == 4


def test_garbage_from_the_source_is_a_failure_and_is_shared_with_nobody(world: World) -> None:
    world.process().get()
    world.document = b"garbage"
    world.clock.pass_seconds(300)

    assert world.process().get() == "first"

    assert world.entry.document == b"first"


def test_what_is_too_old_serves_nobody(world: World) -> None:
    process = world.process()
    process.get()
    world.document = b"away"
    world.clock.pass_seconds(3_600)

    for one in (process, world.process()):
        with pytest.raises(NothingUsable):
            one.get()


# One for all ---------------------------------------------------------------------------------------------


def test_who_has_nothing_waits_for_the_one_who_fetches_and_takes_what_he_brought(world: World) -> None:
    world.write(Entry(name=NAME).leased(TERMS, world.clock.now))
    fetching, ends = world.entry, world.clock.now + 2 * SECOND
    look = world.shelf.look

    def arriving(name: str, *, consistent: bool) -> Entry:
        if world.clock.now >= ends and world.entry is fetching:
            world.write(fetching.fetched(b"his", TERMS, ends))
        return look(name, consistent=consistent)

    world.shelf.look = arriving  # type: ignore[method-assign]

    assert world.process().get() == "his"

    assert world.fetches == 0
    assert 2 * SECOND <= world.clock.now - fetching.tried_at < 3 * SECOND


def test_the_lease_of_one_who_died_runs_out_and_the_next_one_fetches(world: World) -> None:
    def die() -> None:
        raise SystemExit

    world.meanwhile = die
    with pytest.raises(SystemExit):
        world.process().get()
    begun = world.clock.now

    assert world.process().get() == "first"

    assert 4 * SECOND <= world.clock.now - begun <= 5 * SECOND
    assert world.fetches == 2


def test_who_has_nothing_asks_twice_but_only_once_where_the_time_went_by_in_waiting(world: World) -> None:
    world.document = b"away"
    with pytest.raises(NothingUsable):
        world.process().get()
    assert world.fetches == 2

    world.write(Entry(name=NAME).leased(TERMS, world.clock.now))
    with pytest.raises(NothingUsable):
        world.process().get()

    assert world.fetches == 2 + 1


def test_a_look_that_a_fetch_overtook_teaches_nothing(world: World) -> None:
    process = world.process()
    process.get()
    world.clock.pass_seconds(300)
    world.document = b"second"
    look = world.shelf.look

    def overtaken(name: str, *, consistent: bool) -> Entry:
        found = look(name, consistent=consistent)
        process._fetch()  # as another thread does
        return found

    world.shelf.look = overtaken  # type: ignore[method-assign]
    world.shelf.writes = 0

    assert process.get() == "second"

    assert world.shelf.writes == 2


def test_who_waits_gives_up_in_the_end_whatever_the_others_do(world: World) -> None:
    def again(name: str, *, consistent: bool) -> Entry:
        return Entry(name=name).leased(TERMS, world.clock.now)

    world.shelf.look = again  # type: ignore[method-assign]
    begun = world.clock.now

    with pytest.raises(NothingUsable):
        world.process().get()

    assert world.clock.now - begun == int(POLLS * POLL * SECOND)
    assert world.fetches == 0


def test_who_was_refused_the_lease_reads_what_stands_there_by_that(world: World) -> None:
    process = world.process()
    process.get()
    world.clock.pass_seconds(300)
    process._look_at = world.clock.now + SECOND  # it looked a moment ago
    world.somebody_fetched(b"second")
    world.shelf.looks.clear()

    assert process.get() == "second"

    assert world.shelf.looks == []
    assert world.fetches == 1


def test_who_is_always_second_serves_what_he_has_in_the_end(world: World) -> None:
    process = world.process()
    process.get()
    stale = world.entry
    world.clock.pass_seconds(300)

    def always_first(entry: Entry, *, seen: Entry) -> Entry:
        return replace(stale, rev=seen.rev + 1)

    world.shelf.write = always_first  # type: ignore[method-assign]

    assert process.get() == "first"
