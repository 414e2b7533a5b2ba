"""Lists over a real table: each job once, newest first, whichever index they come from and wherever a page ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from chalicelib.collect.lists import Lists
from chalicelib.errors import InvalidParameter
from chalicelib.model.clock import SECOND
from chalicelib.model.job import Job, Status, Type
from chalicelib.model.listing import Position, Wanted
from chalicelib.store import keys
from chalicelib.store.job_lists import JobLists
from chalicelib.store.leases import Leases
from tests.chalicelib.examples import JANE, NOW, a_deposit, a_job, a_place, an_id
from tests.chalicelib.store.listed import ROOT, counting, everything, jobs_of_shard, pages, put

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from chalicelib.store.jobs import Jobs
    from chalicelib.store.table import Table

JOHN = a_place(subject="john")
HERS = Wanted(subject=JANE)
ERROR: dict[str, dict[str, object]] = {"error": {"code": "unavailable"}}


@pytest.fixture
def lists(table: Table, pool: ThreadPoolExecutor) -> Lists:
    return Lists(jobs=JobLists(table, pool))


def some_of_each(table: Table) -> list[Job]:
    """Put 60 jobs, newest first: of two types, of two subjects, in every status."""
    made = [
        a_job(
            number,
            type=Type.REVOKE if number % 3 == 0 else Type.STORE,
            status=list(Status)[number % 5],
            due_at=NOW + number,
            **({"subject": "john", "place": JOHN} if number % 4 == 0 else {}),
        )
        for number in range(60, 0, -1)
    ]
    put(table, *made)
    return made


@pytest.mark.parametrize("limit", [50, 7, 1])
@pytest.mark.parametrize("subject", [None, JANE, "john", "nobody"])
@pytest.mark.parametrize("status", [None, Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.IN_PROGRESS])
def test_a_list_holds_what_it_is_narrowed_to_and_that_once_newest_first(
    lists: Lists, table: Table, subject: str | None, status: Status | None, limit: int
) -> None:
    made = some_of_each(table)
    for job_type in (None, Type.REVOKE):
        wanted = Wanted(status=status, type=job_type, subject=subject)

        found = everything(lists, wanted, limit=limit)

        assert found == [job.id for job in made if wanted.takes(job)]


def test_open_jobs_come_by_when_they_are_looked_after_next_latest_first(lists: Lists, table: Table) -> None:
    put(table, *(a_job(number, due_at=NOW + due) for number, due in ((1, 7), (2, 9), (3, 8))))

    assert everything(lists, Wanted(status=Status.PENDING), limit=2) == [an_id(2), an_id(3), an_id(1)]


@pytest.mark.parametrize("limit", [50, 7, 1])
@pytest.mark.parametrize(
    "wanted",
    [HERS, Wanted(), Wanted(status=Status.FAILED), Wanted(status=Status.PENDING)],
    ids=["subject", "all", "failed", "open"],
)
def test_jobs_of_one_microsecond_are_neither_lost_nor_doubled_where_a_page_ends(
    lists: Lists, table: Table, wanted: Wanted, limit: int
) -> None:
    """More of them than a page holds, so that page after page begins in their midst."""
    status = wanted.status or Status.SUCCEEDED
    ties = [a_job(number, accepted_at=NOW, due_at=NOW, status=status) for number in range(2, 62)]
    newer = a_job(1, accepted_at=NOW + 1, due_at=NOW + 1, status=status)
    older = a_job(99, accepted_at=NOW - 1, due_at=NOW - 1, status=status)
    put(table, newer, older, *ties)

    found = everything(lists, wanted, limit=limit)

    assert found[0] == newer.id
    assert found[-1] == older.id
    assert sorted(found[1:-1]) == sorted(job.id for job in ties)


def test_a_page_of_a_subject_is_one_query_and_one_batch(table: Table, pool: ThreadPoolExecutor) -> None:
    put(table, *(a_job(number) for number in range(1, 61)))
    watched, asked = counting(table)
    lists = Lists(jobs=JobLists(watched, pool))

    first, after = lists.page(ROOT, HERS, limit=50, after=None)
    assert (len(first), asked) == (50, ["query", "batch_get_item"])
    asked.clear()
    rest, end = lists.page(ROOT, HERS, limit=50, after=after)

    assert (len(rest), end, asked) == (10, None, ["query", "batch_get_item"])


def test_a_full_page_that_is_the_last_says_so(lists: Lists, table: Table) -> None:
    put(table, *(a_job(number) for number in range(1, 8)))

    for wanted in (HERS, Wanted()):
        assert [len(page) for page in pages(lists, wanted, limit=7)] == [7]
        assert [len(page) for page in pages(lists, wanted, limit=6)] == [6, 1]


def test_a_page_of_all_asks_each_shard_once_and_the_table_once(table: Table, pool: ThreadPoolExecutor) -> None:
    put(table, *(a_job(number) for number in range(1, 61)))
    watched, asked = counting(table)

    Lists(jobs=JobLists(watched, pool)).page(ROOT, Wanted(), limit=50, after=None)

    assert sorted(asked) == ["batch_get_item"] + ["query"] * sum(len(keys.list_shards(one)) for one in Type)


def test_a_shard_that_holds_more_than_its_first_page_is_asked_again_and_no_other(
    table: Table, pool: ThreadPoolExecutor
) -> None:
    """All that is new stands in one shard, more than twice what is asked of each at first."""
    skewed = jobs_of_shard("token.store#03", 60)
    others = [replace(job, accepted_at=1) for job in jobs_of_shard("token.store#04", 3)]
    put(table, *skewed, *others)
    watched, asked = counting(table)
    lists = Lists(jobs=JobLists(watched, pool))

    page, after = lists.page(ROOT, Wanted(type=Type.STORE), limit=50, after=None)

    assert [job.id for job in page] == [job.id for job in skewed[:50]]
    assert asked.count("query") == 16 + 1
    assert after is not None
    rest, end = lists.page(ROOT, Wanted(type=Type.STORE), limit=50, after=after)
    assert [job.id for job in rest[:10]] == [job.id for job in skewed[50:]]
    assert (sorted(job.id for job in rest[10:]), end) == (sorted(job.id for job in others), None)


def test_what_is_gone_since_is_left_out_and_a_page_goes_on_behind_it(lists: Lists, table: Table) -> None:
    ids = put(table, *(a_job(number) for number in range(9, 0, -1)))
    first, after = lists.page(ROOT, HERS, limit=3, after=None)
    assert after is not None
    assert after.id == ids[2]
    for number in (2, 3, 4, 5):  # the row that the cursor names among them
        table.delete(keys.job_key(ids[number]))

    rest = [job_id for page in pages(lists, HERS, limit=2, after=after) for job_id in page]

    assert [job.id for job in first] + rest == [*ids[:3], *ids[6:]]


def test_a_row_whose_item_is_gone_is_no_job_and_two_rows_of_one_job_are_one(
    table: Table, pool: ThreadPoolExecutor
) -> None:
    """An index follows the table a little later: what was deleted or moved meanwhile is still there, or there twice."""
    lists = JobLists(table, pool)
    put(table, a_job(1))

    rows = [Position(partition=JANE, at=NOW, id=an_id(number)) for number in (1, 2, 1)]

    assert lists.jobs(rows) == {an_id(1): a_job(1)}


def test_a_job_of_a_later_version_is_left_out_and_costs_nobody_else_theirs(lists: Lists, table: Table) -> None:
    put(table, a_job(1), a_job(2), a_job(3))
    table.update(keys.job_key(an_id(2)), "SET #type = :later", names={"#type": "type"}, later="token.later")

    assert everything(lists, HERS, limit=2) == [an_id(3), an_id(1)]


def test_what_is_new_since_the_first_page_neither_doubles_nor_hides_anything(lists: Lists, table: Table) -> None:
    ids = put(table, *(a_job(number) for number in range(20, 0, -1)))
    found: list[str] = []
    number = 100
    for page in pages(lists, Wanted(), limit=3):
        found += page
        number += 1
        put(table, a_job(number))

    assert found == ids


def test_a_job_that_fails_is_listed_as_failed_until_it_is_sent_round_again(
    lists: Lists, jobs: Jobs, table: Table
) -> None:
    deposit = a_deposit(1)
    leases = Leases(table)
    listed: list[tuple[list[str], bool]] = []

    def look() -> None:
        item = table.get(keys.job_key(deposit.job.id)) or {}
        listed.append((everything(lists, Wanted(status=Status.FAILED), limit=5), "unsuccessful_shard" in item))

    jobs.accept(deposit)
    look()
    leases.end_as_seen(jobs.job(deposit.job.id), Status.FAILED, NOW, ERROR)
    look()
    leases.retry(jobs.job(deposit.job.id), NOW, allowed=9, deadline_at=NOW + SECOND)
    look()
    jobs.settle(jobs.job(deposit.job.id), deposit.token, NOW)
    look()

    assert listed == [([], False), ([deposit.job.id], True), ([], False), ([], False)]


def test_a_cancelled_job_is_listed_as_cancelled_and_not_as_failed(lists: Lists, jobs: Jobs, table: Table) -> None:
    jobs.accept(a_deposit(1))
    Leases(table).end_as_seen(jobs.job(an_id(1)), Status.CANCELLED, NOW, {"result": {"reason": "cancelled"}})

    assert everything(lists, Wanted(status=Status.CANCELLED), limit=5) == [an_id(1)]
    assert everything(lists, Wanted(status=Status.FAILED), limit=5) == []


def test_a_row_of_the_index_whose_job_has_moved_on_is_not_shown(lists: Lists, table: Table) -> None:
    """The index is behind: it shows as failed what has been retried."""
    put(table, a_job(1, status=Status.FAILED))
    table.update(keys.job_key(an_id(1)), "SET #status = :now", names={"#status": "status"}, now="PENDING")

    assert everything(lists, Wanted(status=Status.FAILED), limit=5) == []


def test_a_current_token_is_no_job_of_its_subject(lists: Lists, jobs: Jobs) -> None:
    deposit = a_deposit(1)
    jobs.accept(deposit)
    jobs.settle(deposit.job, deposit.token, NOW)

    assert everything(lists, HERS, limit=5) == [deposit.job.id]


@pytest.mark.parametrize("wanted", [HERS, Wanted(), Wanted(status=Status.FAILED), Wanted(status=Status.PENDING)])
@pytest.mark.parametrize("partition", ["john", "token.store#99", "OPEN#99", "FAILED#99", ""])
def test_a_row_of_no_partition_of_the_list_is_refused(lists: Lists, wanted: Wanted, partition: str) -> None:
    """A cursor can be forged: it must not lead into another subject's jobs."""
    forged = Position(partition=partition, at=NOW, id=an_id(1))

    with pytest.raises(InvalidParameter) as refused:
        lists.page(ROOT, wanted, limit=5, after=forged)

    assert refused.value.facts == {"field": "cursor", "rule": "one that this service gave"}


def test_a_list_never_asks_for_a_sealed_secret(table: Table, jobs: Jobs, pool: ThreadPoolExecutor) -> None:
    jobs.accept(a_deposit(1))
    brought: list[dict[str, Any]] = []

    class Seeing:
        def get_many(self, wanted: Any, *, only: Any) -> list[dict[str, Any]]:
            brought.extend(table.get_many(wanted, only=only))
            return brought

    JobLists(Seeing(), pool).jobs([Position(partition=JANE, at=NOW, id=an_id(1))])

    assert [item["pk"] for item in brought] == [f"JOB#{an_id(1)}"]
    assert not {"sealed", "body_mark", "fingerprint"} & set(brought[0])
