"""The event handlers: one poison record among good ones, in both ways that an event source hears of failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from chalicelib.errors import Unavailable
from chalicelib.process.batch import BatchFailed
from chalicelib.process.handlers import Advance, Notify, Reporting, Work
from chalicelib.store.records import read_record
from tests.chalicelib.examples import NOW, a_deposit, a_place, a_revocation, an_id
from tests.chalicelib.process.records import Failing, Told, failures, message, poison, set_aside, stored

if TYPE_CHECKING:
    from chalicelib.process.steps import Steps
    from chalicelib.process.worker import Worker
    from chalicelib.store.jobs import Jobs
    from chalicelib.store.quarantine import Quarantine
    from tests.chalicelib.examples import Facts


def test_advance_keeps_the_changes_of_one_job_in_order(steps: Steps, jobs: Jobs, reporting: Reporting) -> None:
    jobs.accept(a_deposit(1))

    answer = Advance(read=Failing(Unavailable(), "8"), steps=steps, reporting=reporting)(
        [stored(1, "8"), stored(1, "9")]
    )

    assert answer == failures("8", "9")
    assert jobs.job(an_id(1)).status == "PENDING"


def test_the_later_changes_of_a_job_go_on_behind_one_that_was_set_aside(
    steps: Steps, jobs: Jobs, reporting: Reporting
) -> None:
    jobs.accept(a_deposit(1))

    answer = Advance(read=read_record, steps=steps, reporting=reporting)([poison(1, "8"), stored(1, "9")])

    assert answer == failures()
    assert jobs.job(an_id(1)).status == "SUCCEEDED"


def test_the_same_batch_twice_settles_once(steps: Steps, jobs: Jobs, reporting: Reporting, facts: Facts) -> None:
    jobs.accept(a_deposit(1))
    advance = Advance(read=read_record, steps=steps, reporting=reporting)

    assert advance([stored(1), stored(1)]) == failures()
    assert advance([stored(1)]) == failures()

    assert facts.events == ["job.settled", "job.repeated", "job.repeated"]
    assert jobs.current(a_place()).id == an_id(1)


@pytest.mark.parametrize("record", [{}, {"dynamodb": None}, {"dynamodb": {}}, {"dynamodb": {"SequenceNumber": ""}}])
def test_a_record_without_a_name_raises_for_it_cannot_be_reported(
    steps: Steps, reporting: Reporting, quarantine: Quarantine, record: dict[str, Any]
) -> None:
    for handler in (
        Advance(read=Failing(KeyError("whatever it is")), steps=steps, reporting=reporting),
        Notify(read=Failing(KeyError("whatever it is")), tell=Told(), reporting=reporting),
    ):
        with pytest.raises(BatchFailed):
            handler([record])

    assert list(quarantine.listed()) == []


def test_an_empty_batch_is_a_success(steps: Steps, worker: Worker, raising: Reporting) -> None:
    assert Advance(read=read_record, steps=steps, reporting=raising)([]) == failures()
    assert Notify(read=read_record, tell=Told(), reporting=raising)([]) == failures()
    assert Work(worker=worker, reporting=raising)([]) == failures()


def test_what_no_consumer_waits_for_is_passed_over(steps: Steps, reporting: Reporting, facts: Facts) -> None:
    removal = {"dynamodb": {"SequenceNumber": "1", "Keys": {"pk": {"S": "JOB#x"}}}}
    told = Told()

    assert Advance(read=read_record, steps=steps, reporting=reporting)([removal]) == failures()
    assert Notify(read=read_record, tell=told, reporting=reporting)([removal]) == failures()

    assert facts.heard == []
    assert told.jobs == []


def test_notify_tells_of_all_but_the_poison_which_is_set_aside_at_once(
    reporting: Reporting, quarantine: Quarantine, facts: Facts
) -> None:
    told = Told()

    answer = Notify(read=read_record, tell=told, reporting=replace(reporting, source="notify"))(
        [stored(1), poison(2), stored(3)]
    )

    assert answer == failures()
    assert told.jobs == [an_id(1), an_id(3)]
    assert set_aside(quarantine) == [("notify", "2", an_id(2), "unreadable")]
    assert facts.events == ["record.failed", "record.quarantined"]


def test_notify_raises_where_nobody_reads_a_report(raising: Reporting) -> None:
    told = Told()

    with pytest.raises(BatchFailed):
        Notify(read=Failing(KeyError(), "2"), tell=told, reporting=raising)([stored(1), stored(2)])

    assert told.jobs == [an_id(1)]


def test_when_the_registry_does_not_answer_all_comes_again(reporting: Reporting, facts: Facts) -> None:
    answer = Notify(read=read_record, tell=Told(Unavailable()), reporting=reporting)([stored(1), stored(2)])

    assert answer == failures("1", "2")
    assert facts.heard == [{"event": "notify.failed", "error": "Unavailable", "records": 2}]


def test_work_does_all_but_the_poison_which_is_set_aside_by_its_message(
    worker: Worker, jobs: Jobs, reporting: Reporting, quarantine: Quarantine, facts: Facts
) -> None:
    for number in (1, 2):
        jobs.accept(a_deposit(number))
        jobs.revoke(a_deposit(number), a_revocation(number + 10, a_deposit(number).token), NOW)
    messages = [message(an_id(11), "m1"), {"messageId": "m2", "body": "poison"}, message(an_id(12), "m3")]

    assert Work(worker=worker, reporting=replace(reporting, source="work"))(messages) == failures()

    assert [jobs.job(an_id(number)).status for number in (11, 12)] == ["SUCCEEDED", "SUCCEEDED"]
    assert set_aside(quarantine) == [("work", "m2", None, "unreadable")]
    assert {"event": "record.failed", "error": "Unreadable", "record": "m2", "job": None} in facts.heard


def test_a_message_for_a_table_that_does_not_answer_comes_again_or_raises(
    worker: Worker, jobs: Jobs, reporting: Reporting, raising: Reporting
) -> None:
    class Unreachable:
        def job(self, *_: Any) -> Any:
            raise Unavailable

    away: Any = Unreachable()
    lost = replace(worker, outcomes=away)

    assert Work(worker=lost, reporting=reporting)([message(an_id(1), "m1")]) == failures("m1")
    with pytest.raises(BatchFailed):
        Work(worker=lost, reporting=raising)([message(an_id(1), "m1")])


def test_a_message_without_a_name_raises_for_it_cannot_be_reported(worker: Worker, reporting: Reporting) -> None:
    with pytest.raises(BatchFailed):
        Work(worker=worker, reporting=reporting)([{"body": "poison"}])


def test_the_same_message_twice_erases_once(worker: Worker, jobs: Jobs, reporting: Reporting, facts: Facts) -> None:
    jobs.accept(a_deposit(1))
    jobs.revoke(a_deposit(1), a_revocation(2, a_deposit(1).token), NOW)

    assert Work(worker=worker, reporting=reporting)([message(an_id(2), "m1"), message(an_id(2), "m2")]) == failures()

    assert facts.events == ["token.erased", "work.repeated"]


def test_a_message_for_a_job_that_is_gone_is_done_and_not_kept(
    worker: Worker, reporting: Reporting, facts: Facts
) -> None:
    assert Work(worker=worker, reporting=reporting)([message(an_id(404), "m1")]) == failures()

    assert facts.events == ["work.expired"]
