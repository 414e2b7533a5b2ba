"""What is set aside, when, and what comes again; in both ways that an event source hears of failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from chalicelib.errors import Unavailable
from chalicelib.process.batch import BatchFailed
from chalicelib.process.handlers import Advance, Reporting
from chalicelib.store.records import read_record
from tests.chalicelib.examples import a_deposit, an_id
from tests.chalicelib.process.records import Failing, failures, poison, set_aside, stored

if TYPE_CHECKING:
    from chalicelib.process.steps import Steps
    from chalicelib.store.jobs import Jobs
    from chalicelib.store.quarantine import Quarantine
    from tests.chalicelib.examples import Facts


def test_advance_settles_all_but_the_poison_which_is_set_aside_at_once(
    steps: Steps, jobs: Jobs, reporting: Reporting, quarantine: Quarantine, facts: Facts
) -> None:
    for number in (1, 2, 3):
        jobs.accept(a_deposit(number))

    answer = Advance(read=read_record, steps=steps, reporting=reporting)([stored(1), poison(2), stored(3)])

    assert answer == failures()
    assert [jobs.job(an_id(number)).status for number in (1, 2, 3)] == ["SUCCEEDED", "PENDING", "SUCCEEDED"]
    assert set_aside(quarantine) == [("advance", "2", an_id(2), "unreadable")]
    told = {"record": "2", "job": an_id(2)}
    assert {"event": "record.failed", "error": "Unreadable", **told} in facts.heard
    assert {"event": "record.quarantined", "source": "advance", "reason": "unreadable", **told} in facts.heard


def test_a_failure_that_nobody_foresaw_is_reported_three_times_and_set_aside_the_fourth(
    steps: Steps, jobs: Jobs, reporting: Reporting, quarantine: Quarantine
) -> None:
    for number in (1, 2):
        jobs.accept(a_deposit(number))
    advance = Advance(read=Failing(KeyError("marked-secret"), "2"), steps=steps, reporting=reporting)

    answers = [advance([stored(1), stored(2)]) for _ in range(5)]

    assert answers == [failures("2"), failures("2"), failures("2"), failures(), failures()]
    assert jobs.job(an_id(1)).status == "SUCCEEDED"
    assert set_aside(quarantine) == [("advance", "2", an_id(2), "KeyError")]
    assert "marked-secret" not in repr(list(quarantine.listed()))


def test_what_only_time_can_mend_is_never_set_aside(steps: Steps, reporting: Reporting, quarantine: Quarantine) -> None:
    advance = Advance(read=Failing(Unavailable()), steps=steps, reporting=reporting)

    assert [advance([stored(1)]) for _ in range(9)] == [failures("1")] * 9
    assert list(quarantine.listed()) == []


def test_a_record_whose_note_cannot_be_written_comes_again(
    steps: Steps, jobs: Jobs, reporting: Reporting, facts: Facts
) -> None:
    class Closed:
        def sighted(self, *_: Any) -> bool:
            raise Unavailable("the table answered InternalServerError")

    jobs.accept(a_deposit(1))
    advance = Advance(read=read_record, steps=steps, reporting=replace(reporting, quarantine=Closed()))

    answers = [advance([stored(1), poison(2)]) for _ in range(6)]

    assert answers == [failures("2")] * 6
    assert jobs.job(an_id(1)).status == "SUCCEEDED"
    assert facts.events.count("quarantine.failed") == 6
    assert "record.quarantined" not in facts.events


def test_where_nobody_reads_a_report_poison_is_set_aside_all_the_same(
    steps: Steps, jobs: Jobs, raising: Reporting, quarantine: Quarantine
) -> None:
    jobs.accept(a_deposit(2))

    assert Advance(read=read_record, steps=steps, reporting=raising)([poison(1), stored(2)]) == failures()

    assert jobs.job(an_id(2)).status == "SUCCEEDED"
    assert set_aside(quarantine) == [("advance", "1", an_id(1), "unreadable")]


def test_where_nobody_reads_a_report_a_failure_raises_three_times_and_not_the_fourth(
    steps: Steps, jobs: Jobs, raising: Reporting
) -> None:
    for number in (1, 2):
        jobs.accept(a_deposit(number))
    advance = Advance(read=Failing(KeyError(), "1"), steps=steps, reporting=raising)

    for _ in range(3):
        with pytest.raises(BatchFailed):
            advance([stored(1), stored(2)])

    assert jobs.job(an_id(2)).status == "SUCCEEDED"
    assert advance([stored(1), stored(2)]) == failures()
