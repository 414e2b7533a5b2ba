"""`GET /jobs` and `GET /subjects/{subject}/jobs` as clients ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from chalicelib.model.job import Status, Type
from chalicelib.model.listing import Position, Wanted, cursor_to_text
from tests.app.service import HOOK, ROOT, a_subject

if TYPE_CHECKING:
    from tests.app.service import Answer, Service

OURS = "one that this service gave"
SAME_LIST = "one that this service gave for the same subject, status and type"
STATUSES = "one of PENDING, IN_PROGRESS, SUCCEEDED, FAILED, CANCELLED"
TYPES = f"one of {', '.join(Type)}"


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.raw
    return [job["id"] for job in answer.body["items"]]


def fail(service: Service, job_id: str) -> None:
    error: dict[str, dict[str, object]] = {"error": {"code": "deadline_exceeded", "message": "Its time was up."}}
    assert service.wired.leases.end_as_seen(service.wired.jobs.job(job_id), Status.FAILED, 1, error)


def test_a_subject_lists_its_own_jobs_newest_first_of_every_domain_and_type(service: Service) -> None:
    subject = a_subject()
    me = (subject, ("consumer",))
    first, second = service.hand_in(subject), service.hand_in(subject, "slack")
    body = {"subject": subject, "provider": "google", "domain": "shop", "token": {"access_token": "ya29.opaque"}}
    third = service.ask("POST", "/tokens", HOOK, body=body).body["id"]
    service.settle(second)
    revocation = service.ask("DELETE", f"/tokens/{first}", me).body["id"]

    answer = service.ask("GET", f"/subjects/{quote(subject)}/jobs", me)

    assert ids(answer) == [revocation, third, second, first]
    assert answer.body["cursor"] is None
    assert answer.body["items"] == [service.ask("GET", f"/jobs/{one}", me).body for one in ids(answer)]
    assert b"ya29" not in answer.raw
    assert answer.headers["cache-control"] == "no-store"
    assert ids(service.ask("GET", f"/subjects/{subject}/jobs?type=token.revoke", me)) == [revocation]
    assert ids(service.ask("GET", f"/subjects/{subject}/jobs?status=SUCCEEDED", me)) == [second]


def test_a_list_is_paged_by_its_cursor_while_new_jobs_arrive(service: Service) -> None:
    subject = a_subject()
    me = (subject, ("consumer",))
    handed = [service.hand_in(subject) for _ in range(5)]
    seen: list[str] = []
    path = query = f"/subjects/{subject}/jobs?limit=2"
    for _ in range(3):
        page = service.ask("GET", query, me)
        seen += ids(page)
        query = f"{path}&cursor={page.body['cursor']}"
        service.hand_in(subject)

    assert seen == handed[::-1]
    assert page.body["cursor"] is None


def test_an_administrator_lists_what_failed_of_whomever(service: Service) -> None:
    subjects = a_subject(), a_subject()
    failed = [service.hand_in(subject) for subject in subjects]
    open_one = service.hand_in(subjects[0])
    for job_id in failed:
        fail(service, job_id)

    listed = service.ask("GET", "/jobs?status=FAILED&limit=2", ROOT)

    assert ids(listed) == failed[::-1]
    assert listed.body["items"][0]["error"]["code"] == "deadline_exceeded"
    assert ids(service.ask("GET", "/jobs?status=PENDING&limit=1", ROOT)) == [open_one]
    assert ids(service.ask("GET", "/jobs?limit=1", ROOT)) == [open_one]
    assert ids(service.ask("GET", f"/jobs?subject={quote(subjects[1])}", ROOT)) == [failed[1]]
    assert service.ask("POST", f"/jobs/{failed[0]}/retry", ROOT).status == 202
    assert failed[0] not in ids(service.ask("GET", "/jobs?status=FAILED", ROOT))


def test_a_list_of_what_there_is_none_of_is_empty(service: Service) -> None:
    answer = service.ask("GET", f"/jobs?subject={a_subject()}", ROOT)

    assert answer.body == {"items": [], "cursor": None}


@pytest.mark.parametrize("groups", [("producer",), ("consumer",), ("producer", "consumer"), ()])
def test_nobody_but_an_administrator_lists_the_jobs_of_all(service: Service, groups: tuple[str, ...]) -> None:
    """`/jobs/*` is every job by its id, and not `/jobs`."""
    me = (a_subject(), groups)

    for path in ("/jobs", f"/jobs?subject={me[0]}"):
        answer = service.ask("GET", path, me)
        assert (answer.status, "items" in answer.body) == (403, False)


def test_nobody_lists_the_jobs_of_somebody_else(service: Service) -> None:
    subject, other = a_subject(), a_subject()
    service.hand_in(subject)

    for who in ((other, ("consumer",)), HOOK):
        for spelling in (quote(subject), quote(subject, safe="").replace("u", "%75")):
            assert service.ask("GET", f"/subjects/{spelling}/jobs", who).status == 403


@pytest.mark.parametrize(
    ("query", "field", "rule"),
    [
        ("status=failed", "status", STATUSES),
        ("status=", "status", STATUSES),
        ("type=token.unknown", "type", TYPES),
        ("type=STORE", "type", TYPES),
        ("subject=", "subject", "a subject must not be empty"),
        ("subject=a%2Fb", "subject", None),
        ("subject=a%2525", "subject", None),
        ("limit=0", "limit", "a whole number from 1 to 50"),
        ("limit=51", "limit", "a whole number from 1 to 50"),
        ("cursor=x", "cursor", OURS),
        ("cursor=", "cursor", OURS),
        ("stauts=FAILED", None, "unknown parameter"),
        ("environment=default", None, "unknown parameter"),
    ],
)
def test_a_parameter_that_means_nothing_is_refused_and_says_what_would(
    service: Service, query: str, field: str | None, rule: str | None
) -> None:
    answer = service.ask("GET", f"/jobs?{query}", ROOT)

    assert answer.refusal == (400, "invalid_parameter")
    assert answer.body.get("field") == field
    assert rule in (None, answer.body["rule"])


def test_the_subject_of_a_path_is_not_asked_for_again(service: Service) -> None:
    subject = a_subject()

    answer = service.ask("GET", f"/subjects/{subject}/jobs?subject={a_subject()}", (subject, ("consumer",)))

    assert (answer.refusal, answer.body["rule"]) == ((400, "invalid_parameter"), "unknown parameter")


def test_a_cursor_is_refused_by_every_list_but_its_own(service: Service) -> None:
    subject = a_subject()
    service.hand_in(subject)
    service.hand_in(subject)
    cursor = service.ask("GET", f"/jobs?subject={subject}&limit=1", ROOT).body["cursor"]

    for query in ("", "status=FAILED&", f"subject={a_subject()}&", f"subject={subject}&type=token.store&"):
        answer = service.ask("GET", f"/jobs?{query}cursor={cursor}", ROOT)
        assert (answer.refusal, answer.body["rule"]) == ((400, "invalid_parameter"), SAME_LIST)
    assert service.ask("GET", f"/jobs?subject={subject}&limit=2&cursor={cursor}", ROOT).status == 200


def test_a_forged_cursor_leads_into_nobody_elses_list(service: Service) -> None:
    subject, other = a_subject(), a_subject()
    job_id = service.hand_in(other)
    row = Position(partition=other, at=2**52, id=job_id)

    answer = service.ask(
        "GET",
        f"/subjects/{subject}/jobs?cursor={cursor_to_text(row, Wanted(subject=subject))}",
        (subject, ("consumer",)),
    )

    assert (answer.refusal, answer.body["rule"]) == ((400, "invalid_parameter"), OURS)
