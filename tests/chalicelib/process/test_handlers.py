"""The event handlers: one poison record among good ones, in both ways that an event source hears of failures."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.errors import Unavailable
from chalicelib.process.batch import BatchFailed
from chalicelib.process.handlers import Advance, Notify, Reporting, Work
from chalicelib.process.messages import WorkQueue, write_message
from chalicelib.process.steps import Steps
from chalicelib.store.attributes import to_attributes
from chalicelib.store.items import deposit_to_item
from chalicelib.store.records import read_record
from tests.chalicelib.examples import NOW, a_deposit, a_place, a_revocation, an_id

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from chalicelib.model.change import JobChange, Joined
    from chalicelib.store.jobs import Jobs
    from devtool.testing import LiveCloud
    from tests.chalicelib.examples import Clock, Facts


def stored(number: int, sequence: str | None = None) -> dict[str, Any]:
    """Return the record of a deposit as the stream brings it."""
    item = to_attributes(deposit_to_item(a_deposit(number)))
    image = json.loads(json.dumps(item, default=lambda content: base64.b64encode(content).decode()))
    key = {"pk": image["pk"], "sk": image["sk"]}
    return {"dynamodb": {"SequenceNumber": sequence or str(number), "Keys": key, "NewImage": image}}


def poison(number: int, sequence: str | None = None) -> dict[str, Any]:
    record = stored(number, sequence)
    record["dynamodb"]["NewImage"]["status"] = {"S": "ASLEEP"}
    return record


def message(job_id: str, name: str) -> dict[str, Any]:
    return {"messageId": name, "body": write_message(job_id)}


def failures(*identifiers: str) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}


@pytest.fixture
def steps(jobs: Jobs, cloud: LiveCloud, queue_url: str, clock: Clock, facts: Facts) -> Steps:
    return Steps(outcomes=jobs, queue=WorkQueue(cloud.client("sqs"), queue_url), now=clock, fact=facts)


@pytest.fixture
def reporting(pool: Executor, facts: Facts) -> Reporting:
    return Reporting(mode="report", pool=pool, failure=facts)


@pytest.fixture
def raising(pool: Executor, facts: Facts) -> Reporting:
    return Reporting(mode="raise", pool=pool, failure=facts)


class Told:
    """A list that records what watchers would have heard."""

    def __init__(self, error: Exception | None = None) -> None:
        self.jobs: list[str] = []
        self._error = error

    def __call__(self, news: Any) -> None:
        if self._error:
            raise self._error
        self.jobs += [item.after.id for item in news]


def test_advance_settles_all_but_the_poison_and_reports_it(
    steps: Steps, jobs: Jobs, reporting: Reporting, facts: Facts
) -> None:
    for number in (1, 2, 3):
        jobs.accept(a_deposit(number))

    answer = Advance(read=read_record, steps=steps, reporting=reporting)([stored(1), poison(2), stored(3)])

    assert answer == failures("2")
    assert [jobs.job(an_id(number)).status for number in (1, 2, 3)] == ["SUCCEEDED", "PENDING", "SUCCEEDED"]
    assert {"event": "record.failed", "error": "Unreadable", "record": "2"} in facts.heard


def test_advance_raises_where_nobody_reads_a_report_after_doing_the_good_ones(
    steps: Steps, jobs: Jobs, raising: Reporting
) -> None:
    for number in (1, 2):
        jobs.accept(a_deposit(number))

    with pytest.raises(BatchFailed):
        Advance(read=read_record, steps=steps, reporting=raising)([poison(1), stored(2)])

    assert jobs.job(an_id(2)).status == "SUCCEEDED"


def test_advance_keeps_the_changes_of_one_job_in_order(steps: Steps, jobs: Jobs, reporting: Reporting) -> None:
    jobs.accept(a_deposit(1))

    answer = Advance(read=read_record, steps=steps, reporting=reporting)([poison(1, "8"), stored(1, "9")])

    assert answer == failures("8", "9")
    assert jobs.job(an_id(1)).status == "PENDING"


def test_the_same_batch_twice_settles_once(steps: Steps, jobs: Jobs, reporting: Reporting, facts: Facts) -> None:
    jobs.accept(a_deposit(1))
    advance = Advance(read=read_record, steps=steps, reporting=reporting)

    assert advance([stored(1), stored(1)]) == failures()
    assert advance([stored(1)]) == failures()

    assert facts.events == ["job.settled", "job.repeated", "job.repeated"]
    assert jobs.current(a_place()).id == an_id(1)


@pytest.mark.parametrize("record", [{}, {"dynamodb": None}, {"dynamodb": {}}, {"dynamodb": {"SequenceNumber": ""}}])
def test_a_record_without_a_name_raises_for_it_cannot_be_reported(
    steps: Steps, reporting: Reporting, record: dict[str, Any]
) -> None:
    for handler in (
        Advance(read=failing, steps=steps, reporting=reporting),
        Notify(read=failing, tell=Told(), reporting=reporting),
    ):
        with pytest.raises(BatchFailed):
            handler([record])


def failing(record: Any) -> JobChange | Joined | None:
    raise KeyError("whatever it is")


def test_an_empty_batch_is_a_success(steps: Steps, raising: Reporting) -> None:
    assert Advance(read=read_record, steps=steps, reporting=raising)([]) == failures()
    assert Notify(read=read_record, tell=Told(), reporting=raising)([]) == failures()
    assert Work(steps=steps, reporting=raising)([]) == failures()


def test_what_no_consumer_waits_for_is_passed_over(steps: Steps, reporting: Reporting, facts: Facts) -> None:
    removal = {"dynamodb": {"SequenceNumber": "1", "Keys": {"pk": {"S": "JOB#x"}}}}
    told = Told()

    assert Advance(read=read_record, steps=steps, reporting=reporting)([removal]) == failures()
    assert Notify(read=read_record, tell=told, reporting=reporting)([removal]) == failures()

    assert facts.heard == []
    assert told.jobs == []


def test_notify_tells_of_all_but_the_poison_and_reports_it(reporting: Reporting, facts: Facts) -> None:
    told = Told()

    answer = Notify(read=read_record, tell=told, reporting=reporting)([stored(1), poison(2), stored(3)])

    assert answer == failures("2")
    assert told.jobs == [an_id(1), an_id(3)]
    assert facts.heard == [{"event": "record.failed", "error": "Unreadable", "record": "2"}]


def test_notify_raises_where_nobody_reads_a_report(raising: Reporting) -> None:
    told = Told()

    with pytest.raises(BatchFailed):
        Notify(read=read_record, tell=told, reporting=raising)([stored(1), poison(2)])

    assert told.jobs == [an_id(1)]


def test_when_the_registry_does_not_answer_all_comes_again(reporting: Reporting, facts: Facts) -> None:
    answer = Notify(read=read_record, tell=Told(Unavailable()), reporting=reporting)([stored(1), stored(2)])

    assert answer == failures("1", "2")
    assert facts.heard == [{"event": "notify.failed", "error": "Unavailable", "records": 2}]


def test_work_does_all_but_the_poison_and_reports_it_by_its_message(
    steps: Steps, jobs: Jobs, reporting: Reporting, facts: Facts
) -> None:
    for number in (1, 2):
        jobs.accept(a_deposit(number))
        jobs.revoke(a_deposit(number), a_revocation(number + 10, a_deposit(number).token), NOW)
    messages = [message(an_id(11), "m1"), {"messageId": "m2", "body": "poison"}, message(an_id(12), "m3")]

    assert Work(steps=steps, reporting=reporting)(messages) == failures("m2")

    assert [jobs.job(an_id(number)).status for number in (11, 12)] == ["SUCCEEDED", "SUCCEEDED"]
    assert {"event": "record.failed", "error": "Unreadable", "record": "m2"} in facts.heard


def test_work_raises_where_nobody_reads_a_report(steps: Steps, raising: Reporting) -> None:
    with pytest.raises(BatchFailed):
        Work(steps=steps, reporting=raising)([{"messageId": "m1", "body": "poison"}])


def test_a_message_without_a_name_raises_for_it_cannot_be_reported(steps: Steps, reporting: Reporting) -> None:
    with pytest.raises(BatchFailed):
        Work(steps=steps, reporting=reporting)([{"body": "poison"}])


def test_the_same_message_twice_erases_once(steps: Steps, jobs: Jobs, reporting: Reporting, facts: Facts) -> None:
    jobs.accept(a_deposit(1))
    jobs.revoke(a_deposit(1), a_revocation(2, a_deposit(1).token), NOW)

    assert Work(steps=steps, reporting=reporting)([message(an_id(2), "m1"), message(an_id(2), "m2")]) == failures()

    assert facts.events == ["token.erased", "work.repeated"]


def test_a_message_for_a_job_that_is_gone_is_done_and_not_kept(
    steps: Steps, reporting: Reporting, facts: Facts
) -> None:
    assert Work(steps=steps, reporting=reporting)([message(an_id(404), "m1")]) == failures()

    assert facts.events == ["work.expired"]
