"""Accepting, looking up and settling: each condition as its sentence says, over the wire."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.errors import NotFound, Unreadable
from chalicelib.store import keys
from chalicelib.store.leases import Leases
from chalicelib.store.open_jobs import INDEX
from tests.chalicelib.examples import NOW, a_deposit, a_place, a_revocation, a_token, an_id
from tests.chalicelib.store.restless import restless

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from chalicelib.model.deposit import Deposit
    from chalicelib.store.jobs import Jobs
    from chalicelib.store.table import Table


def settle(jobs: Jobs, deposit: Deposit, now: int = NOW) -> str | None:
    return jobs.settle(deposit.job, deposit.token, now)


def open_index(table: Table) -> list[Any]:
    return list(table._client.scan(TableName=table.name, IndexName=INDEX)["Items"])


def test_a_deposit_is_accepted_once_and_then_shown_as_it_stands(jobs: Jobs) -> None:
    first, second = a_deposit(1), a_deposit(1, accepted_at=NOW + 99)

    assert jobs.accept(first) is None
    assert jobs.accept(second) == first
    assert jobs.deposit(an_id(1)) == first


def test_a_job_is_found_by_its_id_and_a_token_with_its_job(jobs: Jobs) -> None:
    jobs.accept(a_deposit(1))

    assert jobs.job(an_id(1)) == a_deposit(1).job
    assert jobs.deposit(an_id(1)) == a_deposit(1)


@pytest.mark.parametrize("look", ["job", "deposit"])
def test_what_is_not_there_is_not_found(jobs: Jobs, look: str) -> None:
    with pytest.raises(NotFound):
        getattr(jobs, look)(an_id(404))


def test_a_job_that_stores_no_token_is_no_token(jobs: Jobs) -> None:
    jobs.accept(a_deposit(1))
    jobs.revoke(a_deposit(1), a_revocation(2, a_token(1)), NOW)

    assert jobs.job(an_id(2)).type == "token.revoke"
    with pytest.raises(NotFound):
        jobs.deposit(an_id(2))


def test_settling_makes_the_token_current_and_ends_the_job(jobs: Jobs) -> None:
    deposit = a_deposit(1)
    jobs.accept(deposit)

    assert settle(jobs, deposit, NOW + 5) == "SUCCEEDED"

    job = jobs.job(an_id(1))
    assert (job.status, job.rev, job.attempts, job.updated_at) == ("SUCCEEDED", 2, 1, NOW + 5)
    assert job.result == {"current": True}
    assert jobs.current(a_place()) == deposit.token


def test_nothing_is_current_where_nothing_was_settled(jobs: Jobs) -> None:
    jobs.accept(a_deposit(1))

    assert jobs.current(a_place()) is None


def test_settling_again_changes_nothing(jobs: Jobs, table: Table) -> None:
    deposit = a_deposit(1)
    jobs.accept(deposit)
    settle(jobs, deposit)
    before = table.get(keys.job_key(an_id(1))), table.get(keys.current_key(a_place()))

    assert settle(jobs, deposit, NOW + 99) is None

    assert (table.get(keys.job_key(an_id(1))), table.get(keys.current_key(a_place()))) == before


@pytest.mark.parametrize("first", range(1, 6))
def test_the_newest_wins_in_whatever_order_tokens_are_settled(jobs: Jobs, pool: Executor, first: int) -> None:
    orders = [order for order in itertools.permutations(range(1, 6)) if order[0] == first]

    assert list(pool.map(lambda number: settled_in(jobs, number, orders[number]), range(24))) == [
        [number == max(order[: position + 1]) for position, number in enumerate(order)] for order in orders
    ]


def settled_in(jobs: Jobs, subject: int, order: tuple[int, ...]) -> list[object]:
    """Settle five tokens of a subject in this order; return whether each was its place's newest so far."""
    place = a_place(subject=f"subject-{subject}")
    deposits = {number: a_deposit(10 * subject + number, place=place) for number in order}
    for deposit in deposits.values():
        jobs.accept(deposit)
    for number in order:
        assert settle(jobs, deposits[number]) == "SUCCEEDED"
    assert jobs.current(place) == deposits[5].token
    return [jobs.job(deposits[number].job.id).result["current"] for number in order]


def test_of_two_tokens_of_one_microsecond_the_higher_id_wins_in_both_orders(jobs: Jobs) -> None:
    for subject, order in (("one", (1, 2)), ("other", (2, 1))):
        place = a_place(subject=subject)
        for number in order:
            deposit = a_deposit(number + (10 if subject == "other" else 0), accepted_at=NOW, place=place)
            jobs.accept(deposit)
            settle(jobs, deposit)

        assert jobs.current(place).id in (an_id(2), an_id(12))


def test_tokens_of_other_providers_and_domains_stand_beside_each_other(jobs: Jobs) -> None:
    places = [a_place(), a_place(provider="microsoft"), a_place(domain="other"), a_place(environment="staging")]
    for number, place in enumerate(places):
        deposit = a_deposit(number, place=place)
        jobs.accept(deposit)
        settle(jobs, deposit)

    assert [jobs.current(place).id for place in places] == [an_id(0), an_id(1), an_id(2), an_id(3)]


def test_a_superseded_token_ends_its_job_and_a_replay_changes_nothing(jobs: Jobs) -> None:
    older, newer = a_deposit(1), a_deposit(2)
    for deposit in (newer, older):
        jobs.accept(deposit)
        settle(jobs, deposit)

    assert jobs.job(an_id(1)).result == {"current": False}
    assert settle(jobs, older, NOW + 99) is None
    assert jobs.job(an_id(1)).rev == 2


def test_a_token_deleted_before_it_was_settled_is_cancelled_and_never_current(jobs: Jobs) -> None:
    deposit = a_deposit(1)
    jobs.accept(deposit)
    jobs.revoke(deposit, a_revocation(2, deposit.token), NOW)

    assert settle(jobs, deposit) == "CANCELLED"

    job = jobs.job(an_id(1))
    assert (job.status, job.result) == ("CANCELLED", {"reason": "token_deleted"})
    marked = jobs.current(a_place())
    assert marked is not None
    assert (marked.id, marked.revoked_at) == (an_id(1), NOW)
    assert settle(jobs, deposit) is None


def test_an_older_token_does_not_become_current_behind_one_deleted_before_it_was_settled(jobs: Jobs) -> None:
    older, newer = a_deposit(1), a_deposit(2)
    for deposit in (older, newer):
        jobs.accept(deposit)
    jobs.revoke(newer, a_revocation(3, newer.token), NOW)

    settle(jobs, newer)
    settle(jobs, older)

    current = jobs.current(a_place())
    assert current is not None
    assert (current.id, current.revoked_at) == (newer.token.id, NOW)
    assert jobs.job(older.token.id).result == {"current": False}


def test_deleting_an_older_token_leaves_the_newer_one_current(jobs: Jobs) -> None:
    older, newer = a_deposit(1), a_deposit(2)
    for deposit in (older, newer):
        jobs.accept(deposit)
        settle(jobs, deposit)

    jobs.revoke(older, a_revocation(3, older.token), NOW)

    current = jobs.current(a_place())
    assert current is not None
    assert (current.id, current.revoked_at) == (newer.token.id, None)


def test_a_superseded_token_that_was_deleted_is_cancelled(jobs: Jobs) -> None:
    older, newer = a_deposit(1), a_deposit(2)
    jobs.accept(older)
    jobs.accept(newer)
    settle(jobs, newer)
    jobs.revoke(older, a_revocation(3, older.token), NOW)

    assert settle(jobs, older) == "CANCELLED"
    assert jobs.current(a_place()).id == an_id(2)


def test_a_superseded_token_that_is_deleted_meanwhile_is_cancelled(jobs: Jobs, table: Table) -> None:
    older, newer = a_deposit(1), a_deposit(2)
    for deposit in (older, newer):
        jobs.accept(deposit)
    settle(jobs, newer)
    deleted = iter([True])

    def delete_once() -> None:
        if next(deleted, False):
            jobs.revoke(older, a_revocation(3, older.token), NOW)

    assert settle(restless(table, "transact", delete_once, behind=1), older) == "CANCELLED"

    assert jobs.job(an_id(1)).result == {"reason": "token_deleted"}


def test_a_superseded_token_that_is_settled_meanwhile_is_settled_once(jobs: Jobs, table: Table) -> None:
    older, newer = a_deposit(1), a_deposit(2)
    for deposit in (older, newer):
        jobs.accept(deposit)
    settle(jobs, newer)

    assert settle(restless(table, "transact", lambda: settle(jobs, older), behind=1), older) is None

    assert jobs.job(an_id(1)).rev == 2


def test_a_deleted_token_that_is_cancelled_meanwhile_is_cancelled_once(jobs: Jobs, table: Table) -> None:
    deposit = a_deposit(1)
    jobs.accept(deposit)
    jobs.revoke(deposit, a_revocation(2, deposit.token), NOW)

    assert settle(restless(table, "transact", lambda: settle(jobs, deposit), behind=1), deposit) is None

    assert jobs.job(an_id(1)).rev == 2


def test_settling_what_the_table_has_let_go_changes_nothing(jobs: Jobs) -> None:
    assert settle(jobs, a_deposit(1)) is None
    assert jobs.current(a_place()) is None


def test_a_job_leaves_the_index_of_open_jobs_when_it_ends(jobs: Jobs, table: Table) -> None:
    for number in (1, 2, 3):
        jobs.accept(a_deposit(number))
    assert len(open_index(table)) == 3

    settle(jobs, a_deposit(2))  # current
    settle(jobs, a_deposit(1))  # superseded
    jobs.revoke(a_deposit(3), a_revocation(4, a_token(3)), NOW)
    settle(jobs, a_deposit(3))  # cancelled
    jobs.erase(Leases(table).claim(jobs.job(an_id(4)), "worker-a", NOW), NOW, {})

    assert open_index(table) == []


def test_32_at_once_settle_a_token_once(jobs: Jobs, pool: Executor) -> None:
    deposit = a_deposit(1)
    jobs.accept(deposit)

    ended = list(pool.map(lambda _: settle(jobs, deposit), range(32)))

    assert sorted(map(str, ended)) == ["None"] * 31 + ["SUCCEEDED"]
    assert jobs.job(an_id(1)).rev == 2


def test_many_at_once_settle_many_tokens_and_the_newest_wins(jobs: Jobs, pool: Executor) -> None:
    deposits = [a_deposit(number) for number in range(1, 21)]
    list(pool.map(jobs.accept, deposits))

    ended = list(pool.map(lambda deposit: settle(jobs, deposit), reversed(deposits)))

    assert ended == ["SUCCEEDED"] * 20
    assert jobs.current(a_place()).id == an_id(20)


def test_an_item_of_a_later_version_is_unreadable(jobs: Jobs, table: Table) -> None:
    jobs.accept(a_deposit(1))
    table.update(keys.job_key(an_id(1)), "SET #type = :type", names={"#type": "type"}, type="token.unheard-of")

    with pytest.raises(Unreadable):
        jobs.job(an_id(1))
