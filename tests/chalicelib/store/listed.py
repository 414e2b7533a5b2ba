"""What the tests of lists share: a table that counts what it is asked, and jobs in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.model.caller import Caller
from chalicelib.model.clock import SECOND
from chalicelib.model.policy import Statement
from chalicelib.store import keys
from chalicelib.store.items import job_to_item
from chalicelib.store.table import Table
from tests.chalicelib.examples import NOW, a_job, an_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalicelib.collect.lists import Lists
    from chalicelib.model.job import Job
    from chalicelib.model.listing import Position, Wanted

MOST_PAGES = 200

ROOT = Caller(
    principal="root",
    statements=(Statement(effect="Allow", methods=("*",), paths=("/*",)),),
    expires_at=NOW // SECOND + 60,
)


class Counting:
    """A client that notes what it is asked, and does it."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.asked: list[str] = []

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def ask(**arguments: Any) -> Any:
            self.asked.append(operation)
            return getattr(self._client, operation)(**arguments)

        return ask


def counting(table: Table) -> tuple[Table, list[str]]:
    """Return the same table, and the list of what it will be asked."""
    client = Counting(table._client)
    return Table(client, table.name), client.asked


def put(table: Table, *jobs: Job) -> list[str]:
    """Put jobs into the table as they stand, and return their ids."""
    for job in jobs:
        table.put(job_to_item(job, ttl=NOW // SECOND))
    return [job.id for job in jobs]


def jobs_of_shard(shard: str, count: int, **changes: Any) -> list[Job]:
    """Return jobs that stand in one partition of the index of jobs by type, newest first."""
    found: list[Job] = []
    number = 0
    while len(found) < count:
        number += 1
        job = a_job(number, **changes)
        if keys.list_shard(job.type, an_id(number)) == shard:
            found.append(job)
    return sorted(found, key=lambda job: -job.accepted_at)


def pages(lists: Lists, wanted: Wanted, *, limit: int, after: Position | None = None) -> Iterator[list[str]]:
    """Yield the ids of a list, page by page, to its end; an error where it does not come to one."""
    for _ in range(MOST_PAGES):
        jobs, after = lists.page(ROOT, wanted, limit=limit, after=after)
        yield [job.id for job in jobs]
        if after is None:
            return
    raise AssertionError("a list without an end")


def everything(lists: Lists, wanted: Wanted, *, limit: int) -> list[str]:
    return [job_id for page in pages(lists, wanted, limit=limit) for job_id in page]
