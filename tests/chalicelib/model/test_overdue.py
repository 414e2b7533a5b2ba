from __future__ import annotations

import pytest

from chalicelib.model.clock import SECOND
from chalicelib.model.job import Status
from chalicelib.model.overdue import Fail, Send, overdue
from tests.chalicelib.examples import NOW, a_job

IN_A_DAY = NOW + 86_400 * SECOND


@pytest.mark.parametrize(
    ("status", "attempts", "reason"),
    [
        (Status.PENDING, 0, "not_dispatched"),
        (Status.PENDING, 2, "waited"),
        (Status.IN_PROGRESS, 2, "lease_lost"),
    ],
)
def test_an_overdue_job_is_sent_again_and_due_again_in_five_minutes(status: Status, attempts: int, reason: str) -> None:
    job = a_job(status=status, attempts=attempts, allowed=3, deadline_at=IN_A_DAY)

    assert overdue(job, NOW) == Send(due_at=NOW + 300 * SECOND, reason=reason)


@pytest.mark.parametrize("status", [Status.PENDING, Status.IN_PROGRESS])
def test_a_job_that_is_sent_again_shortly_before_its_deadline_is_due_again_at_its_deadline(status: Status) -> None:
    """Or it would end five minutes late."""
    job = a_job(status=status, attempts=1, allowed=3, deadline_at=NOW + SECOND)

    assert overdue(job, NOW) == Send(due_at=NOW + SECOND, reason="waited" if status is Status.PENDING else "lease_lost")


def test_a_job_whose_workers_died_as_often_as_it_may_be_begun_fails() -> None:
    job = a_job(status=Status.IN_PROGRESS, attempts=3, allowed=3, deadline_at=IN_A_DAY)

    decision = overdue(job, NOW)

    assert isinstance(decision, Fail)
    assert decision.code == "worker_lost"


@pytest.mark.parametrize("status", [Status.PENDING, Status.IN_PROGRESS])
def test_a_job_past_its_deadline_fails_whatever_its_state(status: Status) -> None:
    job = a_job(status=status, attempts=1, allowed=3, deadline_at=NOW)

    decision = overdue(job, NOW)

    assert isinstance(decision, Fail)
    assert decision.code == "deadline_exceeded"
