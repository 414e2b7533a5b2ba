"""Tokens of a batch settled together: in how many requests, at what price, and what is in the way of some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from msgspec.structs import replace

from chalicelib.errors import Unavailable
from chalicelib.model.clock import SECOND
from chalicelib.renew.settle import Plans
from chalicelib.store import keys
from chalicelib.store.items import deposit_to_item
from chalicelib.store.jobs import Jobs
from tests.chalicelib.examples import NOW, a_deposit, a_place, a_revocation, an_id
from tests.chalicelib.process.line import Line, a_provider, brought, line_over, of_its_own, record
from tests.chalicelib.process.records import Failing, failures, poison, set_aside, stored
from tests.chalicelib.watched import keys_of, refusing

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from chalicelib.model.provider import Provider
    from chalicelib.process.handlers import Reporting
    from chalicelib.store.quarantine import Quarantine
    from chalicelib.store.table import Table


@pytest.fixture
def line(table: Table, reporting: Reporting, pool: Executor) -> Line:
    return line_over(table, reporting, pool, together=True)


def test_a_hundred_are_settled_by_four_transactions_and_told_of_one_by_one(line: Line) -> None:
    assert line(brought(line, *range(1, 101))) == failures()

    assert sorted(line.client.sizes) == [75, 75, 75, 75]
    assert line.statuses(*range(1, 101)) == ["SUCCEEDED"] * 100
    told = [(fact["event"], fact["job"], fact["status"]) for fact in line.facts.heard]
    assert sorted(told) == sorted(("job.settled", an_id(number), "SUCCEEDED") for number in range(1, 101))


@pytest.mark.parametrize("number", [1, 2])
def test_one_or_two_are_settled_each_by_itself(line: Line, number: int) -> None:
    assert line(brought(line, *range(1, number + 1))) == failures()

    assert line.client.sizes == [3] * number


def test_a_batch_that_comes_twice_costs_twice_and_changes_nothing(line: Line) -> None:
    batch = brought(line, *range(1, 101))
    line(batch)
    once = sum(line.client.sizes)

    assert line(batch) == failures()

    assert (once, sum(line.client.sizes)) == (300, 600)
    assert [fact["event"] for fact in line.facts.heard] == ["job.settled"] * 100 + ["job.repeated"] * 100


def test_a_batch_that_comes_again_in_part_costs_half_more_than_singly(line: Line) -> None:
    batch = brought(line, *range(1, 101))
    line(batch[:50])
    before = sum(line.client.sizes)

    assert line(batch) == failures()

    assert sum(line.client.sizes) - before == 300 + 150


def test_the_worst_of_batches_costs_three_times_its_writes(line: Line) -> None:
    batch = brought(line, *range(1, 100))

    def unlucky(operations: list[Any]) -> None:
        if len(operations) > 3:
            refusing(keys_of(operations)[0])(operations)

    line.client.before = unlucky

    assert line(batch) == failures()

    assert line.statuses(*range(1, 100)) == ["SUCCEEDED"] * 99
    assert sum(line.client.sizes) <= 3 * 3 * 99


def test_of_one_place_the_first_is_settled_among_others_and_the_rest_in_order_behind_it(line: Line) -> None:
    hers = [a_deposit(number) for number in (1, 2, 3)]
    others = brought(line, 11, 12, 13)
    for deposit in hers:
        line.jobs.accept(deposit)

    assert line([*(record(deposit_to_item(one), at) for at, one in enumerate(hers, 1)), *others]) == failures()

    assert line.client.sizes == [12, 3, 3]
    assert keys_of(line.client.transactions[0])[::3].count(f"JOB#{an_id(1)}") == 1
    assert keys_of(line.client.transactions[1])[0] == f"JOB#{an_id(2)}"
    assert line.jobs.current(a_place()).id == an_id(3)


def test_two_of_one_place_are_never_in_two_groups_side_by_side(line: Line) -> None:
    others = brought(line, *range(11, 51))
    hers = [a_deposit(1), a_deposit(2)]
    for deposit in hers:
        line.jobs.accept(deposit)

    assert line([*(record(deposit_to_item(one), at) for at, one in enumerate(hers, 1)), *others]) == failures()

    assert [len(one) for one in line.client.transactions if f"JOB#{an_id(2)}" in keys_of(one)] == [3]
    assert line.jobs.current(a_place()).id == an_id(2)


def test_a_change_of_a_job_does_not_overtake_one_that_must_come_again(line: Line) -> None:
    others = brought(line, *range(11, 16))
    line.jobs.accept(a_deposit(1))
    away = Failing(KeyError("whatever it is"), "8")
    assert line.advance.together is not None
    line.advance = replace(line.advance, read=away, together=replace(line.advance.together, read=away))

    assert line([stored(1, "8"), *others, stored(1, "9")]) == failures("8", "9")

    assert line.statuses(1, *range(11, 16)) == ["PENDING", *["SUCCEEDED"] * 5]


@pytest.mark.parametrize("status", ["IN_PROGRESS", "SUCCEEDED", "CANCELLED"])
def test_what_a_worker_holds_or_has_ended_is_left_as_it_is(line: Line, table: Table, status: str) -> None:
    others = brought(line, *range(11, 16))
    held = {**deposit_to_item(of_its_own(1)), "status": status, "attempts": 1}
    table.put(held)

    assert line([record(held, 1), *others]) == failures()

    assert line.client.sizes == [15]
    assert line.statuses(1, *range(11, 16)) == [status, *["SUCCEEDED"] * 5]


def test_one_poison_among_99_is_set_aside_and_the_99_are_settled_together(line: Line, quarantine: Quarantine) -> None:
    batch = brought(line, *range(1, 100))

    assert line([*batch[:40], poison(555), *batch[40:]]) == failures()

    assert set_aside(quarantine) == [("advance", "555", an_id(555), "unreadable")]
    assert line.client.sizes == [99, 99, 99]
    assert line.statuses(*range(1, 100)) == ["SUCCEEDED"] * 99


def test_a_conflict_in_the_middle_is_waited_out_by_the_one_that_met_it(line: Line) -> None:
    batch = brought(line, *range(1, 34))
    line.client.before = refusing(f"JOB#{an_id(17)}", times=3)

    assert line(batch) == failures()

    assert line.client.sizes == [99, 96, 3, 3, 3], "the group once, the rest, and one that waits"
    assert line.statuses(*range(1, 34)) == ["SUCCEEDED"] * 33
    assert {"event": "group.divided", "records": 33, "left": 1} in line.facts.heard


def test_a_group_whose_table_is_throttled_comes_again_as_it_would_singly(line: Line, quarantine: Quarantine) -> None:
    batch = brought(line, *range(1, 11))

    def throttled(_: object) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "TransactWriteItems")

    line.client.before = throttled

    answer = line(batch)

    assert sorted(one["itemIdentifier"] for one in answer["batchItemFailures"]) == sorted(map(str, range(1, 11)))
    assert list(quarantine.listed()) == []
    assert line.facts.heard[0] == {"event": "group.failed", "error": "Throttled", "records": 10}
    assert line.statuses(*range(1, 11)) == ["PENDING"] * 10


def test_a_throttle_that_passes_costs_nobody_anything(line: Line) -> None:
    batch = brought(line, *range(1, 11))
    answers = iter([ClientError({"Error": {"Code": "ThrottlingException"}}, "TransactWriteItems")])

    def throttled_once(_: object) -> None:
        for error in answers:
            raise error

    line.client.before = throttled_once

    assert line(batch) == failures()
    assert line.client.sizes == [30, *[3] * 10]
    assert line.statuses(*range(1, 11)) == ["SUCCEEDED"] * 10


def test_behind_a_lost_answer_each_finds_its_job_ended(line: Line) -> None:
    batch = brought(line, *range(1, 11))

    def lose(_: object) -> None:
        line.client.after = lambda _: None
        raise EndpointConnectionError(endpoint_url="https://nowhere.example")

    line.client.after = lose

    assert line(batch) == failures()

    assert line.facts.events == ["group.failed", *["job.repeated"] * 10]
    assert line.statuses(*range(1, 11)) == ["SUCCEEDED"] * 10


def test_a_token_that_is_deleted_as_its_group_is_settled_is_gone_and_its_job_cancelled(
    line: Line, table: Table
) -> None:
    batch = brought(line, *range(1, 11))

    def delete_first(_: object) -> None:
        line.client.before = lambda _: None
        deposit = of_its_own(5)
        Jobs(table).revoke(deposit, a_revocation(105, deposit.token), NOW)

    line.client.before = delete_first

    assert line(batch) == failures()

    assert line.statuses(*range(1, 11)) == ["SUCCEEDED"] * 4 + ["CANCELLED"] + ["SUCCEEDED"] * 5
    assert line.jobs.current(a_place(subject="subject-5")).revoked_at == NOW


def test_what_nobody_foresaw_in_a_group_costs_it_its_speed_and_nothing_else(line: Line) -> None:
    batch = brought(line, 1, 2, 3)
    assert line.advance.together is not None

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    line.advance = replace(line.advance, together=replace(line.advance.together, settle=broken))

    assert line(batch) == failures()

    assert line.facts.heard[0] == {"event": "group.failed", "error": "ZeroDivisionError", "records": 3}
    assert line.statuses(1, 2, 3) == ["SUCCEEDED"] * 3


def test_providers_that_cannot_be_read_fail_those_who_need_them_and_no_other(line: Line) -> None:
    batch = brought(line, 1, 2, 3)
    renewable = [of_its_own(number, has_refresh_token=True) for number in (4, 5, 6)]
    for deposit in renewable:
        line.jobs.accept(deposit)

    class Away:
        asked = 0

        def known(self, _: str) -> Provider | None:
            Away.asked += 1
            raise Unavailable

    assert line.advance.together is not None
    settling: Any = line.advance.steps.settle
    line.advance = replace(
        line.advance,
        together=replace(line.advance.together, plan=Plans(providers=Away()).settlement),
        steps=replace(line.advance.steps, settle=replace(settling, providers=Away())),
    )

    answer = line([*batch, *(record(deposit_to_item(one), at) for at, one in enumerate(renewable, 4))])

    assert answer == failures("4", "5", "6")
    assert line.statuses(*range(1, 7)) == ["SUCCEEDED"] * 3 + ["PENDING"] * 3
    assert Away.asked == 1 + 3, "once before all is done singly, not once a record"


def test_a_job_in_two_places_is_settled_in_one_and_told_of_twice(line: Line) -> None:
    others = brought(line, *range(11, 16))
    line.jobs.accept(of_its_own(1))
    item = deposit_to_item(of_its_own(1))

    assert line([record(item, 1), record({**item, "provider": "sap"}, 2), *others]) == failures()

    assert line.client.sizes == [18, 3]
    assert line.facts.events.count("job.repeated") == 1
    assert line.jobs.current(a_place(subject="subject-1", provider="sap")) is None


def test_a_token_whose_replaced_one_is_to_be_revoked_is_settled_by_itself_with_its_revocation(line: Line) -> None:
    others = brought(line, *range(11, 16))
    place = a_place(provider="replacing")
    older, newer = (a_deposit(number, place=place, has_refresh_token=True) for number in (1, 2))
    for deposit in (older, newer):
        line.jobs.accept(deposit)
    line.jobs.settle(older.job, older.token, NOW)
    line.client.transactions.clear()

    assert line([record(deposit_to_item(newer), 2), *others]) == failures()

    assert line.client.sizes == [15, 6]
    assert line.jobs.current(place).id == newer.job.id
    assert line.jobs.deposit(older.job.id).token.revoked_at is not None


def test_a_token_of_a_group_is_refreshed_when_its_provider_wants_it(line: Line, table: Table) -> None:
    others = brought(line, *range(11, 16))
    renewable = of_its_own(1, has_refresh_token=True)
    line.jobs.accept(renewable)
    assert line.advance.together is not None

    class Refreshing:
        def known(self, name: str) -> Provider:
            return a_provider(name)

    ahead = replace(line.advance.together, plan=Plans(providers=Refreshing()).settlement)
    line.advance = replace(line.advance, together=ahead)

    assert line([record(deposit_to_item(renewable), 1), *others]) == failures()

    assert line.client.sizes == [18]
    item = table.get(keys.job_key(an_id(1)))
    assert item is not None
    assert NOW // SECOND < item["refresh_at"] < NOW // SECOND + 3_600
