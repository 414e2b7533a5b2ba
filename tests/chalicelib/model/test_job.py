from __future__ import annotations

import pytest

from chalicelib.model.job import ENDED, OPEN, TRANSITIONS, Status, Type, first_job, job_view
from tests.chalicelib.examples import NOW, a_job, a_token


def test_every_status_has_its_line_in_the_table_of_transitions() -> None:
    assert set(TRANSITIONS) == set(Status)


def test_the_legal_changes_of_status_are_these() -> None:
    written = {str(before): sorted(map(str, after)) for before, after in TRANSITIONS.items()}

    assert written == {
        "PENDING": ["CANCELLED", "FAILED", "IN_PROGRESS", "SUCCEEDED"],
        "IN_PROGRESS": ["CANCELLED", "FAILED", "PENDING", "SUCCEEDED"],
        "FAILED": ["PENDING"],
        "SUCCEEDED": [],
        "CANCELLED": [],
    }


def test_no_status_leads_to_itself() -> None:
    assert not [status for status, after in TRANSITIONS.items() if status in after]


def test_an_open_job_can_end_and_an_ended_one_can_only_be_tried_again() -> None:
    assert all(TRANSITIONS[status] >= ENDED for status in OPEN)
    assert {after for status in ENDED for after in TRANSITIONS[status]} == {Status.PENDING}


@pytest.mark.parametrize(
    ("status", "is_open"),
    [("PENDING", True), ("IN_PROGRESS", True), ("SUCCEEDED", False), ("FAILED", False), ("CANCELLED", False)],
)
def test_a_job_is_open_until_it_has_ended(status: str, is_open: bool) -> None:  # noqa: FBT001
    assert a_job(status=Status(status)).is_open is is_open


def test_a_first_job_is_pending_and_tells_of_its_token() -> None:
    job = first_job("j1", Type.REVOKE, a_token(7), requester="jane", now=NOW)

    assert (job.id, job.type, job.status, job.rev, job.attempts) == ("j1", "token.revoke", "PENDING", 1, 0)
    assert (job.token_id, job.requester, job.accepted_at, job.updated_at) == (a_token(7).id, "jane", NOW, NOW)


def test_a_job_is_shown_as_the_contract_says() -> None:
    assert job_view(a_job(1, accepted_at=NOW, updated_at=NOW + 1_500_000)) == {
        "id": "aaaaaaaaaaaaaaaaaaaaaaaaab",
        "type": "token.store",
        "status": "PENDING",
        "rev": 1,
        "created_at": "2027-01-15T08:00:00.000Z",
        "updated_at": "2027-01-15T08:00:01.500Z",
        "attempts": 0,
        "input": {
            "token_id": "aaaaaaaaaaaaaaaaaaaaaaaaab",
            "subject": "auth0|5f7c8ec7c33c6c004bbafe82",
            "provider": "google",
            "environment": "production",
            "domain": "shop",
        },
        "links": {"self": "/jobs/aaaaaaaaaaaaaaaaaaaaaaaaab", "token": "/tokens/aaaaaaaaaaaaaaaaaaaaaaaaab"},
    }


def test_an_ended_job_shows_its_result_or_its_error() -> None:
    succeeded = job_view(a_job(status=Status.SUCCEEDED, result={"current": True}))
    failed = job_view(a_job(status=Status.FAILED, error={"code": "seal_broken"}))

    assert succeeded["result"] == {"current": True}
    assert "error" not in succeeded
    assert failed["error"] == {"code": "seal_broken"}
    assert "result" not in failed
