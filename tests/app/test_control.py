"""`POST /jobs/{id}/cancel` and `/retry` as clients ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chalicelib.model.job import Status
from tests.app.service import HOOK, ROOT, a_subject

if TYPE_CHECKING:
    from tests.app.service import Service


def fail(service: Service, job_id: str) -> None:
    """End a job as the sweep ends one past its deadline."""
    error: dict[str, dict[str, object]] = {"error": {"code": "deadline_exceeded", "message": "Its time was up."}}
    assert service.wired.leases.end_as_seen(service.wired.jobs.job(job_id), Status.FAILED, 1, error)


def test_an_open_job_is_cancelled_and_its_token_gone(service: Service) -> None:
    subject = a_subject()
    token_id = service.hand_in(subject)

    answer = service.ask("POST", f"/jobs/{token_id}/cancel", HOOK)

    assert answer.status == 202
    assert answer.headers["location"] == f"/jobs/{token_id}"
    assert (answer.body["id"], answer.body["status"]) == (token_id, "CANCELLED")
    assert service.ask("GET", f"/tokens/{token_id}/secret", (subject, ("consumer",))).refusal == (410, "token_revoked")
    assert "sealed" not in (service.table.get({"pk": f"JOB#{token_id}", "sk": "JOB"}) or {})


def test_the_record_of_a_cancelled_job_that_comes_late_changes_nothing(service: Service) -> None:
    subject = a_subject()
    token_id = service.hand_in(subject)
    late = service.record_of(token_id)
    service.ask("POST", f"/jobs/{token_id}/cancel", HOOK)

    assert service.invoke("advance", {"Records": [late]}) == {"batchItemFailures": []}

    assert service.ask("GET", f"/jobs/{token_id}", HOOK).body["status"] == "CANCELLED"
    assert service.ask("GET", f"/subjects/{subject}/tokens/google", (subject, ("consumer",))).status == 404


def test_a_cancelled_token_can_be_deleted_all_the_same(service: Service) -> None:
    subject = a_subject()
    token_id = service.hand_in(subject)
    service.ask("POST", f"/jobs/{token_id}/cancel", HOOK)

    answer = service.ask("DELETE", f"/tokens/{token_id}", (subject, ("consumer",)))

    assert (answer.status, answer.body["id"], answer.body["status"]) == (202, token_id, "CANCELLED")


def test_a_failed_job_goes_round_again(service: Service) -> None:
    token_id = service.hand_in(a_subject())
    fail(service, token_id)

    answer = service.ask("POST", f"/jobs/{token_id}/retry", HOOK)
    service.settle(token_id)

    assert (answer.status, answer.body["status"]) == (202, "PENDING")
    job = service.ask("GET", f"/jobs/{token_id}", HOOK).body
    assert job["status"] == "SUCCEEDED"
    assert "error" not in job


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_an_ended_job_is_left_as_it_is_and_the_answer_says_which_state_it_met(service: Service, verb: str) -> None:
    token_id = service.hand_in(a_subject())
    service.settle(token_id)

    answer = service.ask("POST", f"/jobs/{token_id}/{verb}", HOOK)

    assert answer.refusal == (409, "illegal_transition")
    assert answer.body["job_status"] == "SUCCEEDED"
    assert service.ask("GET", f"/jobs/{token_id}", HOOK).body["status"] == "SUCCEEDED"


def test_an_open_job_is_not_sent_round_again(service: Service) -> None:
    token_id = service.hand_in(a_subject())

    answer = service.ask("POST", f"/jobs/{token_id}/retry", HOOK)

    assert answer.refusal == (409, "illegal_transition")
    assert answer.body["job_status"] == "PENDING"


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_a_job_of_somebody_else_is_not_there(service: Service, verb: str) -> None:
    token_id = service.hand_in(a_subject())

    assert service.ask("POST", f"/jobs/{token_id}/{verb}", ("mallory", ("consumer",))).refusal == (404, "not_found")
    assert service.ask("GET", f"/jobs/{token_id}", HOOK).body["status"] == "PENDING"


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_a_job_that_never_was_is_not_there(service: Service, verb: str) -> None:
    assert service.ask("POST", f"/jobs/{'a' * 26}/{verb}", ROOT).refusal == (404, "not_found")


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_nobody_stops_a_job_without_a_bearer(service: Service, verb: str) -> None:
    token_id = service.hand_in(a_subject())

    assert service.ask("POST", f"/jobs/{token_id}/{verb}").status == 401
