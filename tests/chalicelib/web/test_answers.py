from __future__ import annotations

import json

from chalicelib.model.job import Type
from chalicelib.model.listing import Position, Wanted, cursor_from_text
from chalicelib.model.token import Secret
from chalicelib.web import answers
from tests.chalicelib.examples import NOW, a_job, a_token, an_id


def test_a_202_says_where_the_job_is_and_that_nobody_keeps_it() -> None:
    answer = answers.accepted(a_job(1, accepted_at=NOW))

    assert (answer.status_code, answer.headers["Location"]) == (202, f"/jobs/{an_id(1)}")
    assert answer.headers["Cache-Control"] == "no-store"
    assert json.loads(answer.body) == {
        "id": "aaaaaaaaaaaaaaaaaaaaaaaaab",
        "status": "PENDING",
        "accepted_at": "2027-01-15T08:00:00.000Z",
        "links": {
            "self": "/jobs/aaaaaaaaaaaaaaaaaaaaaaaaab",
            "token": "/tokens/aaaaaaaaaaaaaaaaaaaaaaaaab",
            "secret": "/tokens/aaaaaaaaaaaaaaaaaaaaaaaaab/secret",
        },
    }


def test_a_page_has_items_and_a_cursor_that_is_null_at_the_end() -> None:
    page, last = answers.page([a_token(1)], "google", NOW), answers.page([], None, NOW)

    assert ([item["id"] for item in json.loads(page.body)["items"]], json.loads(page.body)["cursor"]) == (
        [an_id(1)],
        "Z29vZ2xl",
    )
    assert json.loads(last.body) == {"items": [], "cursor": None}


def test_a_page_of_jobs_has_a_cursor_of_its_own_list() -> None:
    row, wanted = Position(partition="token.store#07", at=NOW, id=an_id(1)), Wanted(type=Type.STORE)
    page, last = answers.jobs([a_job(1)], row, wanted), answers.jobs([], None, wanted)

    assert [item["id"] for item in json.loads(page.body)["items"]] == [an_id(1)]
    assert cursor_from_text(json.loads(page.body)["cursor"], wanted) == row
    assert json.loads(last.body) == {"items": [], "cursor": None}


def test_a_ticket_comes_with_the_address_that_it_opens() -> None:
    answer = answers.ticket("t-1", NOW, "wss://example.com/api")

    assert answer.status_code == 201
    assert json.loads(answer.body) == {
        "ticket": "t-1",
        "url": "wss://example.com/api?ticket=t-1",
        "expires_at": "2027-01-15T08:00:00.000Z",
    }


def test_nothing_but_what_says_so_is_cached() -> None:
    assert answers.ok({}).headers["Cache-Control"] == "no-store"
    assert answers.ok({}, cached_for=300).headers["Cache-Control"] == "public, max-age=300"
    for answer in (
        answers.record(a_token(), NOW),
        answers.collected((a_token(), Secret(access_token="x")), NOW),
        answers.job(a_job()),
        answers.jobs([a_job()], None, Wanted()),
    ):
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
