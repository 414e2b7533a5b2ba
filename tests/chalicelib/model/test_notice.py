from __future__ import annotations

import json

from chalicelib.model import names, notice
from chalicelib.model.job import Status, Type
from tests.chalicelib.examples import NOW, a_job, a_place

FRAME = 32 * 1024
"""Bytes of a WebSocket frame at API Gateway."""


def the_widest_job() -> dict[str, object]:
    return {
        "type": Type.REVOKE,
        "status": Status.IN_PROGRESS,
        "rev": 10**9,
        "attempts": 10**9,
        "subject": "s" * names.SUBJECT_LENGTH,
        "place": a_place(
            subject="s" * names.SUBJECT_LENGTH,
            provider="p" * names.PROVIDER_LENGTH,
            environment="e" * names.ENVIRONMENT_LENGTH,
            domain="d" * names.DOMAIN_LENGTH,
        ),
        "progress": {"done": 10**6, "total": 10**6, "note": "n" * 64},
        "result": {"reason": "token_deleted", "current": False, "erased": True},
    }


def test_a_snapshot_of_the_most_and_widest_jobs_fits_a_frame() -> None:
    widest = [a_job(number, **the_widest_job()) for number in range(notice.MOST_JOBS)]

    assert len(notice.snapshot(widest, more=True, now=NOW)) <= FRAME


def test_a_change_is_told_with_a_number_that_rises() -> None:
    told = json.loads(notice.job_updated(a_job(1, rev=2, status=Status.SUCCEEDED, result={"current": True})))

    assert (told["id"], told["seq"], told["type"]) == ("aaaaaaaaaaaaaaaaaaaaaaaaab:2", 2, "job.updated")
    assert told["job"]["status"] == "SUCCEEDED"


def test_a_snapshot_tells_when_it_was_taken_and_whether_there_is_more() -> None:
    told = json.loads(notice.snapshot([a_job(1)], more=True, now=NOW))

    assert (told["type"], told["at"], told["more"]) == ("snapshot", "2027-01-15T08:00:00.000Z", True)
    assert [job["id"] for job in told["jobs"]] == ["aaaaaaaaaaaaaaaaaaaaaaaaab"]


def test_a_ping_is_answered_by_a_pong() -> None:
    assert notice.pong() == b'{"type":"pong"}'


def test_a_fault_has_a_code_and_a_sentence() -> None:
    assert notice.fault("not_joined", "Connect again.") == (
        b'{"type":"error","code":"not_joined","detail":"Connect again."}'
    )
