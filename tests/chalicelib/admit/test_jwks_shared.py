"""The issuer's keys, shared by all authorizers through the table."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.admit.jwks import TERMS, TIMEOUT, Keys, KeysUnavailable
from chalicelib.model.cached import Entry
from chalicelib.outbound.cache import ALONE, POLL, POLLS
from chalicelib.store import keys as names
from chalicelib.store.cached import CachedDocuments
from tests.chalicelib.admit.issuer import NOW, Clock, JwksServer, Log, jwk, rsa_key
from tests.guards.project import CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalicelib.store.table import Table

    Process = Callable[[], Keys]


@pytest.fixture
def server() -> Iterator[JwksServer]:
    with JwksServer(jwk(rsa_key(), "rsa-1")) as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def process(server: JwksServer, table: Table, clock: Clock, log: Log) -> Process:
    return lambda: Keys(server.url, CachedDocuments(table), clock=clock, pause=time.sleep, log=log)


def test_a_cold_process_finds_the_keys_in_the_table_and_does_not_ask_the_issuer(
    process: Process, server: JwksServer
) -> None:
    process().key("rsa-1")
    server.status = 503

    found = [process().key("rsa-1") for _ in range(5)]

    assert None not in found
    assert server.fetches == 1


def test_a_new_key_that_one_process_finds_is_known_to_all_within_a_second_and_the_old_one_is_gone(
    process: Process, server: JwksServer, clock: Clock
) -> None:
    processes = [process() for _ in range(3)]
    for one in processes:
        one.key("rsa-1")
    server.publish(jwk(rsa_key("two"), "rsa-2"))
    clock.now += 30
    assert processes[0].key("rsa-2") is not None

    clock.now += 1

    assert [one.key("rsa-1") for one in processes] == [None] * 3
    assert None not in [one.key("rsa-2") for one in processes]
    assert server.fetches == 2


def test_made_up_key_ids_make_one_fetch_a_cooldown_however_many_processes_are_asked(
    process: Process, server: JwksServer, clock: Clock
) -> None:
    processes = [process() for _ in range(4)]
    for one in processes:
        one.key("rsa-1")

    for second in range(60):
        clock.now += 1
        for one in processes:
            assert one.key(f"made-up-{second}") is None

    assert server.fetches == 1 + 2


def test_keys_of_the_table_serve_through_an_outage_for_an_hour_and_then_nobody_is_admitted(
    process: Process, server: JwksServer, clock: Clock
) -> None:
    process().key("rsa-1")
    server.status = 503

    clock.now += 3_599
    assert process().key("rsa-1") is not None

    clock.now += 1
    with pytest.raises(KeysUnavailable):
        process().key("rsa-1")


def test_a_drop_takes_a_stolen_key_from_all_processes_within_a_second_though_the_issuer_is_away(
    process: Process, server: JwksServer, table: Table, clock: Clock
) -> None:
    processes = [process() for _ in range(3)]
    for one in processes:
        one.key("rsa-1")
    server.status = 503

    CachedDocuments(table).drop(server.url, NOW * 1_000_000 + 1)
    clock.now += 1

    for one in [*processes, process()]:
        with pytest.raises(KeysUnavailable):
            one.key("rsa-1")


POISON: list[dict[str, Any]] = [
    {"document": b""},
    {"document": b"<html>"},
    {"document": b'{"keys": []}'},
    {"document": json.dumps({"keys": [{"kty": "oct", "kid": "rsa-1", "k": "c2VjcmV0", "alg": "HS256"}]}).encode()},
    {"document": b"[" * 100_000},
    {"document": "text"},
    {"document": None},
    {"fetched_at": "now"},
    {"fetched_at": 10**18, "fresh_until": 10**18, "stale_until": 10**18},
    {"lease_until": 10**18},
    {"tried_at": 10**18},
    {"rev": None},
    {"generation": "x"},
    {"name": None},
]


@pytest.mark.parametrize("poison", POISON, ids=lambda poison: repr(poison)[:40])
def test_a_poisoned_item_costs_no_answer_for_the_issuer_is_asked(
    process: Process, server: JwksServer, table: Table, poison: dict[str, Any]
) -> None:
    process().key("rsa-1")
    item = table.get(names.cached_key(server.url))
    assert item is not None
    table.put({**item, **poison})

    assert process().key("rsa-1") is not None
    assert process().key("made-up") is None


def test_a_key_that_was_put_into_the_table_counts_as_if_the_issuer_had_published_it(
    process: Process, server: JwksServer, table: Table
) -> None:
    """So only the authorizer's role may write there: tests/stack/test_roles.py."""
    begun = Entry(name=server.url).leased(TERMS, NOW * 1_000_000)
    forged = json.dumps({"keys": [jwk(rsa_key("forged"), "forged")]}).encode()
    CachedDocuments(table).write(begun.fetched(forged, TERMS, NOW * 1_000_000), seen=Entry(name=server.url))

    assert process().key("forged") is not None
    assert server.fetches == 0


def test_the_longest_way_ends_before_the_functions_time_does() -> None:
    """Wait out the lease of one who died, then fetch; or give the table up, then fetch, twice."""
    table_given_up = 2.0

    limit = CONFIG["lambda_functions"]["authorize"]["lambda_timeout"]
    assert TERMS.lease / 1_000_000 < POLLS * POLL
    assert limit >= POLLS * POLL + TIMEOUT + 0.5
    assert table_given_up + 2 * TIMEOUT + 0.5 <= limit
    assert table_given_up <= ALONE / 1_000_000
