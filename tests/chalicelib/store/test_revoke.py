"""Deleting: gone for readers at once, whatever else happens to the token at the same time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from chalicelib.errors import Conflict, LeaseLost, NotFound
from chalicelib.model.job import LEASE, Status
from chalicelib.store import keys
from chalicelib.store.leases import Leases
from tests.chalicelib.examples import NOW, a_deposit, a_place, a_revocation, an_id
from tests.chalicelib.store.restless import restless

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from chalicelib.model.job import Job
    from chalicelib.store.jobs import Jobs
    from chalicelib.store.table import Table

DAY = 86_400


def test_a_deleted_token_is_revoked_in_its_record_and_in_its_place(jobs: Jobs) -> None:
    deposit = a_deposit(1)
    jobs.accept(deposit)
    jobs.settle(deposit.job, deposit.token, NOW)

    revocation = jobs.revoke(deposit, a_revocation(2, deposit.token), NOW + 7)

    assert jobs.deposit(an_id(1)).token.revoked_at == NOW + 7
    assert jobs.current(a_place()).status_at(NOW + 7) == "REVOKED"
    assert jobs.job(an_id(2)) == revocation


def test_deleting_an_older_token_leaves_the_newer_one_in_its_place(jobs: Jobs) -> None:
    for number in (1, 2):
        jobs.accept(a_deposit(number))
        jobs.settle(a_deposit(number).job, a_deposit(number).token, NOW)

    jobs.revoke(a_deposit(1), a_revocation(3, a_deposit(1).token), NOW)

    assert jobs.current(a_place()) == a_deposit(2).token


def test_a_token_settled_after_a_newer_one_was_deleted_does_not_take_its_place(jobs: Jobs) -> None:
    """The newest was deleted: an older one must not come back in its stead."""
    older, newer = a_deposit(1), a_deposit(2)
    for deposit in (older, newer):
        jobs.accept(deposit)
    jobs.settle(newer.job, newer.token, NOW)
    jobs.revoke(newer, a_revocation(3, newer.token), NOW)

    assert jobs.settle(older.job, older.token, NOW) == "SUCCEEDED"

    assert jobs.current(a_place()).id == an_id(2)
    assert jobs.current(a_place()).status_at(NOW) == "REVOKED"


def test_deleted_again_it_is_the_first_ones_job(jobs: Jobs) -> None:
    deposit = a_deposit(1)
    jobs.accept(deposit)
    first = jobs.revoke(deposit, a_revocation(2, deposit.token), NOW)

    again = jobs.revoke(deposit, a_revocation(3, deposit.token, NOW + 99), NOW + 99)

    assert again == first
    assert jobs.deposit(an_id(1)).token.revoked_at == NOW
    with pytest.raises(NotFound):
        jobs.job(an_id(3))


def test_16_at_once_delete_it_once(jobs: Jobs, pool: Executor) -> None:
    deposit = a_deposit(1)
    jobs.accept(deposit)

    answers = list(
        pool.map(lambda number: jobs.revoke(deposit, a_revocation(number, deposit.token), NOW), range(2, 18))
    )

    assert len({job.id for job in answers}) == 1


def test_deleting_what_is_gone_is_not_found(jobs: Jobs) -> None:
    with pytest.raises(NotFound):
        jobs.revoke(a_deposit(1), a_revocation(2, a_deposit(1).token), NOW)


def test_a_revocation_is_kept_as_long_as_its_token_and_a_day_at_the_least(jobs: Jobs, table: Table) -> None:
    lasting, ending = a_deposit(1, expires_at=NOW // 1_000_000 + 30 * DAY), a_deposit(2)
    for number, deposit in ((3, lasting), (4, ending)):
        jobs.accept(deposit)
        jobs.revoke(deposit, a_revocation(number, deposit.token), NOW + DAY * 1_000_000)

    assert table.get(keys.job_key(an_id(3)))["ttl"] == NOW // 1_000_000 + 30 * DAY
    assert table.get(keys.job_key(an_id(4)))["ttl"] == NOW // 1_000_000 + 2 * DAY


@pytest.mark.parametrize("attempt", range(12))
def test_settling_and_deleting_at_once_have_one_consistent_outcome(jobs: Jobs, pool: Executor, attempt: int) -> None:
    deposit = a_deposit(1)
    jobs.accept(deposit)
    together = threading.Barrier(2)

    def after_both_are_ready(act: Callable[[], object]) -> object:
        together.wait(timeout=5)
        return act()

    settling = pool.submit(after_both_are_ready, lambda: jobs.settle(deposit.job, deposit.token, NOW))
    deleting = pool.submit(after_both_are_ready, lambda: jobs.revoke(deposit, a_revocation(2, deposit.token), NOW + 1))
    ended, revocation = settling.result(), deleting.result()

    job, current = jobs.job(an_id(1)), jobs.current(a_place())
    assert jobs.deposit(an_id(1)).token.revoked_at == NOW + 1
    assert jobs.job(revocation.id) == revocation
    assert job.status == ended
    assert ended in {"SUCCEEDED", "CANCELLED"}
    assert (current.id, current.revoked_at) == (an_id(1), NOW + 1)  # marked whoever was first


def test_a_token_settled_between_reading_and_deleting_is_looked_at_again(jobs: Jobs, table: Table) -> None:
    deposit = a_deposit(1)
    jobs.accept(deposit)
    meddled = restless(table, "transact", lambda: jobs.settle(deposit.job, deposit.token, NOW))

    meddled.revoke(deposit, a_revocation(2, deposit.token), NOW)

    assert jobs.job(an_id(1)).status == "SUCCEEDED"
    assert jobs.current(a_place()).status_at(NOW) == "REVOKED"


def test_a_token_that_changes_each_time_is_a_conflict_and_is_not_deleted(jobs: Jobs, table: Table) -> None:
    deposit = a_deposit(1)
    jobs.accept(deposit)
    states = iter(["IN_PROGRESS", "PENDING"] * 10)

    def meddle() -> None:
        table.update(keys.job_key(an_id(1)), "SET #status = :to", names={"#status": "status"}, to=next(states))

    with pytest.raises(Conflict, match="changed too often"):
        restless(table, "transact", meddle).revoke(deposit, a_revocation(2, deposit.token), NOW)

    assert jobs.deposit(an_id(1)).token.revoked_at is None


def deleted(jobs: Jobs, table: Table) -> Job:
    """Return the revocation of a stored token, claimed by a worker."""
    deposit = a_deposit(1)
    jobs.accept(deposit)
    claimed = Leases(table).claim(jobs.revoke(deposit, a_revocation(2, deposit.token), NOW), "worker-a", NOW)
    assert claimed is not None
    return claimed


def test_erasing_removes_the_secret_and_ends_the_revocation(jobs: Jobs, table: Table) -> None:
    jobs.erase(deleted(jobs, table), NOW + 9, {})

    assert "sealed" not in table.get(keys.job_key(an_id(1)))
    assert jobs.deposit(an_id(1)).sealed is None
    job = jobs.job(an_id(2))
    assert (job.status, job.result, job.rev, job.updated_at) == ("SUCCEEDED", {"erased": True}, 3, NOW + 9)


def test_erasing_again_changes_nothing(jobs: Jobs, table: Table) -> None:
    claimed = deleted(jobs, table)
    jobs.erase(claimed, NOW, {})
    before = table.get(keys.job_key(an_id(2)))

    with pytest.raises(LeaseLost):
        jobs.erase(claimed, NOW + 99, {})

    assert table.get(keys.job_key(an_id(2))) == before


def test_erasing_what_nobody_claimed_is_refused(jobs: Jobs) -> None:
    deposit = a_deposit(1)
    jobs.accept(deposit)
    revocation = jobs.revoke(deposit, a_revocation(2, deposit.token), NOW)

    with pytest.raises(LeaseLost):
        jobs.erase(revocation, NOW, {})

    assert jobs.deposit(an_id(1)).sealed is not None


def test_a_worker_whose_lease_another_took_erases_nothing(jobs: Jobs, table: Table) -> None:
    late = deleted(jobs, table)
    Leases(table).claim(late, "worker-b", NOW + LEASE)

    with pytest.raises(LeaseLost):
        jobs.erase(late, NOW + LEASE, {})

    assert jobs.deposit(an_id(1)).sealed is not None
    assert jobs.job(an_id(2)).owner == "worker-b"


def test_erasing_after_the_table_has_let_the_token_go_ends_the_revocation(jobs: Jobs, table: Table) -> None:
    claimed = deleted(jobs, table)
    table.delete(keys.job_key(an_id(1)))

    jobs.erase(claimed, NOW, {})
    with pytest.raises(LeaseLost):
        jobs.erase(claimed, NOW, {})

    assert jobs.job(an_id(2)).status == "SUCCEEDED"
    assert table.get(keys.job_key(an_id(1))) is None


def test_a_revocation_that_another_worker_ends_meanwhile_is_ended_once(jobs: Jobs, table: Table) -> None:
    claimed = deleted(jobs, table)
    table.delete(keys.job_key(an_id(1)))

    with pytest.raises(LeaseLost):
        restless(table, "transact", lambda: jobs.erase(claimed, NOW, {}), behind=1).erase(claimed, NOW + 9, {})

    assert jobs.job(an_id(2)).updated_at == NOW


def test_16_at_once_erase_it_once(jobs: Jobs, table: Table, pool: Executor) -> None:
    claimed = deleted(jobs, table)

    def erased(_: int) -> bool:
        try:
            jobs.erase(claimed, NOW, {})
        except LeaseLost:
            return False
        return True

    outcomes = list(pool.map(erased, range(16)))

    assert sorted(outcomes) == [False] * 15 + [True]
    assert jobs.job(an_id(2)).rev == 3


def test_deleting_a_token_whose_storing_was_cancelled_answers_with_that_job(jobs: Jobs, table: Table) -> None:
    deposit = a_deposit(1)
    jobs.accept(deposit)
    Leases(table).end_as_seen(deposit.job, Status.CANCELLED, NOW, {"result": {"reason": "cancelled"}})

    answered = jobs.revoke(deposit, a_revocation(2, deposit.token), NOW + 9)

    assert (answered.id, answered.status) == (an_id(1), "CANCELLED")
    assert "sealed" not in table.get(keys.job_key(an_id(1)))
    with pytest.raises(NotFound):
        jobs.job(an_id(2))


def test_a_token_whose_deletion_was_cancelled_can_be_deleted_again(jobs: Jobs, table: Table) -> None:
    deposit = a_deposit(1)
    jobs.accept(deposit)
    first = jobs.revoke(deposit, a_revocation(2, deposit.token), NOW)
    Leases(table).end_as_seen(first, Status.CANCELLED, NOW, {"result": {"reason": "cancelled"}})

    second = jobs.revoke(deposit, a_revocation(3, deposit.token), NOW + 1)

    assert second.id == an_id(3)
    assert jobs.revoke(deposit, a_revocation(4, deposit.token), NOW + 2).id == an_id(3)


def test_a_message_for_an_earlier_token_of_the_same_id_erases_nothing_of_the_later_one(
    jobs: Jobs, table: Table
) -> None:
    """The first token's time to live was over; its Idempotency-Key made another; then the message was redriven."""
    deposit = a_deposit(1)
    jobs.accept(deposit)
    late = jobs.revoke(deposit, a_revocation(2, deposit.token), NOW)
    table.delete(keys.job_key(deposit.token.id))
    jobs.accept(deposit)
    held = Leases(table).claim(late, "worker-a", NOW)
    assert held is not None

    jobs.erase(held, NOW, {})

    assert jobs.deposit(deposit.token.id).sealed == deposit.sealed
    assert jobs.job(late.id).status is Status.SUCCEEDED
