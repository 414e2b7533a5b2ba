from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.errors import Conflict, IllegalTransition, NotFound
from chalicelib.intake.control import Control
from chalicelib.model.caller import Caller
from chalicelib.model.clock import SECOND
from chalicelib.model.job import Job, Status
from chalicelib.model.policy import Statement
from chalicelib.store.items import deposit_to_item
from chalicelib.store.leases import Leases
from tests.chalicelib.examples import HOOK, NOW, Clock, a_deposit

if TYPE_CHECKING:
    from chalicelib.store.jobs import Jobs
    from chalicelib.store.table import Table

EVERYTHING = (Statement(effect="Allow", methods=("*",), paths=("/*",)),)


@pytest.fixture
def control(table: Table, jobs: Jobs, clock: Clock) -> Control:
    return Control(jobs=jobs, leases=Leases(table), now=clock)


@pytest.fixture
def job(table: Table) -> Job:
    deposit = a_deposit(1)
    table.put(deposit_to_item(deposit))
    return deposit.job


def a_caller(principal: str, statements: tuple[Statement, ...] = ()) -> Caller:
    return Caller(principal=principal, statements=statements, expires_at=NOW // SECOND + 60)


ADMIN = a_caller("root", EVERYTHING)


def failed(table: Table, jobs: Jobs, job: Job) -> Job:
    Leases(table).end_as_seen(job, Status.FAILED, NOW, {"error": {"code": "deadline_exceeded"}})
    return jobs.job(job.id)


def test_whoever_asked_for_a_job_may_stop_it(control: Control, job: Job) -> None:
    cancelled = control.cancel(a_caller(HOOK), job.id)

    assert cancelled.status is Status.CANCELLED
    assert cancelled.result == {"reason": "cancelled", "by": HOOK}


def test_a_job_of_somebody_else_is_not_there(control: Control, job: Job) -> None:
    with pytest.raises(NotFound):
        control.cancel(a_caller("stranger"), job.id)
    with pytest.raises(NotFound):
        control.retry(a_caller("stranger"), job.id)


def test_a_finished_job_is_never_undone(control: Control, jobs: Jobs, job: Job) -> None:
    jobs.settle(job, a_deposit(1).token, NOW)

    with pytest.raises(IllegalTransition) as refused:
        control.cancel(ADMIN, job.id)

    assert refused.value.facts == {"job_status": "SUCCEEDED"}
    assert jobs.job(job.id).status is Status.SUCCEEDED


def test_a_failed_job_goes_round_again_with_a_fresh_budget(
    control: Control, table: Table, jobs: Jobs, job: Job, clock: Clock
) -> None:
    failed(table, jobs, job)
    clock.pass_seconds(100_000)

    again = control.retry(ADMIN, job.id)

    assert (again.status, again.error) == (Status.PENDING, None)
    assert (again.allowed, again.deadline_at) == (20, clock.now + 86_400 * SECOND)


@pytest.mark.parametrize("status", [Status.PENDING, Status.IN_PROGRESS, Status.SUCCEEDED, Status.CANCELLED])
def test_only_a_failed_job_is_sent_round_again(
    control: Control, table: Table, jobs: Jobs, job: Job, status: Status
) -> None:
    match status:
        case Status.IN_PROGRESS:
            Leases(table).claim(job, "worker-a", NOW)
        case Status.SUCCEEDED:
            jobs.settle(job, a_deposit(1).token, NOW)
        case Status.CANCELLED:
            control.cancel(ADMIN, job.id)

    with pytest.raises(IllegalTransition, match=f"the job is {status}; only a FAILED job is sent round again"):
        control.retry(ADMIN, job.id)


def test_a_job_that_changes_while_it_is_cancelled_is_looked_at_again(jobs: Jobs, table: Table, job: Job) -> None:
    """A worker renews its lease between the look and the write, a few times."""
    leases = Leases(table)
    held = leases.claim(job, "worker-a", NOW)
    assert held is not None

    class Renewing:
        def __init__(self, times: int) -> None:
            self.left = times

        def job(self, job_id: str) -> Job:
            seen = jobs.job(job_id)
            if self.left and seen.is_open:
                self.left -= 1
                leases.renew(held, NOW + self.left, {"done": self.left})
            return seen

    def cancelled(times: int) -> Any:
        return Control(jobs=Renewing(times), leases=leases, now=lambda: NOW).cancel(ADMIN, job.id)

    with pytest.raises(Conflict):
        cancelled(100)
    assert cancelled(5).status is Status.CANCELLED
