"""Refreshes under a storm, against a certified OAuth server that rotates refresh tokens and detects their reuse.

Fifty readers ask at once for a token that has expired, round after round, while the worker that refreshes it is killed
before and after its writes. Time moves as the world's clock says, so that leases run out at once.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from chalicelib.errors import NeedsReauth
from chalicelib.model.clock import SECOND, SWEEP_PERIOD, SWEEP_RUN
from chalicelib.model.job import DISPATCH_GRACE, LEASE, Job, Status
from tests.stack.figures import show
from tests.stack.figures import table as as_table
from tests.stack.storm import storm
from tests.stack.world import Fault

if TYPE_CHECKING:
    from tests.stack.storm import Storm

__all__ = ["storm"]  # a fixture

ROUNDS = 200
READERS = 50
AN_HOUR = 3_600 * SECOND
A_DAY = 24 * AN_HOUR
WRITES = 7
"""Of a refresh by a worker: claim, place, turn (one or two), journal, outcome, giving the place up."""

SWEPT = SWEEP_PERIOD + SWEEP_RUN
LOST_RECORD = DISPATCH_GRACE + SWEPT
LOST_WORKER = LEASE + SWEPT


@pytest.mark.slow
def test_fifty_readers_two_hundred_times_over_and_the_server_sees_no_reuse(
    storm: Storm, capsys: pytest.CaptureFixture[str]
) -> None:
    world, ends, kills, spent_by_kill = storm.world, Counter[str](), 0, 0
    token = storm.hand_in()
    with ThreadPoolExecutor(READERS) as pool:
        for number in range(ROUNDS):
            world.now = max(world.now, (storm.jobs.deposit(token.id).token.expires_at or 0) * SECOND)
            before, generation = storm.certified.seen()["refreshed"], storm.jobs.deposit(token.id).token.generation
            asked = list(pool.map(storm.read, [token.id] * READERS))
            begun = {one.id for one in asked if isinstance(one, Job)}
            assert len(begun) == 1, "50 readers began more than one refresh, or none"
            (job_id,) = begun
            if number % 3 == 0:
                when = storm.chance.choice(["before", "after"])
                world.faults.append(Fault(function="work", die=(storm.chance.randint(1, WRITES), when)))
            deaths = len(world.deaths)
            world.live(job_id, until=world.now + A_DAY)
            world.faults.clear()
            kills += len(world.deaths) - deaths

            outcomes = list(pool.map(storm.read, [token.id] * READERS))
            after = storm.jobs.deposit(token.id).token
            refreshed = storm.certified.seen()["refreshed"] - before
            if after.renewal.reauth is None:
                ends["refreshed"] += 1
                assert (after.generation, refreshed) == (generation + 1, 1)
                (text,) = {one[1].access_token for one in outcomes}
                assert text
            else:
                ends[after.renewal.reauth.code] += 1
                spent_by_kill += 1
                assert (after.generation, refreshed, len(world.deaths) - deaths) == (generation, 1, 1)
                assert {type(one) for one in outcomes} == {NeedsReauth}
                token = storm.hand_in()

    seen = storm.certified.seen()
    show(
        capsys,
        f"{ROUNDS} rounds of {READERS} readers: {dict(ends)}; {kills} workers killed, {spent_by_kill} of them between "
        f"the provider's answer and our write; the server: {seen['refreshed']} refreshes, {seen['reused']} reuses, "
        f"refusals {seen['refused']}",
    )
    assert seen["reused"] == 0
    assert seen["refused"] == {}
    assert ends == Counter({"refreshed": ROUNDS - spent_by_kill, "refresh_outcome_unknown": spent_by_kill})
    assert 0 < spent_by_kill < kills
    assert seen["refreshed"] == ROUNDS


@pytest.mark.slow
def test_a_worker_killed_before_or_after_any_of_its_writes_costs_a_refresh_its_time_or_the_customer_one_login(
    storm: Storm, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only between the provider's answer and the write of it is anything lost; the token then says so."""
    world, rows, lost = storm.world, [], []
    write, died = 0, True
    while died:
        write, died = write + 1, False
        for when in ("before", "after"):
            token = storm.hand_in()
            world.now = (token.expires_at or 0) * SECOND
            job = storm.read(token.id)
            world.faults, deaths = [Fault(function="work", die=(write, when))], len(world.deaths)
            world.live(job.id, until=world.now + AN_HOUR)
            world.faults = []
            if len(world.deaths) == deaths:
                continue
            died = True
            ended, after = world.jobs.job(job.id), world.jobs.deposit(token.id).token
            took = ended.updated_at - world.deaths[deaths]
            bound = LOST_RECORD if (write, when) == (1, "before") else LOST_WORKER
            rows.append((f"{when} write {write} of work: {ended.status}", took / SECOND, bound / SECOND))
            assert took <= bound
            if ended.status is Status.FAILED:
                lost.append((write, when))
                assert after.renewal.reauth is not None
                assert (ended.error or {})["code"] == after.renewal.reauth.code == "refresh_outcome_unknown"
            else:
                assert (ended.status, after.generation, after.renewal.journal) == (Status.SUCCEEDED, 2, None)

    show(capsys, *as_table(("token.refresh", "time to an end, s", "bound, s"), rows))
    assert len(lost) == 1, "one death of all lies between the provider's answer and its write"
    assert storm.certified.seen()["reused"] == 0
    assert len(rows) >= 2 * 6
