"""Tokens that vanish, entries that are removed or forged: the walk names each, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from chalicelib.collect.reconcile import Reconciler
from chalicelib.model.audit import DAY, Event, Who, about_token
from chalicelib.model.clock import SECOND
from chalicelib.model.job import Status
from chalicelib.model.reconcile import Going
from chalicelib.store import keys
from chalicelib.store.audit import AuditLists
from chalicelib.store.job_lists import JobLists
from chalicelib.store.leases import Leases
from chalicelib.store.reckoning import Reckoning
from chalicelib.store.trail import Trail, key_of
from tests.chalicelib.examples import NOW, Clock, a_deposit, a_place, a_revocation, an_id
from tests.chalicelib.store.test_trail import entries

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from chalicelib.store.jobs import Jobs
    from chalicelib.store.table import Table

ALL = Going(since=NOW - DAY * SECOND // 2, until=NOW + DAY * SECOND // 2)
NOTHING = dict.fromkeys(
    ("open", "live", "deleted", "failed", "cancelled", "expired", "missing", "ended_twice", "unknown"), 0
)


@pytest.fixture
def reconciler(table: Table, pool: Executor, clock: Clock) -> Reconciler:
    clock.pass_seconds(900)
    return Reconciler(jobs=JobLists(table, pool), entries=AuditLists(table, pool), stored=Reckoning(table), now=clock)


@pytest.fixture
def lives(jobs: Jobs, table: Table) -> None:
    """Tokens 1 to 7: live, superseded, deleted and erased, failed and retried, failed, cancelled, not settled yet."""
    deposits = {number: a_deposit(number, place=a_place(provider=f"p{number}")) for number in range(2, 8)}
    deposits[1] = a_deposit(1, place=a_place(provider="p2"))
    leases = Leases(table)
    for deposit in deposits.values():
        jobs.accept(deposit)
    for number in (2, 1, 3):
        jobs.settle(deposits[number].job, deposits[number].token, NOW + 10)
    jobs.revoke(deposits[3], a_revocation(93, deposits[3].token), NOW + 20)
    held = leases.claim(jobs.job(an_id(93)), "w", NOW + 21)
    assert held is not None
    jobs.erase(held, NOW + 22, {})
    for number in (4, 5):
        leases.end_as_seen(deposits[number].job, Status.FAILED, NOW + 30, {"error": {"code": "x"}})
    leases.retry(jobs.job(an_id(4)), NOW + 31, allowed=9, deadline_at=NOW + DAY * SECOND)
    jobs.settle(jobs.job(an_id(4)), deposits[4].token, NOW + 32)
    leases.end_as_seen(deposits[6].job, Status.CANCELLED, NOW + 40, {"result": {"reason": "cancelled"}})


LIVES = {**NOTHING, "live": 3, "deleted": 1, "failed": 1, "cancelled": 1, "open": 1}


def walked(reconciler: Reconciler, going: Going = ALL) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Return the sum of all pages, and what is wrong."""
    counts, wrong = dict(NOTHING), []
    following: Going | None = going
    for _ in range(100):
        if following is None:
            return counts, wrong
        page = reconciler.page(following)
        following = page.going
        wrong += [(token_id, str(standing)) for token_id, standing, _ in page.wrong]
        for name, number in page.counts.items():
            counts[name] += number
    raise AssertionError("a walk without an end")


@pytest.mark.usefixtures("lives")
def test_all_that_was_accepted_adds_up(reconciler: Reconciler) -> None:
    assert walked(reconciler) == (LIVES, [])


@pytest.mark.usefixtures("lives")
def test_it_adds_up_page_by_page_too(reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.collect.reconcile.EXAMINED", 2)

    assert walked(reconciler) == (LIVES, [])


@pytest.mark.usefixtures("lives")
def test_a_job_that_somebody_deleted_from_the_table_is_missing(reconciler: Reconciler, table: Table) -> None:
    table.delete(keys.job_key(an_id(2)))

    assert walked(reconciler) == ({**LIVES, "live": 2, "missing": 1}, [(an_id(2), "missing")])


@pytest.mark.usefixtures("lives")
def test_a_job_that_is_gone_behind_its_time_has_expired(reconciler: Reconciler, table: Table, clock: Clock) -> None:
    table.delete(keys.job_key(an_id(2)))
    clock.pass_seconds(2 * DAY)

    counts, wrong = walked(reconciler)

    assert (counts["expired"], counts["missing"], wrong) == (7, 0, [])


@pytest.mark.usefixtures("lives")
@pytest.mark.parametrize("number", [1, 3, 5, 6])
def test_an_entry_that_was_removed_is_missed_by_its_token(reconciler: Reconciler, table: Table, number: int) -> None:
    (removed, *_) = [one for one in entries(table) if one.token_id == an_id(number) and one.event in _ENDS]
    table.delete(key_of(removed.at, removed.id, removed.order))

    counts, wrong = walked(reconciler)

    assert (counts["unknown"], wrong) == (1, [(an_id(number), "unknown")])


_ENDS = {"token.stored", "job.failed", "job.cancelled"}


@pytest.mark.usefixtures("lives")
def test_an_end_that_was_forged_is_named(reconciler: Reconciler, jobs: Jobs, table: Table) -> None:
    token = jobs.deposit(an_id(1)).token
    Trail(table).write(about_token(token, Event.DELETED, NOW + 50, Who(principal="x")))

    assert walked(reconciler)[1] == [(an_id(1), "ended_twice")]


@pytest.mark.usefixtures("lives")
def test_a_token_whose_life_cannot_be_read_is_told_of_and_hides_no_other(reconciler: Reconciler, table: Table) -> None:
    table.update(keys.job_key(an_id(5)), "SET #s = :s", names={"#s": "status"}, s="SINGING")

    counts, wrong = walked(reconciler)

    assert (an_id(5), "unknown") in wrong
    assert (counts["live"], counts["deleted"], counts["cancelled"]) == (3, 1, 1)


@pytest.mark.usefixtures("lives")
def test_only_what_was_accepted_or_written_down_within_the_times_is_looked_at(reconciler: Reconciler) -> None:
    assert walked(reconciler, replace(ALL, until=NOW))[0] == NOTHING
    assert walked(reconciler, replace(ALL, since=NOW + 2, until=NOW + 4))[0] == {**NOTHING, "live": 1, "deleted": 1}
    assert walked(reconciler, replace(ALL, since=NOW + 8)) == (NOTHING, [])
