from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from chalicelib.errors import IllegalTransition, LeaseLost
from chalicelib.model.clock import SECOND
from chalicelib.model.job import LEASE, Job, Status
from chalicelib.store import keys
from chalicelib.store.items import deposit_to_item, history_of, job_to_item
from chalicelib.store.leases import Leases
from tests.chalicelib.examples import NOW, a_deposit, a_revocation

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from chalicelib.store.jobs import Jobs
    from chalicelib.store.table import Table

RESULT: dict[str, dict[str, object]] = {"result": {"erased": True}}


@pytest.fixture
def leases(table: Table) -> Leases:
    return Leases(table)


@pytest.fixture
def revocation(table: Table) -> Job:
    """Return the stored job of deleting a token."""
    job = a_revocation(2, a_deposit(1).token)
    table.put(job_to_item(job, ttl=NOW // SECOND))
    return job


def raw(table: Table, job: Job) -> dict[str, Any]:
    item = table.get(keys.job_key(job.id))
    assert item is not None
    return item


def claimed(leases: Leases, job: Job, now: int = NOW) -> Job:
    held = leases.claim(job, "worker-a", now)
    assert held is not None
    return held


def test_a_claim_takes_the_job_for_a_lease(leases: Leases, revocation: Job) -> None:
    held = claimed(leases, revocation)

    assert (held.status, held.attempts, held.owner) == (Status.IN_PROGRESS, 1, "worker-a")
    assert held.lease_until == held.due_at == NOW + LEASE


def test_whatever_puts_a_job_off_leaves_it_due_at_its_deadline_at_the_latest(leases: Leases, table: Table) -> None:
    deadline = NOW + 10 * SECOND
    job = replace(a_revocation(2, a_deposit(1).token), deadline_at=deadline)
    table.put(job_to_item(job, ttl=NOW // SECOND))

    held = claimed(leases, job)
    claimed_due = raw(table, job)["due_at"]
    leases.renew(held, NOW, {"done": 1})
    renewed_due = raw(table, job)["due_at"]
    leases.wait(held, NOW + SECOND, NOW, "unavailable")

    assert (claimed_due, renewed_due, raw(table, job)["due_at"]) == (deadline, deadline, deadline)
    assert held.lease_until == NOW + LEASE


def test_a_job_claimed_by_32_workers_at_once_is_one_workers(leases: Leases, revocation: Job, pool: Executor) -> None:
    outcomes = list(pool.map(lambda number: leases.claim(revocation, f"worker-{number}", NOW), range(32)))

    assert len([held for held in outcomes if held is not None]) == 1


def test_a_claimed_job_is_refused_until_its_lease_runs_out(leases: Leases, revocation: Job) -> None:
    held = claimed(leases, revocation)

    early = leases.claim(held, "worker-b", NOW + LEASE - 1)
    late = leases.claim(held, "worker-b", NOW + LEASE)

    assert early is None
    assert late is not None
    assert (late.attempts, late.owner) == (2, "worker-b")


def test_a_worker_that_wakes_up_late_changes_nothing(leases: Leases, revocation: Job, table: Table) -> None:
    sleeper = claimed(leases, revocation)
    other = leases.claim(sleeper, "worker-b", NOW + LEASE)
    before = raw(table, revocation)

    with pytest.raises(LeaseLost):
        leases.renew(sleeper, NOW + LEASE + 1, {"done": 1})
    with pytest.raises(LeaseLost):
        leases.wait(sleeper, NOW + LEASE + 1, NOW + LEASE + 1, "unavailable")
    with pytest.raises(LeaseLost):
        leases.end(sleeper, Status.SUCCEEDED, NOW + LEASE + 1, RESULT)

    assert other is not None
    assert raw(table, revocation) == before


def test_renewing_moves_the_lease_and_shows_progress(leases: Leases, revocation: Job, jobs: Jobs) -> None:
    held = claimed(leases, revocation)

    leases.renew(held, NOW + 5 * SECOND, {"done": 3, "total": 10})

    job = jobs.job(revocation.id)
    assert job.lease_until == job.due_at == NOW + 5 * SECOND + LEASE
    assert job.progress == {"done": 3, "total": 10}


def test_a_job_that_waits_is_pending_and_due_after_its_wait(leases: Leases, revocation: Job, jobs: Jobs) -> None:
    held = claimed(leases, revocation)

    leases.wait(held, NOW + 30 * SECOND, NOW, "unavailable")

    job = jobs.job(revocation.id)
    assert (job.status, job.owner, job.lease_until) == (Status.PENDING, None, 0)
    assert (job.not_before, job.due_at) == (NOW + 30 * SECOND, NOW + 90 * SECOND)


def test_an_ended_job_leaves_the_index_and_keeps_its_history(leases: Leases, revocation: Job, table: Table) -> None:
    held = claimed(leases, revocation)

    leases.end(held, Status.SUCCEEDED, NOW + 1, RESULT)

    item = raw(table, revocation)
    assert not {"open_shard", "due_at", "owner", "lease_until"} & set(item)
    assert item["result"] == {"erased": True}
    assert [entry["status"] for entry in history_of(item)] == ["PENDING", "IN_PROGRESS", "SUCCEEDED"]


def test_an_ended_job_cannot_be_claimed(leases: Leases, revocation: Job, jobs: Jobs) -> None:
    leases.end(claimed(leases, revocation), Status.SUCCEEDED, NOW + 1, RESULT)

    assert leases.claim(jobs.job(revocation.id), "worker-b", NOW + 2 * LEASE) is None


def test_of_sixteen_sweeps_one_puts_a_job_off(leases: Leases, revocation: Job, pool: Executor) -> None:
    due = NOW + 300 * SECOND

    outcomes = list(pool.map(lambda _: leases.put_off(revocation, due, NOW, "not_dispatched"), range(16)))

    assert outcomes.count(True) == 1


def test_a_sweep_that_saw_the_job_before_it_was_claimed_changes_nothing(
    leases: Leases, revocation: Job, jobs: Jobs
) -> None:
    claimed(leases, revocation)

    assert leases.put_off(revocation, NOW + 1, NOW, "not_dispatched") is False
    assert leases.end_as_seen(revocation, Status.FAILED, NOW, {"error": {"code": "deadline_exceeded"}}) is False
    assert jobs.job(revocation.id).status is Status.IN_PROGRESS


def test_cancelling_takes_a_job_from_its_worker(leases: Leases, revocation: Job, jobs: Jobs) -> None:
    held = claimed(leases, revocation)

    assert leases.end_as_seen(held, Status.CANCELLED, NOW + 1, {"result": {"reason": "cancelled"}}) is True

    with pytest.raises(LeaseLost):
        leases.end(held, Status.SUCCEEDED, NOW + 2, RESULT)
    assert jobs.job(revocation.id).status is Status.CANCELLED


def test_cancelling_the_storing_of_a_token_takes_it_from_its_readers(leases: Leases, jobs: Jobs, table: Table) -> None:
    deposit = a_deposit(1)
    table.put(deposit_to_item(deposit))

    leases.end_as_seen(deposit.job, Status.CANCELLED, NOW + 1, {"result": {"reason": "cancelled"}})

    assert jobs.deposit(deposit.job.id).token.revoked_at == NOW + 1


def test_an_ended_job_is_never_ended_again(leases: Leases, revocation: Job, jobs: Jobs) -> None:
    leases.end(claimed(leases, revocation), Status.SUCCEEDED, NOW + 1, RESULT)

    with pytest.raises(IllegalTransition, match="the job is SUCCEEDED; it cannot become CANCELLED"):
        leases.end_as_seen(jobs.job(revocation.id), Status.CANCELLED, NOW + 2, RESULT)


def test_a_retried_job_is_open_again_with_a_fresh_budget_and_a_higher_fence(
    leases: Leases, revocation: Job, jobs: Jobs, table: Table
) -> None:
    held = claimed(leases, revocation)
    leases.end(held, Status.FAILED, NOW + 1, {"error": {"code": "unavailable"}})
    failed = jobs.job(revocation.id)

    assert leases.retry(failed, NOW + 2, allowed=13, deadline_at=NOW + 100 * SECOND) is True

    item = raw(table, revocation)
    job = jobs.job(revocation.id)
    assert (job.status, job.attempts, job.allowed, job.error) == (Status.PENDING, 1, 13, None)
    assert (item["open_shard"], item["due_at"]) == (keys.open_shard(job.subject), NOW + 2 + 60 * SECOND)
    assert "unsuccessful_shard" not in item
    assert claimed(leases, job, NOW + 3).attempts == 2


def test_a_retry_that_saw_an_older_state_changes_nothing(leases: Leases, revocation: Job, jobs: Jobs) -> None:
    leases.end(claimed(leases, revocation), Status.FAILED, NOW + 1, {"error": {"code": "unavailable"}})
    failed = jobs.job(revocation.id)
    leases.retry(failed, NOW + 2, allowed=13, deadline_at=NOW + 100 * SECOND)

    assert leases.retry(failed, NOW + 3, allowed=14, deadline_at=NOW + 100 * SECOND) is False


def test_a_job_that_is_gone_cannot_be_claimed(leases: Leases) -> None:
    gone = a_revocation(9, a_deposit(1).token)

    assert leases.claim(gone, "worker-a", NOW) is None
