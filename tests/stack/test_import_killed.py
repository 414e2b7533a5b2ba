"""10,000 lines whose worker is killed five times on the way: each is stored once. Time and units are printed."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.model.clock import SECOND
from chalicelib.model.imports import file_key, line_id
from chalicelib.model.job import LEASE, Status
from chalicelib.store.files import Files
from chalicelib.store.imports import Imports
from devtool.meter import Ledger, Meter
from tests.chalicelib.examples import HOOK
from tests.chalicelib.process.many import a_file, a_line, a_request
from tests.stack.figures import show
from tests.stack.figures import table as as_table
from tests.stack.world import Fault, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.store.table import Table
    from devtool.testing import LiveCloud

LINES = 10_000
REFUSED = (1, 777, 5_000, 9_999)
KILLS = 5
SEED = 20_261
TICK = 1_000
"""Microseconds that pass at each look at the clock, some 1,000 times a chunk: mostly the keyring's. So a chunk takes a
second, and the whole more than one run."""


@pytest.fixture
def metered(cloud: LiveCloud, table: Table, queue_url: str, bucket: str) -> Iterator[tuple[World, Ledger]]:
    ledger = Ledger({"work": "work"})
    with Meter(cloud.endpoint, "work", ledger) as meter:
        world = World(cloud=cloud, table=table, queue_url=queue_url, bucket=bucket, endpoint=meter.url)
        world.tick = TICK
        yield world, ledger
        world.end()


@pytest.mark.slow
def test_each_of_ten_thousand_lines_is_stored_once_though_the_worker_is_killed_five_times(
    metered: tuple[World, Ledger], capsys: pytest.CaptureFixture[str]
) -> None:
    world, ledger = metered
    chance = random.Random(SEED)  # noqa: S311  to be repeated
    source = Files(world.cloud.client("s3"), world.bucket).write(file_key(HOOK, "f"), a_file(LINES, refused=REFUSED))
    job = a_request(source, now=world.now).job
    assert Imports(world.table).accept(a_request(source, now=world.now)) is None
    # Dies on its way through a run, which takes some 400 writes where nothing goes wrong.
    moments = [(chance.randrange(10, 90), chance.choice(["before", "after"])) for _ in range(KILLS)]
    world.faults = [Fault(function="work", die=moment) for moment in moments]
    began, real = world.now, time.monotonic()

    done = [0]
    while world.jobs.job(job.id).is_open:
        deaths = len(world.deaths)
        world.happen((job.id,))
        if len(world.deaths) > deaths:
            done.append(int((world.jobs.job(job.id).progress or {"done": 0})["done"]))  # type: ignore[call-overload]
            world.now += LEASE
    took = time.monotonic() - real

    ended = world.jobs.job(job.id)
    rows = ledger.rows()
    show(
        capsys,
        f"{LINES:,} lines, {KILLS} kills, seed {SEED}: {took:.1f} s of work here, "
        f"{(world.now - began) / SECOND:.0f} s by the world's clock, {ended.attempts} attempts; "
        f"lines done at each death: {done[1:]}",
        *_told(rows, LINES),
    )
    assert len(world.deaths) == KILLS
    assert (ended.status, ended.attempts) == (Status.SUCCEEDED, KILLS + 1)
    assert ended.result is not None
    assert (ended.result["lines"], ended.result["stored"], ended.result["refused"]) == (10_000, 9_996, 4)
    assert [one["line"] for one in ended.result["refusals"]] == list(REFUSED)
    assert done == sorted(done)
    assert done[-1] > 0, "what was done before a death was not begun from the start"
    items = everything(world)
    stored = Counter(item["pk"]["S"].removeprefix("JOB#") for item in items if "sealed" in item)
    wanted = {line_id(job.id, line) for line in range(1, LINES + 1) if line not in REFUSED}
    assert stored == Counter(wanted)
    assert {tuple(e["M"]["status"]["S"] for e in item["history"]["L"]) for item in items if "sealed" in item} == {
        ("SUCCEEDED",)
    }
    current = {item["pk"]["S"]: item["token_id"]["S"] for item in items if item["kind"]["S"] == "current"}
    last = [9_989, *range(9_991, 9_999), 10_000]  # of ten subjects in turn; 9,999 is refused
    assert set(current.values()) == {line_id(job.id, line) for line in last}
    assert len(current) == 10


@pytest.mark.parametrize(("size", "writes"), [(512, 6), (1_024, 8), (2_048, 10)])
def test_what_an_imported_token_costs(
    metered: tuple[World, Ledger], capsys: pytest.CaptureFixture[str], size: int, writes: int
) -> None:
    """Every line another place; a token of POST /tokens is accepted and settled by 10, 10 and 13 units."""
    world, ledger = metered
    count = 400
    content = b"".join(
        a_line(number, subject=f"auth0|{number:024d}", token={"access_token": "x" * size, "expires_in": 3_600}) + b"\n"
        for number in range(count)
    )
    source = Files(world.cloud.client("s3"), world.bucket).write(file_key(HOOK, "f"), content)
    request = a_request(source, now=world.now)
    assert Imports(world.table).accept(request) is None

    while world.jobs.job(request.job.id).is_open:
        world.happen((request.job.id,))

    rows = ledger.rows()
    tokens = rows["work", "TransactWriteItems JOB + SUBJECT + AUDIT"]
    show(capsys, f"{count} imported tokens of {size} bytes, each of another place:", *_told(rows, count))
    assert tokens["writes"] == writes * count
    assert tokens["index_writes"] == 4 * count
    assert sum(units.get("writes", 0) for units in rows.values()) - tokens["writes"] <= 0.1 * count


def everything(world: World) -> list[dict[str, Any]]:
    pages = world.cloud.client("dynamodb").get_paginator("scan").paginate(TableName=world.table.name)
    return [item for page in pages for item in page["Items"]]


def _told(rows: dict[tuple[str, str], dict[str, float]], lines: int) -> list[str]:
    units = ("calls", "refused", "writes", "index_writes", "reads", "kms")
    body = [(what, *(found.get(unit, 0) for unit in units)) for (_, what), found in sorted(rows.items())]
    total = ("all", *(sum(row[column] for row in body) for column in range(1, len(units) + 1)))
    a_line = ("a line", *(number / lines for number in total[1:]))
    heads = ("what", "calls", "refused", "write units", "index writes", "read units", "KMS")
    return as_table(heads, [*body, total, a_line])
