from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from chalicelib.errors import LeaseLost, SealBroken, Throttled, Unavailable, Unreadable
from chalicelib.model.clock import SECOND
from chalicelib.model.job import LEASE, Job, Status
from chalicelib.model.retry import Kind
from chalicelib.process.messages import WorkQueue
from chalicelib.process.worker import Worker, failure_of
from chalicelib.store import keys
from chalicelib.store.items import deposit_to_item, job_to_item
from chalicelib.store.leases import Leases
from tests.chalicelib.examples import NOW, Clock, Facts, a_deposit, a_revocation, alone, an_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.store.jobs import Jobs
    from chalicelib.store.table import Table
    from devtool.testing import LiveCloud


@dataclass
class Breaking:
    """The real outcomes, but erasing meets each of `errors` first; what it was asked for is recorded."""

    jobs: Jobs
    errors: list[Exception] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def job(self, job_id: str) -> Job:
        return self.jobs.job(job_id)

    def deposit(self, token_id: str) -> Any:
        return self.jobs.deposit(token_id)

    def erase(self, revocation: Job, now: int, told: Mapping[str, object]) -> None:
        self.asked.append(revocation.id)
        if self.errors:
            raise self.errors.pop(0)
        self.jobs.erase(revocation, now, told)


@dataclass
class Bench:
    """A worker with its real table and queue, and what a test looks at."""

    worker: Worker
    outcomes: Breaking
    clock: Clock
    facts: Facts
    table: Table
    sqs: Any
    queue_url: str

    def job(self, job_id: str) -> Job:
        return self.outcomes.job(job_id)

    def delays(self) -> list[int]:
        """Return how many messages wait, held back or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"]
        counts = self.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=names)["Attributes"]
        return [int(counts[name]) for name in names]


@pytest.fixture
def bench(  # noqa: PLR0917  its parts are fixtures
    cloud: LiveCloud, table: Table, jobs: Jobs, queue_url: str, clock: Clock, facts: Facts
) -> Bench:
    outcomes = Breaking(jobs)
    worker = Worker(
        **alone(jobs),
        outcomes=outcomes,
        leases=Leases(table),
        queue=WorkQueue(cloud.client("sqs"), queue_url),
        now=clock,
        chance=lambda: 0.5,
        owner="worker-a",
        fact=facts,
        failure=facts,
    )
    return Bench(worker, outcomes, clock, facts, table, cloud.client("sqs"), queue_url)


@pytest.fixture
def revocation(table: Table) -> Job:
    """Return the stored job of deleting a stored token."""
    deposit = a_deposit(1)
    job = a_revocation(2, deposit.token)
    table.put({**deposit_to_item(deposit), "revoked_at": NOW, "revocation": job.id})
    table.put(job_to_item(job, ttl=NOW // SECOND))
    return job


def test_a_queued_deletion_erases_the_secret_and_ends(bench: Bench, revocation: Job) -> None:
    bench.worker.work(revocation.id)

    job = bench.job(revocation.id)
    assert (job.status, job.attempts, job.result) == (Status.SUCCEEDED, 1, {"erased": True})
    assert bench.outcomes.deposit(an_id(1)).sealed is None


def test_a_message_that_comes_twice_does_the_work_once(bench: Bench, revocation: Job) -> None:
    bench.worker.work(revocation.id)
    bench.worker.work(revocation.id)

    assert bench.outcomes.asked == [revocation.id]
    assert bench.facts.events == ["token.erased", "work.repeated"]


def test_a_message_for_a_job_that_another_worker_holds_does_nothing(bench: Bench, revocation: Job) -> None:
    Leases(bench.table).claim(revocation, "worker-b", NOW)

    bench.worker.work(revocation.id)

    assert bench.outcomes.asked == []
    assert bench.job(revocation.id).owner == "worker-b"


def test_a_job_whose_worker_died_is_done_when_its_lease_ran_out(bench: Bench, revocation: Job) -> None:
    Leases(bench.table).claim(revocation, "worker-b", NOW)
    bench.clock.now = NOW + LEASE

    bench.worker.work(revocation.id)

    job = bench.job(revocation.id)
    assert (job.status, job.attempts) == (Status.SUCCEEDED, 2)


def test_a_message_for_a_job_that_is_gone_is_let_go(bench: Bench) -> None:
    bench.worker.work(an_id(99))

    assert bench.facts.events == ["work.expired"]


def test_a_transient_failure_waits_and_the_queue_brings_it_back(bench: Bench, revocation: Job) -> None:
    bench.outcomes.errors = [Unavailable("the table answered InternalServerError")]

    bench.worker.work(revocation.id)

    job = bench.job(revocation.id)
    assert (job.status, job.not_before) == (Status.PENDING, NOW + SECOND)
    assert sum(bench.delays()) == 1
    assert bench.facts.events == ["attempt.failed", "job.waits"]


def test_a_message_that_comes_before_the_wait_is_over_does_nothing(bench: Bench, revocation: Job) -> None:
    bench.outcomes.errors = [Unavailable()]
    bench.worker.work(revocation.id)

    bench.worker.work(revocation.id)

    assert len(bench.outcomes.asked) == 1


def test_a_job_that_waited_is_done_afterwards(bench: Bench, revocation: Job) -> None:
    bench.outcomes.errors = [Unavailable(), Throttled()]
    for _ in range(3):
        bench.worker.work(revocation.id)
        bench.clock.pass_seconds(60)

    job = bench.job(revocation.id)
    assert (job.status, job.attempts) == (Status.SUCCEEDED, 3)


def test_a_permanent_failure_ends_the_job_with_a_code_that_fits_the_caller(bench: Bench, revocation: Job) -> None:
    bench.outcomes.errors = [SealBroken("inside: key 7")]

    bench.worker.work(revocation.id)

    job = bench.job(revocation.id)
    assert job.status is Status.FAILED
    assert job.error == {
        "code": "seal_broken",
        "message": "A sealed secret does not open: it was altered, moved to another record, or its key is gone.",
    }


def test_a_failure_that_nobody_foresaw_is_tried_three_times_and_says_nothing_of_our_inside(
    bench: Bench, revocation: Job
) -> None:
    bench.outcomes.errors = [ZeroDivisionError("secret-42") for _ in range(9)]
    for _ in range(9):
        bench.worker.work(revocation.id)
        bench.clock.pass_seconds(900)

    job = bench.job(revocation.id)
    assert (job.status, job.attempts) == (Status.FAILED, 3)
    assert job.error == {"code": "internal_error", "message": "Something went wrong on our side."}
    assert "secret-42" not in json.dumps(bench.table.get(keys.job_key(job.id)), default=str)


def test_attempts_are_bounded(bench: Bench, revocation: Job) -> None:
    bench.outcomes.errors = [Unavailable() for _ in range(50)]
    for _ in range(50):
        bench.worker.work(revocation.id)
        bench.clock.pass_seconds(901)

    job = bench.job(revocation.id)
    assert (job.status, job.attempts, len(bench.outcomes.asked)) == (Status.FAILED, 12, 12)
    assert job.error is not None
    assert job.error["code"] == "unavailable"


def test_a_wait_longer_than_the_queue_holds_is_left_to_the_sweep(bench: Bench, revocation: Job) -> None:
    bench.worker = replace(bench.worker, chance=lambda: 0.999_999)
    bench.outcomes.errors = [Unavailable() for _ in range(11)]
    for _ in range(11):
        bench.worker.work(revocation.id)
        bench.clock.pass_seconds(901)

    assert bench.job(revocation.id).status is Status.PENDING
    assert sum(bench.delays()) == 11


def test_a_cancelled_job_is_let_go_by_its_worker(bench: Bench, revocation: Job) -> None:
    class CancelledMeanwhile(Breaking):
        def erase(self, revocation: Job, now: int, told: Mapping[str, object]) -> None:
            Leases(bench.table).end_as_seen(self.job(revocation.id), Status.CANCELLED, now, {"result": {}})
            super().erase(revocation, now, told)

    bench.worker = replace(bench.worker, outcomes=CancelledMeanwhile(bench.outcomes.jobs))

    bench.worker.work(revocation.id)

    assert bench.facts.events == ["lease.lost"]
    assert bench.job(revocation.id).status is Status.CANCELLED
    assert bench.outcomes.deposit(an_id(1)).sealed is not None


def test_a_token_whose_stream_record_was_lost_is_settled_by_the_worker(bench: Bench) -> None:
    deposit = a_deposit(1)
    bench.table.put(deposit_to_item(deposit))

    bench.worker.work(deposit.job.id)

    current = bench.outcomes.jobs.current(deposit.token.place)
    assert bench.job(deposit.job.id).status is Status.SUCCEEDED
    assert current is not None
    assert current.id == deposit.token.id


def test_a_record_that_comes_while_the_worker_holds_the_job_changes_nothing(bench: Bench) -> None:
    deposit = a_deposit(1)
    bench.table.put(deposit_to_item(deposit))
    held = Leases(bench.table).claim(deposit.job, "worker-b", NOW)

    ended = bench.outcomes.jobs.settle(deposit.job, deposit.token, NOW)

    assert held is not None
    assert ended is None
    assert bench.job(deposit.job.id).status is Status.IN_PROGRESS


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Unavailable(), Kind.TRANSIENT),
        (Throttled(), Kind.TRANSIENT),
        (SealBroken(), Kind.PERMANENT),
        (Unreadable(), Kind.PERMANENT),
        (KeyError("x"), Kind.UNKNOWN),
        (LeaseLost(), Kind.UNKNOWN),
    ],
)
def test_each_error_says_whether_to_try_again(error: Exception, kind: Kind) -> None:
    assert failure_of(error).kind is kind


def test_who_asks_for_time_is_given_it_before_the_next_attempt(bench: Bench, revocation: Job) -> None:
    bench.outcomes.errors.append(Unavailable("the provider answered 429", retry_after=120))

    bench.worker.work(revocation.id)

    job = bench.job(revocation.id)
    assert job.status is Status.PENDING
    assert job.not_before == bench.clock.now + 120 * SECOND
