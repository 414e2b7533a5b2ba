from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from chalicelib.errors import Unavailable
from chalicelib.model.clock import SECOND
from chalicelib.model.job import LEASE, Job, Status
from chalicelib.process.sweep import Sweep
from chalicelib.store.items import deposit_to_item
from chalicelib.store.leases import Leases
from chalicelib.store.open_jobs import OpenJobs
from tests.chalicelib.examples import NOW, Clock, Facts, a_deposit, a_place

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from chalicelib.store.jobs import Jobs
    from chalicelib.store.table import Table

A_MINUTE = 60 * SECOND


@dataclass
class Sent:
    """A queue that records; it takes nothing while `is_down`."""

    job_ids: list[str] = field(default_factory=list)
    is_down: bool = False

    def send(self, job_id: str, *, delay: int = 0) -> None:
        if self.is_down:
            raise Unavailable
        assert delay == 0
        self.job_ids.append(job_id)


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def sweep(table: Table, sent: Sent, pool: Executor, clock: Clock, facts: Facts) -> Sweep:
    return Sweep(
        index=OpenJobs(table), leases=Leases(table), queue=sent, pool=pool, now=clock, fact=facts, failure=facts
    )


def stored(table: Table, number: int = 1, subject: str = "jane") -> Job:
    deposit = a_deposit(number, place=a_place(subject=subject))
    table.put(deposit_to_item(deposit))
    return deposit.job


def run(sweep: Sweep, clock: Clock) -> dict[str, int]:
    return sweep.run(until=clock.now + 45 * SECOND)


def test_a_job_that_is_not_due_is_left_alone(sweep: Sweep, table: Table, clock: Clock, sent: Sent) -> None:
    stored(table)
    clock.now = NOW + A_MINUTE

    counts = run(sweep, clock)

    assert counts == {"sent": 0, "ended": 0, "left": 0, "failed": 0}
    assert sent.job_ids == []


def test_a_job_that_was_never_dispatched_is_sent(
    sweep: Sweep, table: Table, clock: Clock, sent: Sent, jobs: Jobs
) -> None:
    job = stored(table)
    clock.now = NOW + A_MINUTE + SECOND

    run(sweep, clock)

    assert sent.job_ids == [job.id]
    assert jobs.job(job.id).due_at == clock.now + 300 * SECOND


def test_a_job_that_was_sent_is_not_sent_again_a_minute_later(
    sweep: Sweep, table: Table, clock: Clock, sent: Sent
) -> None:
    stored(table)
    for _ in range(5):
        clock.pass_seconds(61)
        run(sweep, clock)

    assert len(sent.job_ids) == 1


def test_all_shards_are_swept_page_by_page(sweep: Sweep, table: Table, clock: Clock, sent: Sent) -> None:
    expected = {stored(table, number, subject=f"subject-{number % 70}").id for number in range(1, 141)}
    clock.now = NOW + 2 * A_MINUTE

    counts = run(sweep, clock)

    assert counts["sent"] == 140
    assert set(sent.job_ids) == expected


def test_two_sweeps_at_once_send_each_job_once(sweep: Sweep, table: Table, clock: Clock, sent: Sent) -> None:
    for number in range(1, 41):
        stored(table, number, subject=f"subject-{number}")
    clock.now = NOW + 2 * A_MINUTE

    with ThreadPoolExecutor(16) as first, ThreadPoolExecutor(16) as second, ThreadPoolExecutor(2) as both:
        sweeps = (replace(sweep, pool=first), replace(sweep, pool=second))
        counts = list(both.map(lambda one: run(one, clock), sweeps))

    assert sorted(sent.job_ids) == sorted(set(sent.job_ids))
    assert counts[0]["sent"] + counts[1]["sent"] == 40


def test_a_job_whose_worker_died_goes_round_again(
    sweep: Sweep, table: Table, clock: Clock, sent: Sent, jobs: Jobs
) -> None:
    job = stored(table)
    Leases(table).claim(job, "worker-a", NOW)
    clock.now = NOW + LEASE

    run(sweep, clock)

    assert sent.job_ids == [job.id]
    assert (jobs.job(job.id).status, jobs.job(job.id).attempts) == (Status.PENDING, 1)


def test_a_job_whose_workers_always_die_fails(sweep: Sweep, table: Table, clock: Clock, jobs: Jobs) -> None:
    job = stored(table)
    for _ in range(20):
        assert Leases(table).claim(jobs.job(job.id), "worker-a", clock.now) is not None
        clock.now += LEASE
        run(sweep, clock)

    ended = jobs.job(job.id)
    assert (ended.status, ended.attempts) == (Status.FAILED, 20)
    assert ended.error is not None
    assert ended.error["code"] == "worker_lost"


def test_a_job_past_its_deadline_fails_whether_or_not_somebody_holds_it(
    sweep: Sweep, table: Table, clock: Clock, jobs: Jobs
) -> None:
    waiting, held = stored(table, 1, "jane"), stored(table, 2, "john")
    Leases(table).claim(held, "worker-a", NOW)
    clock.now = NOW + 86_401 * SECOND

    counts = run(sweep, clock)

    assert counts["ended"] == 2
    for job in (waiting, held):
        error = jobs.job(job.id).error
        assert error is not None
        assert error["code"] == "deadline_exceeded"


def test_a_message_that_the_queue_did_not_take_is_sent_by_a_later_sweep(
    sweep: Sweep, table: Table, clock: Clock, sent: Sent
) -> None:
    job = stored(table)
    sent.is_down = True
    clock.now = NOW + 2 * A_MINUTE
    assert run(sweep, clock)["failed"] == 1

    sent.is_down = False
    clock.pass_seconds(301)
    run(sweep, clock)

    assert sent.job_ids == [job.id]


def test_one_jobs_trouble_keeps_no_other_waiting(sweep: Sweep, table: Table, clock: Clock, sent: Sent) -> None:
    jobs = [stored(table, number, subject="jane") for number in range(1, 4)]
    poison = jobs[0].id

    class Picky(Sent):
        def send(self, job_id: str, *, delay: int = 0) -> None:
            if job_id == poison:
                raise ZeroDivisionError
            super().send(job_id, delay=delay)

    picky = Picky()
    clock.now = NOW + 2 * A_MINUTE

    counts = run(replace(sweep, queue=picky), clock)

    assert counts == {"sent": 2, "ended": 0, "left": 0, "failed": 1}
    assert sorted(picky.job_ids) == sorted(job.id for job in jobs[1:])
    assert sent.job_ids == []


def test_a_sweep_stops_in_time_and_the_next_goes_on(sweep: Sweep, table: Table, clock: Clock, sent: Sent) -> None:
    stored(table)
    clock.now = NOW + 2 * A_MINUTE

    sweep.run(until=clock.now)
    assert sent.job_ids == []
    run(sweep, clock)

    assert len(sent.job_ids) == 1


def test_a_sweep_tells_how_old_the_oldest_open_job_is_overdue_or_not(
    sweep: Sweep, table: Table, clock: Clock, facts: Facts
) -> None:
    clock.now = NOW + 30 * SECOND
    run(sweep, clock)
    stored(table, subject="jane")
    stored(table, 5 * SECOND, subject="john")
    run(sweep, clock)

    told = [(fact["oldest_s"], fact["oldest_open_s"]) for fact in facts.heard if fact["event"] == "sweep.done"]

    assert told == [(0, 0), (0, 29)]
