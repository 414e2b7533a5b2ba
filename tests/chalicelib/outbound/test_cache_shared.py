"""Many processes' memories over one table, many threads in each, a slow source: how often it is asked."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from chalicelib.model.cached import Terms
from chalicelib.model.clock import SECOND
from chalicelib.outbound.cache import Cached, Source, Surroundings
from chalicelib.outbound.http import Outside
from chalicelib.store.cached import CachedDocuments
from tests.chalicelib.outbound.server import Server, ok

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from chalicelib.store.table import Table

PROCESSES = 6
THREADS = 4
SLOW = 0.5
TERMS = Terms(fresh=2 * SECOND, keep=60 * SECOND, cooldown=SECOND, retry=SECOND, lease=4 * SECOND)


@pytest.fixture
def source() -> Iterator[Server]:
    """Answer by the number of the request, slowly."""

    def behave(connection: socket.socket) -> None:
        server.read_request(connection)
        number = len(server.requests)
        time.sleep(SLOW)
        connection.sendall(ok(b"document %d" % number))

    with Server(behave) as server:
        yield server


def process(source: Server, table: Table) -> Cached[str]:
    outside = Outside(allow_private=True)
    read = Source(
        name=source.url(),
        fetch=lambda: outside.get(source.url(), timeout=3).body,
        parse=bytes.decode,
        failed=lambda error, _: pytest.fail(str(error)),
    )
    around = Surroundings(now=lambda: time.time_ns() // 1_000, pause=time.sleep, log=lambda *_, **__: None)
    return Cached(read, CachedDocuments(table), TERMS, around)


def ask_all(processes: list[Cached[str]]) -> list[tuple[str, float]]:
    """Ask by all threads of all processes at once; return what each got, and after how many seconds."""
    gate = threading.Barrier(len(processes) * THREADS)

    def ask(one: Cached[str]) -> tuple[str, float]:
        gate.wait()
        begun = time.monotonic()
        return one.get(), time.monotonic() - begun

    with ThreadPoolExecutor(len(processes) * THREADS) as pool:
        return list(pool.map(ask, [one for one in processes for _ in range(THREADS)]))


def test_all_that_start_at_once_ask_once(source: Server, table: Table) -> None:
    answers = ask_all([process(source, table) for _ in range(PROCESSES)])

    assert {document for document, _ in answers} == {"document 1"}
    assert len(source.requests) == 1
    assert max(seconds for _, seconds in answers) < SLOW + 2


def test_one_waits_for_a_fresh_document_and_all_others_serve_the_stale_one(source: Server, table: Table) -> None:
    processes = [process(source, table) for _ in range(PROCESSES)]
    ask_all(processes)
    time.sleep(2.1)

    answers = ask_all(processes)

    waited = [document for document, seconds in answers if seconds >= SLOW]
    assert waited == ["document 2"]
    assert [document for document, _ in answers].count("document 1") == PROCESSES * THREADS - 1
    assert len(source.requests) == 2
    time.sleep(1)
    assert {document for document, _ in ask_all(processes)} == {"document 2"}
    assert len(source.requests) == 2


def test_a_change_and_a_drop_are_seen_by_all_processes_within_a_second(source: Server, table: Table) -> None:
    processes, shelf = [process(source, table) for _ in range(PROCESSES)], CachedDocuments(table)
    ask_all(processes)
    seen = shelf.look(source.url(), consistent=True)
    now = time.time_ns() // 1_000
    begun = seen.leased(TERMS, now)
    shelf.write(begun, seen=seen)
    shelf.write(begun.fetched(b"by another", TERMS, now), seen=begun)
    time.sleep(1)

    assert {document for document, _ in ask_all(processes)} == {"by another"}

    shelf.drop(source.url(), time.time_ns() // 1_000)
    time.sleep(1)
    assert {document for document, _ in ask_all(processes)} == {"document 2"}
    assert len(source.requests) == 2
