from __future__ import annotations

import json
from dataclasses import replace

import pytest

from devtool.pump.batches import (
    FREE_DEATHS,
    NO_LIMIT,
    Died,
    Discard,
    Failed,
    FailedFrom,
    Outcome,
    Portion,
    Record,
    Rules,
    Succeeded,
    Unavailable,
    Verdict,
    after,
    read_answer,
    too_old,
)


def records(*numbers: int, at: float = 1000.0) -> tuple[Record, ...]:
    return tuple({"dynamodb": {"SequenceNumber": str(number), "ApproximateCreationDateTime": at}} for number in numbers)


def numbers(portion: Portion) -> list[int]:
    return [int(record["dynamodb"]["SequenceNumber"]) for record in portion.records]


FOUR = Portion(records=records(1, 2, 3, 4))
REPORTS = Rules(reports_failures=True)


def answer(body: object) -> Outcome:
    return read_answer(json.dumps(body).encode(), FOUR, REPORTS)


def test_a_batch_that_succeeded_is_done() -> None:
    assert after(FOUR, Succeeded(), Rules()) == Verdict()


def test_a_batch_that_raised_comes_again_whole_and_spends_a_retry() -> None:
    verdict = after(FOUR, Failed("boom"), Rules(max_retries=2))

    assert verdict.todo == (Portion(records=FOUR.records, retries=1),)
    assert verdict.back_off
    assert verdict.discard is None


def test_a_batch_is_given_up_whole_when_its_retries_are_spent() -> None:
    spent = Portion(records=FOUR.records, retries=2)

    verdict = after(spent, Failed("boom"), Rules(max_retries=2))

    assert verdict == Verdict(discard=Discard(portion=spent, condition="RetryAttemptsExhausted"))


def test_with_no_retries_the_first_failure_gives_up() -> None:
    assert after(FOUR, Failed("boom"), Rules(max_retries=0)).discard is not None


def test_without_a_limit_a_batch_is_never_given_up() -> None:
    tired = Portion(records=FOUR.records, retries=9_999)

    verdict = after(tired, Failed("boom"), Rules(max_retries=NO_LIMIT))

    assert verdict.discard is None
    assert verdict.todo[0].retries == 10_000


def test_a_split_makes_two_halves_in_order_and_spends_no_retry() -> None:
    tried = Portion(records=records(1, 2, 3, 4, 5), retries=1)

    first, second = after(tried, Failed("boom"), Rules(bisects=True, max_retries=1)).todo

    assert numbers(first) == [1, 2]
    assert numbers(second) == [3, 4, 5]
    assert (first.retries, second.retries) == (1, 1)


def test_a_single_record_is_not_split_but_retried_and_then_given_up() -> None:
    rules = Rules(bisects=True, max_retries=1)
    one = Portion(records=records(7))

    (again,) = after(one, Failed("boom"), rules).todo
    final = after(again, Failed("boom"), rules)

    assert again.retries == 1
    assert final.discard is not None
    assert final.todo == ()


def test_a_partial_failure_moves_the_checkpoint_and_begins_a_new_batch() -> None:
    tried = Portion(records=FOUR.records, retries=1)

    (rest,) = after(tried, FailedFrom(2), Rules(max_retries=1)).todo

    assert numbers(rest) == [3, 4]
    assert rest.retries == 0


def test_a_failure_of_the_first_record_is_a_failure_of_the_batch() -> None:
    assert after(FOUR, FailedFrom(0), Rules(max_retries=0)).discard is not None
    assert len(after(FOUR, FailedFrom(0), Rules(bisects=True)).todo) == 2


def test_a_poison_record_is_isolated_by_bisecting_and_the_others_go_on() -> None:
    rules = Rules(bisects=True, max_retries=1)
    todo, done, discarded = [Portion(records=records(*range(10)))], [], []

    while todo:
        portion = todo.pop(0)
        poisoned = 6 in numbers(portion)
        verdict = after(portion, Failed("poison") if poisoned else Succeeded(), rules)
        done += [] if poisoned else numbers(portion)
        discarded += numbers(verdict.discard.portion) if verdict.discard else []
        todo[:0] = verdict.todo

    assert done == [0, 1, 2, 3, 4, 5, 7, 8, 9]
    assert discarded == [6]


def test_what_nobody_ran_spends_no_retry_however_often() -> None:
    verdict = after(FOUR, Unavailable("throttled"), Rules(max_retries=0))

    assert verdict == Verdict(todo=(FOUR,), back_off=True)


def test_a_worker_that_died_spends_no_retry_for_a_while() -> None:
    (again,) = after(FOUR, Died("killed"), Rules(max_retries=0)).todo

    assert (again.retries, again.deaths) == (0, 1)


def test_a_record_that_kills_its_worker_each_time_is_given_up_in_the_end() -> None:
    worn = replace(FOUR, deaths=FREE_DEATHS)

    assert after(worn, Died("killed"), Rules(max_retries=0)).discard is not None


def test_records_past_the_age_are_given_up_and_younger_ones_go_on() -> None:
    mixed = Portion(records=records(1, 2, at=100.0) + records(3, at=200.0), retries=3)

    verdict = too_old(mixed, Rules(max_age_seconds=60), now=220.0)

    assert verdict is not None
    assert verdict.discard is not None
    assert verdict.discard.condition == "RecordAgeExceeded"
    assert numbers(verdict.discard.portion) == [1, 2]
    assert [numbers(portion) for portion in verdict.todo] == [[3]]


def test_when_all_records_are_too_old_nothing_is_left_to_do() -> None:
    verdict = too_old(FOUR, Rules(max_age_seconds=60), now=5000.0)

    assert verdict is not None
    assert verdict.todo == ()


def test_young_records_and_mappings_without_an_age_are_let_through() -> None:
    assert too_old(FOUR, Rules(max_age_seconds=60), now=1001.0) is None
    assert too_old(FOUR, Rules(), now=9e9) is None


@pytest.mark.parametrize("body", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_an_empty_report_is_success(body: object) -> None:
    assert answer(body) == Succeeded()


def test_no_answer_at_all_is_success() -> None:
    assert read_answer(b"", FOUR, REPORTS) == Succeeded()


def test_the_lowest_reported_number_is_the_checkpoint_whatever_the_order() -> None:
    assert answer({"batchItemFailures": [{"itemIdentifier": "4"}, {"itemIdentifier": "2"}]}) == FailedFrom(1)


@pytest.mark.parametrize(
    "body",
    [
        "done",
        7,
        ["2"],
        {"batchItemFailures": "2"},
        {"batchItemFailures": ["2"]},
        {"batchItemFailures": [{}]},
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"itemIdentifier": "99"}]},
        {"batchItemFailures": [{"itemIdentifier": "2"}, {"itemIdentifier": "99"}]},
    ],
)
def test_what_is_no_report_fails_the_whole_batch(body: object) -> None:
    assert isinstance(answer(body), Failed)


def test_a_body_that_is_no_json_fails_the_whole_batch() -> None:
    assert isinstance(read_answer(b"<html>", FOUR, REPORTS), Failed)


def test_where_nobody_listens_a_report_changes_nothing() -> None:
    body = json.dumps({"batchItemFailures": [{"itemIdentifier": "2"}]}).encode()

    assert read_answer(body, FOUR, Rules()) == Succeeded()
