"""Imports over a real table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from chalicelib.errors import NotFound, Unreadable
from chalicelib.model.imports import Refusal, Source
from chalicelib.model.job import Status
from chalicelib.store import keys
from chalicelib.store.imports import Imports, without_failed
from chalicelib.store.items import current_to_item, deposit_to_item
from tests.chalicelib.examples import NOW, a_deposit, a_place, an_id
from tests.chalicelib.process.many import a_request

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from chalicelib.model.deposit import Deposit
    from chalicelib.model.token import Token
    from chalicelib.store.jobs import Jobs
    from chalicelib.store.table import Table

SOURCE = Source(key="imports/x/y", etag='"e"', size=9)
REQUEST = a_request(SOURCE, 90)


def never(token: Token) -> None:
    """Refresh nothing."""


@pytest.fixture
def imports(table: Table) -> Imports:
    return Imports(table)


def some(*numbers: int, provider: str | None = None) -> list[Deposit]:
    return [a_deposit(number, place=a_place(provider=provider or f"p{number}")) for number in numbers]


def result(jobs: Jobs, number: int) -> object:
    job = jobs.job(an_id(number))
    return job.status, (job.result or {}).get("current")


def test_an_import_is_accepted_once_and_its_first_request_stays(imports: Imports, jobs: Jobs) -> None:
    other = replace(REQUEST, source=replace(SOURCE, key="imports/x/z"), body_mark=b"other")

    assert imports.accept(REQUEST) is None
    assert imports.accept(other) == REQUEST
    assert jobs.job(REQUEST.job.id) == REQUEST.job
    assert imports.source(REQUEST.job.id) == SOURCE


def test_where_the_lines_are_is_not_on_the_job(imports: Imports, jobs: Jobs) -> None:
    imports.accept(REQUEST)

    assert SOURCE.key not in repr(jobs.job(REQUEST.job.id))


def test_there_is_no_source_of_another_job(imports: Imports, jobs: Jobs) -> None:
    jobs.accept(a_deposit(1))

    for job_id in (an_id(1), an_id(2)):
        with pytest.raises(NotFound):
            imports.source(job_id)


def test_an_import_that_this_version_cannot_read_is_named(imports: Imports, table: Table) -> None:
    imports.accept(REQUEST)
    table.update(keys.job_key(REQUEST.job.id), "REMOVE #source", names={"#source": "source"})

    with pytest.raises(Unreadable, match="source"):
        imports.source(REQUEST.job.id)


def test_tokens_are_stored_settled_and_the_last_of_a_place_is_current(imports: Imports, jobs: Jobs) -> None:
    imports.store(some(1, 2, 3, provider="google"), NOW, never)

    assert [result(jobs, number) for number in (1, 2, 3)] == [
        (Status.SUCCEEDED, False),
        (Status.SUCCEEDED, False),
        (Status.SUCCEEDED, True),
    ]
    assert jobs.current(a_place()) == a_deposit(3).token
    assert jobs.deposit(an_id(3)).sealed == a_deposit(3).sealed


def test_what_is_there_already_stays_and_the_rest_is_stored(imports: Imports, jobs: Jobs, table: Table) -> None:
    imports.store(some(1, 2), NOW, never)
    before = table.get(keys.job_key(an_id(1)))

    imports.store([replace(one, sealed=b"again") for one in some(1, 2, 3)], NOW + 1, never)

    assert table.get(keys.job_key(an_id(1))) == before
    assert result(jobs, 3) == (Status.SUCCEEDED, True)


def test_a_newer_token_stays_current_and_older_ones_are_stored_beneath(
    imports: Imports, jobs: Jobs, table: Table
) -> None:
    newer = a_deposit(50, place=a_place(provider="p2")).token
    table.put(current_to_item(newer))

    imports.store([*some(1, 2, 3), a_deposit(4, place=a_place(provider="p2"))], NOW, never)

    assert jobs.current(a_place(provider="p2")) == newer
    assert [result(jobs, number) for number in (1, 2, 3, 4)] == [
        (Status.SUCCEEDED, True),
        (Status.SUCCEEDED, False),
        (Status.SUCCEEDED, True),
        (Status.SUCCEEDED, False),
    ]


def test_a_token_that_was_deleted_meanwhile_is_not_stored_again(imports: Imports, jobs: Jobs, table: Table) -> None:
    deposit = some(1)[0]
    table.put({**deposit_to_item(deposit), "revoked_at": NOW, "sealed": None})

    imports.store([deposit], NOW, never)

    assert jobs.deposit(an_id(1)).token.revoked_at == NOW
    assert jobs.current(deposit.token.place) is None


def test_two_workers_that_store_the_same_at_once_store_it_once(imports: Imports, jobs: Jobs, pool: Executor) -> None:
    many = some(*range(1, 26))

    list(pool.map(lambda _: imports.store(many, NOW, never), range(8)))

    assert {result(jobs, number) for number in range(1, 26)} == {(Status.SUCCEEDED, True)}


def test_refused_lines_are_paged_by_line_across_items_and_written_again_are_the_same(imports: Imports) -> None:
    chunks = {1: (2, 3, 200), 401: (401,), 601: (799, 800)}
    for _ in range(2):
        for first, lines in chunks.items():
            found = [Refusal(line=line, code="c", field=None, rule="r") for line in lines]
            imports.refuse(REQUEST.job, first, found)

    def pages(limit: int) -> list[list[int]]:
        told, after = [], 0
        while True:
            page, following = imports.refusals(REQUEST.job.id, after=after, limit=limit)
            told.append([one.line for one in page])
            if following is None:
                return told
            after = following

    assert pages(50) == [[2, 3, 200, 401, 799, 800]]
    assert pages(4) == [[2, 3, 200, 401], [799, 800]]
    assert pages(1) == [[2], [3], [200], [401], [799], [800]]
    assert imports.refusals(an_id(7), after=0, limit=5) == ([], None)


def test_what_was_found_newer_once_is_not_put_up_again_in_a_later_try() -> None:
    waiting = some(1, 2, 3)
    ids = frozenset(one.token.id for one in waiting)

    left, superseded = without_failed(waiting, ids, frozenset(), [True, False, False, False, True, False])
    again, both = without_failed(left, ids - superseded - {an_id(1)}, superseded, [False, False, True])

    assert [one.token.id for one in left] == [one.token.id for one in again] == [an_id(2), an_id(3)]
    assert (superseded, both) == (frozenset({an_id(2)}), frozenset({an_id(2), an_id(3)}))
