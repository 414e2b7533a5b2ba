"""Pages: to whom they belong, and how much is looked at for one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from chalicelib.collect.lists import EXAMINED, ROWS_AT_ONCE, Lists
from chalicelib.model.job import Job, Status
from chalicelib.model.listing import Position, Wanted
from tests.chalicelib.examples import HOOK, JANE, NOW, a_job, a_place, an_id
from tests.chalicelib.model.test_caller import caller
from tests.chalicelib.store.listed import ROOT, everything, pages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from chalicelib.model.caller import Caller

FAILED = Wanted(status=Status.FAILED, subject=JANE)


@dataclass
class Listed:
    """A list of jobs in memory, which notes what is looked at."""

    held: list[Job]
    asked: list[tuple[Wanted, int]] = field(default_factory=list)
    looked_at: list[int] = field(default_factory=list)

    def rows(self, wanted: Wanted, *, after: Position | None, ahead: int) -> Iterator[Position]:
        self.asked.append((wanted, ahead))
        rows = [Position(partition=JANE, at=job.accepted_at, id=job.id) for job in self.held]
        return iter(rows if after is None else rows[rows.index(after) + 1 :])

    def jobs(self, rows: Sequence[Position]) -> Mapping[str, Job]:
        self.looked_at.append(len(rows))
        wanted = {row.id for row in rows}
        return {job.id: job for job in self.held if job.id in wanted}


def those(count: int, *failed: int, subject: str = JANE) -> list[Job]:
    """Return jobs 0 to `count`, of which some failed."""
    return [
        a_job(
            number,
            status=Status.FAILED if number in failed else Status.SUCCEEDED,
            subject=subject,
            place=a_place(subject=subject),
        )
        for number in range(count)
    ]


def test_no_more_than_a_thousand_rows_are_looked_at_for_a_page_which_then_goes_on_behind_them() -> None:
    listed = Listed(those(2_500, 0, 1_200, 2_499))

    found = list(pages(Lists(jobs=listed), FAILED, limit=50))

    assert found == [[an_id(0)], [an_id(1_200)], [an_id(2_499)]]
    assert sum(listed.looked_at) == 2_500
    assert max(listed.looked_at) <= ROWS_AT_ONCE


def test_a_page_may_be_empty_and_not_be_the_last() -> None:
    lists = Lists(jobs=Listed(those(EXAMINED + 1, EXAMINED)))

    empty, after = lists.page(ROOT, FAILED, limit=50, after=None)

    assert (empty, after) == ([], Position(partition=JANE, at=NOW + EXAMINED - 1, id=an_id(EXAMINED - 1)))
    last, end = lists.page(ROOT, FAILED, limit=50, after=after)
    assert ([job.id for job in last], end) == ([an_id(EXAMINED)], None)


@pytest.mark.parametrize("count", [0, EXAMINED])
def test_a_list_that_ends_where_the_looking_ends_has_no_further_page(count: int) -> None:
    assert Lists(jobs=Listed(those(count))).page(ROOT, FAILED, limit=50, after=None) == ([], None)


def test_a_job_that_moves_while_its_index_is_read_is_shown_once_a_page() -> None:
    listed = Listed([job for job in those(3) for _ in range(2)])

    page, end = Lists(jobs=listed).page(ROOT, Wanted(), limit=50, after=None)

    assert ([job.id for job in page], end) == ([an_id(0), an_id(1), an_id(2)], None)


@pytest.mark.parametrize("limit", [1, 2, 49, 50])
def test_whatever_a_page_holds_every_job_comes_once(limit: int) -> None:
    wanted = [an_id(number) for number in range(3, 700, 7)]
    lists = Lists(jobs=Listed(those(700, *range(3, 700, 7))))

    assert everything(lists, FAILED, limit=limit) == wanted


def test_a_page_whose_rows_are_all_wanted_looks_at_no_more_than_it_holds() -> None:
    listed = Listed(those(200))

    page, _ = Lists(jobs=listed).page(ROOT, Wanted(), limit=50, after=None)

    assert (len(page), listed.asked, listed.looked_at) == (50, [(Wanted(), 51)], [50])


def test_a_page_that_lost_a_row_looks_at_few_more_and_one_of_rare_jobs_at_many() -> None:
    lost = Listed(those(200, *range(1, 200)))
    rare = Listed(those(200, 199))

    Lists(jobs=lost).page(ROOT, FAILED, limit=50, after=None)
    Lists(jobs=rare).page(ROOT, FAILED, limit=50, after=None)

    assert lost.looked_at == [50, 2]
    assert rare.looked_at == [50, 100, 50]


@pytest.mark.parametrize(
    ("who", "sees"),
    [
        (ROOT, [0, 1, 2]),
        (caller(JANE, "consumer"), [0, 1]),
        (caller(HOOK, "producer"), [0, 1, 2]),
        (caller("another-hook", "producer"), []),
    ],
)
def test_what_a_caller_may_not_see_is_left_out(who: Caller, sees: list[int]) -> None:
    held = [*those(2), a_job(2, subject="john", place=a_place(subject="john"))]

    page, end = Lists(jobs=Listed(held)).page(who, Wanted(), limit=50, after=None)

    assert ([job.id for job in page], end) == ([an_id(number) for number in sees], None)
