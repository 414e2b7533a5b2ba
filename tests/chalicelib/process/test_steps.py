"""What each job type does, over a real table and queue."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from chalicelib.errors import Unavailable, Unreadable
from chalicelib.model.change import JobChange
from chalicelib.model.job import Status, Type
from chalicelib.process.messages import WorkQueue
from chalicelib.process.steps import Steps
from devtool import environment
from tests.chalicelib.examples import NOW, a_deposit, a_job, a_place, a_revocation, a_token, an_id

if TYPE_CHECKING:
    from chalicelib.store.jobs import Jobs
    from devtool.testing import LiveCloud
    from tests.chalicelib.examples import Clock, Facts

STORED = JobChange(before=None, after=a_deposit(1).job, token=a_token(1))


def queued(cloud: LiveCloud, queue_url: str) -> list[str]:
    received = cloud.client("sqs").receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"])["job_id"] for message in received]


def test_a_stored_token_is_settled_in_place(  # noqa: PLR0917  its parts are fixtures
    steps: Steps, jobs: Jobs, cloud: LiveCloud, queue_url: str, clock: Clock, facts: Facts
) -> None:
    jobs.accept(a_deposit(1))
    clock.now = NOW + 4_001

    steps.advance(STORED)

    assert jobs.current(a_place()) == a_token(1)
    assert queued(cloud, queue_url) == []
    assert facts.heard == [
        {"event": "job.settled", "job": an_id(1), "type": "token.store", "status": "SUCCEEDED", "after_ms": 4}
    ]


def test_the_same_record_again_changes_nothing(steps: Steps, jobs: Jobs, facts: Facts) -> None:
    jobs.accept(a_deposit(1))
    steps.advance(STORED)
    before = jobs.job(an_id(1))

    steps.advance(STORED)

    assert jobs.job(an_id(1)) == before
    assert facts.events == ["job.settled", "job.repeated"]


def test_a_deleted_token_is_queued_to_be_erased(
    steps: Steps, jobs: Jobs, cloud: LiveCloud, queue_url: str, facts: Facts
) -> None:
    revocation = a_revocation(2, a_token(1))

    steps.advance(JobChange(before=None, after=revocation, token=None))

    assert queued(cloud, queue_url) == [an_id(2)]
    assert facts.events == ["job.queued"]


def test_a_failed_deletion_that_is_retried_is_queued_again(
    steps: Steps, cloud: LiveCloud, queue_url: str, facts: Facts
) -> None:
    revocation = a_revocation(2, a_token(1))

    steps.advance(JobChange(before=replace(revocation, status=Status.FAILED), after=revocation, token=None))

    assert queued(cloud, queue_url) == [an_id(2)]
    assert facts.events == ["job.queued"]


@pytest.mark.parametrize("before", [Status.PENDING, Status.IN_PROGRESS])
def test_a_deletion_that_was_put_off_is_left_to_who_put_it_off(
    steps: Steps, cloud: LiveCloud, queue_url: str, facts: Facts, before: Status
) -> None:
    revocation = a_revocation(2, a_token(1))

    steps.advance(JobChange(before=replace(revocation, status=before), after=revocation, token=None))

    assert queued(cloud, queue_url) == []
    assert facts.heard == []


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.PENDING])
@pytest.mark.parametrize("job_type", Type)
def test_only_a_pending_job_is_moved_on(steps: Steps, jobs: Jobs, facts: Facts, status: Status, job_type: Type) -> None:
    steps.advance(JobChange(before=None, after=a_job(status=status, type=job_type), token=a_token(1)))

    assert facts.heard == []
    assert jobs.current(a_place()) is None


def test_a_stored_token_without_its_record_is_unreadable(steps: Steps) -> None:
    with pytest.raises(Unreadable):
        steps.advance(JobChange(before=None, after=a_job(), token=None))


def test_a_queue_that_does_not_answer_fails_the_record(jobs: Jobs, clock: Clock, facts: Facts) -> None:
    nobody = WorkQueue(environment.client("sqs", "http://127.0.0.1:9"), "http://127.0.0.1:9/000000000000/any")
    steps = Steps(settle=jobs.settle, queue=nobody, now=clock, fact=facts)

    with pytest.raises(Unavailable):
        steps.advance(JobChange(before=None, after=a_revocation(2, a_token(1)), token=None))

    assert facts.heard == []
