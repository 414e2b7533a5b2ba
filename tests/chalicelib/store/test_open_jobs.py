from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chalicelib.model.watch import Scope
from chalicelib.store import keys
from chalicelib.store.open_jobs import INDEX, OpenJobs
from tests.chalicelib.examples import HOOK, JANE, NOW, a_deposit, a_place, a_watch, an_id

if TYPE_CHECKING:
    from chalicelib.model.watch import Watch
    from chalicelib.store.jobs import Jobs
    from chalicelib.store.table import Table

TEMPLATE = Path(__file__).parents[3] / "infrastructure" / "template.json"
HOOKS = a_watch(principal=HOOK, person=HOOK, owns=False, hands_in=True)


@pytest.fixture
def open_jobs(table: Table, jobs: Jobs) -> OpenJobs:
    """Five open jobs: three about Jane (one asked for by herself), one about John, one ended."""
    for number in (3, 1):
        jobs.accept(a_deposit(number))
    jobs.accept(a_deposit(2, requester=JANE))
    jobs.accept(a_deposit(4, place=a_place(subject="john")))
    jobs.accept(a_deposit(5))
    jobs.settle(a_deposit(5).job, a_deposit(5).token, NOW)
    return OpenJobs(table)


@pytest.mark.parametrize(
    ("watch", "numbers"),
    [
        (a_watch(), [1, 2, 3]),
        (a_watch(owns=False), [2]),
        (a_watch(scope=Scope.SUBJECT), [1, 2, 3]),
        (a_watch(scope=Scope.SUBJECT, person="john"), [4]),
        (HOOKS, [1, 3, 4]),
        (a_watch(scope=Scope.JOB, job_id=an_id(4)), [4]),
        (a_watch(scope=Scope.JOB, job_id=an_id(404)), []),
        (a_watch(person="nobody"), []),
    ],
)
def test_a_watch_finds_the_open_jobs_that_it_may_hear_of_oldest_first(
    open_jobs: OpenJobs, watch: Watch, numbers: list[int]
) -> None:
    found, more = open_jobs.heard_by(watch, limit=30)

    assert [job.id for job in found] == [an_id(number) for number in numbers]
    assert more is False


def test_a_ticket_for_a_job_shows_it_also_when_it_has_ended(open_jobs: OpenJobs) -> None:
    found, _ = open_jobs.heard_by(a_watch(scope=Scope.JOB, job_id=an_id(5)), limit=30)

    assert [job.status for job in found] == ["SUCCEEDED"]


@pytest.mark.parametrize(("limit", "count", "more"), [(4, 3, False), (3, 3, False), (2, 2, True), (1, 1, True)])
def test_there_is_more_when_there_is_more_than_the_limit(
    open_jobs: OpenJobs,
    limit: int,
    count: int,
    more: bool,  # noqa: FBT001
) -> None:
    found, is_more = open_jobs.heard_by(a_watch(), limit=limit)

    assert (len(found), is_more) == (count, more)


def test_with_more_than_the_limit_the_oldest_are_shown(open_jobs: OpenJobs) -> None:
    found, _ = open_jobs.heard_by(a_watch(), limit=2)

    assert [job.id for job in found] == [an_id(1), an_id(2)]


def test_jobs_of_many_shards_are_oldest_first_also_when_there_are_more(table: Table, jobs: Jobs) -> None:
    subjects = sorted((f"subject-{number}" for number in range(6)), key=keys.open_shard, reverse=True)
    for number, subject in enumerate(subjects):
        jobs.accept(a_deposit(number, place=a_place(subject=subject)))

    found, more = OpenJobs(table).heard_by(HOOKS, limit=4)

    assert [job.accepted_at for job in found] == sorted(job.accepted_at for job in found)
    assert (len(found), more) == (4, True)


def test_a_shard_of_many_pages_is_read_to_its_end(open_jobs: OpenJobs, table: Table) -> None:
    class Pages:
        """The same table by pages of one."""

        def query(self, **arguments: object) -> object:
            return table.query(**arguments, Limit=1)

    found, _ = OpenJobs(Pages()).heard_by(a_watch(), limit=30)

    assert [job.id for job in found] == [an_id(1), an_id(2), an_id(3)]


def test_the_index_brings_every_part_of_a_job_that_a_job_is_read_from(open_jobs: OpenJobs, table: Table) -> None:
    """The local cloud gives an index's rows whole; DynamoDB gives what the template projects, and no more."""
    properties = json.loads(TEMPLATE.read_text(encoding="utf-8"))["Resources"]["Table"]["Properties"]
    (index,) = (one for one in properties["GlobalSecondaryIndexes"] if one["IndexName"] == INDEX)
    own = {part["AttributeName"] for part in properties["KeySchema"] + index["KeySchema"]}
    projected = own | set(index["Projection"]["NonKeyAttributes"])

    class Projecting:
        """The same table with DynamoDB's projection."""

        def query(self, **arguments: object) -> object:
            items, more = table.query(**arguments)
            return [{name: item[name] for name in projected & set(item)} for item in items], more

    assert OpenJobs(Projecting()).heard_by(a_watch(), limit=30) == open_jobs.heard_by(a_watch(), limit=30)
