from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.process.batch import BatchFailed, each, report

if TYPE_CHECKING:
    from concurrent.futures import Executor


class Handled:
    """A list that records, and fails for the records that it is told to."""

    def __init__(self, *poison: str) -> None:
        self.done: list[str] = []
        self.failures: list[tuple[str, str]] = []
        self._poison = poison

    def __call__(self, record: str) -> None:
        if record in self._poison:
            raise ValueError(record)
        self.done.append(record)

    def comes_again(self, record: str, error: Exception) -> bool:
        self.failures.append((record, type(error).__name__))
        return False

    def is_set_aside(self, record: str, error: Exception) -> bool:
        self.comes_again(record, error)
        return True


def run(records: list[str], handled: Handled, pool: Executor) -> list[str]:
    return each(
        records,
        handled,
        group_of=lambda record: record[0],
        order_of=lambda record: record[0],
        pool=pool,
        set_aside=handled.comes_again,
    )


def test_all_records_are_handled_and_none_is_left(pool: Executor) -> None:
    handled = Handled()

    assert run(["a1", "b1", "a2"], handled, pool) == []
    assert sorted(handled.done) == ["a1", "a2", "b1"]


def test_the_records_of_a_group_are_handled_in_order(pool: Executor) -> None:
    handled = Handled()
    records = [f"{group}{number}" for number in range(9) for group in "abc"]

    run(records, handled, pool)

    for group in "abc":
        assert [record for record in handled.done if record[0] == group] == [f"{group}{number}" for number in range(9)]


def test_behind_a_failed_record_the_rest_of_its_group_waits_and_no_other(pool: Executor) -> None:
    handled = Handled("a2")

    left = run(["a1", "b1", "a2", "b2", "a3", "a4"], handled, pool)

    assert left == ["a2", "a3", "a4"]
    assert sorted(handled.done) == ["a1", "b1", "b2"]
    assert handled.failures == [("a2", "ValueError")]


def test_behind_a_record_that_was_set_aside_its_group_goes_on(pool: Executor) -> None:
    handled = Handled("a2")

    left = each(
        ["a1", "b1", "a2", "a3"],
        handled,
        group_of=lambda record: record[0],
        order_of=lambda record: record[0],
        pool=pool,
        set_aside=handled.is_set_aside,
    )

    assert left == []
    assert sorted(handled.done) == ["a1", "a3", "b1"]
    assert handled.failures == [("a2", "ValueError")]


def test_groups_run_side_by_side(pool: Executor) -> None:
    together = threading.Barrier(3, timeout=5)

    def meet(record: str) -> None:
        together.wait()

    assert each(["a", "b", "c"], meet, group_of=str, order_of=str, pool=pool, set_aside=Handled().comes_again) == []


def test_a_slow_group_holds_up_no_other() -> None:
    ended: list[str] = []

    def handle(record: str) -> None:
        time.sleep(0.5 if record == "slow" else 0)
        ended.append(record)

    with ThreadPoolExecutor(2) as two:
        each(["slow", "b", "c", "d"], handle, group_of=str, order_of=str, pool=two, set_aside=Handled().comes_again)

    assert ended[-1] == "slow"


def test_an_empty_batch_is_nothing(pool: Executor) -> None:
    assert run([], Handled(), pool) == []


def test_report_tells_lambda_which_failed() -> None:
    assert report(["7", "9"], mode="report") == {
        "batchItemFailures": [{"itemIdentifier": "7"}, {"itemIdentifier": "9"}]
    }


def test_raise_raises_where_nobody_reads_a_report() -> None:
    with pytest.raises(BatchFailed, match="2 failed"):
        report(["7", "9"], mode="raise")


@pytest.mark.parametrize("mode", ["report", "raise"])
def test_a_batch_without_a_failure_is_a_success_in_both_modes(mode: Any) -> None:
    assert report([], mode=mode) == {"batchItemFailures": []}


@pytest.mark.parametrize("mode", ["report", "raise"])
def test_a_failed_record_that_has_no_name_raises_in_both_modes(mode: Any) -> None:
    """To Lambda an empty identifier in a report is the whole batch's failure: say so ourselves, in both worlds."""
    with pytest.raises(BatchFailed):
        report(["7", ""], mode=mode)


def test_behind_a_failed_record_only_its_own_order_waits_and_the_rest_of_its_group_goes_on(pool: Executor) -> None:
    """Jobs of one place are done one after the other; a bad one among them stops no other job."""
    done: list[str] = []

    def handle(record: str) -> None:
        if record == "place-a1":
            raise KeyError(record)
        done.append(record)

    left = each(
        ["place-a1", "place-b1", "place-a2", "place-c1"],
        handle,
        group_of=lambda record: record[:5],
        order_of=lambda record: record[:-1],
        pool=pool,
        set_aside=lambda *_: False,
    )

    assert left == ["place-a1", "place-a2"]
    assert done == ["place-b1", "place-c1"]
