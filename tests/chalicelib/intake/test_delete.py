from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chalicelib.errors import NotFound
from chalicelib.intake.delete import Deletion
from tests.chalicelib.examples import HOOK, JANE, NOW, a_deposit, an_id
from tests.chalicelib.model.test_caller import caller

if TYPE_CHECKING:
    from chalicelib.store.jobs import Jobs
    from tests.chalicelib.examples import Clock


@pytest.fixture
def deletion(jobs: Jobs, clock: Clock) -> Deletion:
    numbers = iter(range(100, 200))
    return Deletion(tokens=jobs, now=clock, new_id=lambda: an_id(next(numbers)))


def test_a_subject_deletes_its_own_token_and_gets_a_job(deletion: Deletion, jobs: Jobs) -> None:
    jobs.accept(a_deposit(1))

    job = deletion.delete(caller(JANE, "consumer"), an_id(1))

    assert (job.type, job.status, job.requester, job.token_id) == ("token.revoke", "PENDING", JANE, an_id(1))
    assert jobs.job(job.id) == job
    assert jobs.deposit(an_id(1)).token.revoked_at == NOW


def test_deleted_twice_it_is_the_same_job(deletion: Deletion, jobs: Jobs) -> None:
    jobs.accept(a_deposit(1))

    first, second = (deletion.delete(caller(JANE, "consumer"), an_id(1)) for _ in range(2))

    assert first == second


@pytest.mark.parametrize("who", [caller("john", "consumer"), caller(HOOK, "producer"), caller(JANE)])
def test_whoever_may_not_collect_it_may_not_delete_it(deletion: Deletion, jobs: Jobs, who: object) -> None:
    jobs.accept(a_deposit(1))

    with pytest.raises(NotFound):
        deletion.delete(who, an_id(1))

    assert jobs.deposit(an_id(1)).token.revoked_at is None


def test_what_is_not_there_cannot_be_deleted(deletion: Deletion) -> None:
    with pytest.raises(NotFound):
        deletion.delete(caller("root", "admin"), an_id(1))
