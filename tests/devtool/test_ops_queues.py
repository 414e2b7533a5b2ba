"""`./dev ops`: queues, dead letters, the quarantine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chalicelib.model.job import Type
from chalicelib.process.messages import write_message
from devtool.errors import DevError
from devtool.ops import quarantine as ops_quarantine
from devtool.ops import queues as ops_queues
from tests.chalicelib.examples import an_id
from tests.devtool.stuck import A_MINUTE, aside, bodies, bury, printed, stored

if TYPE_CHECKING:
    from devtool.ops.stage import Stage


def test_the_depth_of_each_queue_is_told_with_what_is_overdue(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stored(stage, 1, age=5 * A_MINUTE)
    stored(stage, 2, age=3 * A_MINUTE)
    stage.queue.send(an_id(1))
    stage.queue.send(an_id(2), delay=900)
    bury(stage, write_message(an_id(3)))

    ops_queues.depths(stage, as_json=True)

    assert printed(capsys) == [
        {"queue": "work", "waiting": 1, "in flight": 0, "held back": 1, "overdue jobs": 2, "oldest": "5m"},
        {
            "queue": "dead letters",
            "waiting": 1,
            "in flight": 0,
            "held back": 0,
            "overdue jobs": None,
            "oldest": None,
        },
        {
            "queue": "stream failures",
            "waiting": 0,
            "in flight": 0,
            "held back": 0,
            "overdue jobs": None,
            "oldest": None,
        },
    ]


def test_dead_letters_are_listed_with_their_jobs_and_stay(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    job = stored(stage, 1, age=A_MINUTE, job_type=Type.REVOKE)
    bury(stage, write_message(job.id), write_message(an_id(404)), "poison")

    ops_queues.dead_letters(stage, as_json=True)

    rows = sorted((str(row["job"]), row["type"]) for row in printed(capsys))
    assert rows == sorted([(job.id, "token.revoke"), (an_id(404), None), ("None", None)])
    ops_queues.depths(stage, as_json=True)
    dead = printed(capsys)[1]
    assert dead["waiting"] + dead["in flight"] == 3


def test_no_dead_letters_say_so(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    ops_queues.dead_letters(stage, as_json=False)
    ops_queues.redrive(stage, only_type=None, dry_run=False, as_json=False)

    assert capsys.readouterr().out == "the dead-letter queue is empty\n" * 2


def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    job = stored(stage, 1, age=A_MINUTE, job_type=Type.REVOKE)
    bury(stage, write_message(job.id), "poison")

    ops_queues.redrive(stage, only_type=None, dry_run=True, as_json=True)

    assert sorted(row["redriven"] for row in printed(capsys)) == ["no, it names no job", "would be"]
    assert bodies(stage, stage.queue_url) == []


def test_dead_letters_of_one_type_are_sent_round_again_and_the_others_stay(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    revoke = stored(stage, 1, age=A_MINUTE, job_type=Type.REVOKE)
    store = stored(stage, 2, age=A_MINUTE)
    bury(stage, write_message(revoke.id), write_message(store.id))

    ops_queues.redrive(stage, only_type="token.revoke", dry_run=False, as_json=True)

    assert {row["job"]: row["redriven"] for row in printed(capsys)} == {
        revoke.id: "yes",
        store.id: "no, another type",
    }
    assert bodies(stage, stage.queue_url) == [revoke.id]
    ops_queues.depths(stage, as_json=True)
    dead = printed(capsys)[1]
    assert dead["waiting"] + dead["in flight"] == 1


# Quarantine ----------------------------------------------------------------------------------------------


def test_the_quarantine_is_listed_and_one_of_it_shown(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    aside(stage, "100", an_id(1))
    aside(stage, "200", None, is_final=False)

    ops_quarantine.listed(stage, as_json=True)
    listed = printed(capsys)
    ops_quarantine.shown(stage, "advance", "100", as_json=True)
    (shown,) = printed(capsys)

    assert sorted((row["pointer"], row["job"], row["aside"]) for row in listed) == [
        ("100", an_id(1), "yes"),
        ("200", None, "no"),
    ]
    assert (shown["source"], shown["reason"], shown["seen"], shown["first"]) == ("advance", "unreadable", 1, "5m")


def test_an_empty_quarantine_says_so(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    ops_quarantine.listed(stage, as_json=False)

    assert capsys.readouterr().out == "the quarantine is empty\n"


def test_a_replay_sends_the_job_to_the_worker_and_removes_the_note(stage: Stage) -> None:
    aside(stage, "100", an_id(1))

    assert ops_quarantine.replayed(stage, "advance", "100") == (
        f"job {an_id(1)} was sent to the worker; the note is removed"
    )

    assert bodies(stage, stage.queue_url) == [an_id(1)]
    assert list(stage.quarantine.listed()) == []


def test_a_replay_of_what_belongs_to_no_job_removes_the_note_alone(stage: Stage) -> None:
    aside(stage, "m1", None)

    assert ops_quarantine.replayed(stage, "advance", "m1") == (
        "it belongs to no job: there is nothing to do again; the note is removed"
    )

    assert bodies(stage, stage.queue_url) == []


def test_what_is_not_in_the_quarantine_is_named(stage: Stage) -> None:
    with pytest.raises(DevError, match=r"there is no advance 404 in the quarantine: see ./dev ops quarantine list"):
        ops_quarantine.shown(stage, "advance", "404", as_json=False)
