"""Lists of jobs over the wire: whose they are, what failed, and hundreds of jobs paged through without a loss."""

from __future__ import annotations

import itertools
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from chalicelib.model.job import Status, Type
from chalicelib.store.items import job_to_item
from chalicelib.store.leases import Leases
from chalicelib.store.table import Table
from devtool.testing import wait_for
from tests.chalicelib.examples import a_job
from tests.stack.http import Api, unique

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.model.job import Job
    from devtool.testing import LiveCloud

JOBS = 300
MOST_PAGES = 1_000
CLIENTS = 4


def of(subject: str) -> str:
    return f"/subjects/{quote(subject, safe='')}/jobs"


def listed(api: Api, path: str, bearer: str) -> list[str]:
    answer = api.get(path, bearer)
    assert answer.status == 200, answer.body
    return [job["id"] for job in answer.json["items"]]


def pages(api: Api, path: str, bearer: str) -> Iterator[list[str]]:
    """Yield the ids of a list, page by page, to its end; an error where it does not come to one."""
    cursor = ""
    for _ in range(MOST_PAGES):
        answer = api.get(f"{path}{cursor}", bearer)
        assert answer.status == 200, answer.body
        yield [job["id"] for job in answer.json["items"]]
        if answer.json["cursor"] is None:
            return
        cursor = f"&cursor={answer.json['cursor']}"
    raise AssertionError("a list without an end")


def a_held_job(table: Table, subject: str) -> Job:
    """Put a job into the table that a worker holds: no consumer of the stream or the queue touches it."""
    now = time.time_ns() // 1_000
    job = a_job(
        subject=subject,
        id="".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(26)),
        type=Type.REVOKE,
        status=Status.IN_PROGRESS,
        place=None,
        token_id=None,
        attempts=1,
        accepted_at=now,
        due_at=now + 3_600_000_000,
    )
    table.put(job_to_item(job, ttl=now // 1_000_000 + 3_600))
    return job


def test_an_owner_sees_its_own_jobs_and_nobody_elses(api: Api, cloud: LiveCloud) -> None:
    subject, other = unique("lister"), unique("other")
    mine = [api.hand_in(subject, provider) for provider in ("google", "slack")]
    theirs = api.hand_in(other)
    assert cloud.settle()
    mine.append(api.delete(f"/tokens/{mine[0]}", api.consumer(subject)).json["id"])

    assert listed(api, of(subject), api.consumer(subject)) == mine[::-1]
    assert listed(api, of(other), api.consumer(other)) == [theirs]
    assert api.get(of(other), api.consumer(subject)).status == 403
    assert api.get("/jobs", api.consumer(subject)).status == 403
    assert listed(api, f"{of(subject)}?type=token.revoke", api.consumer(subject)) == mine[2:]


def test_an_operator_finds_what_failed_until_it_is_sent_round_again(api: Api, cloud: LiveCloud) -> None:
    table = Table(cloud.client("dynamodb"), cloud.table)
    held = a_held_job(table, unique("failing"))
    assert held.id in listed(api, "/jobs?status=IN_PROGRESS&type=token.revoke", api.admin)

    Leases(table).end(held, Status.FAILED, held.accepted_at, {"error": {"code": "unavailable", "message": "No."}})

    assert held.id in listed(api, "/jobs?status=FAILED", api.admin)
    assert held.id not in listed(api, "/jobs?status=IN_PROGRESS", api.admin)
    assert api.post(f"/jobs/{held.id}/retry", api.admin).status == 202
    assert held.id not in listed(api, "/jobs?status=FAILED", api.admin)


@pytest.mark.slow
def test_hundreds_of_jobs_are_paged_through_while_new_ones_arrive_and_none_is_lost_or_doubled(
    api: Api, cloud: LiveCloud
) -> None:
    subject = unique("busy")
    numbers = itertools.count()

    def hand_in(_: int) -> str:
        return api.hand_in(subject, f"provider-{next(numbers)}")

    with ThreadPoolExecutor(CLIENTS) as pool:
        handed = set(pool.map(hand_in, range(JOBS)))
        arriving = pool.map(hand_in, range(JOBS // 10))
        own = list(pages(api, f"{of(subject)}?limit=20", api.consumer(subject)))
        everybodys = list(pages(api, "/jobs?type=token.store&limit=50", api.admin))
        late = set(arriving)

    for found in (own, everybodys):
        ids = [job_id for page in found for job_id in page]
        assert len(ids) == len(set(ids)), "a job was shown twice"
        assert handed <= set(ids), "a job was skipped"
    assert {job_id for page in own for job_id in page} <= handed | late
    wait_for(
        lambda: late <= {job_id for page in pages(api, f"{of(subject)}?limit=50", api.admin) for job_id in page}, 5
    )
