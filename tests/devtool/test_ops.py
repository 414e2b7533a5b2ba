"""`./dev ops`: its jobs, and its command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.model.clock import SECOND
from chalicelib.model.job import LEASE, Type
from chalicelib.process.messages import write_message
from chalicelib.store.leases import Leases
from devtool import cli, environment
from devtool.errors import DevError
from devtool.ops import jobs as ops_jobs
from devtool.ops import stage as stages
from devtool.ops.stage import Stage, now
from tests.chalicelib.examples import an_id
from tests.devtool.stuck import A_MINUTE, aside, bury, cached, claimed, printed, stored

if TYPE_CHECKING:
    from devtool.testing import LiveCloud


def test_nothing_stuck_says_so(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stored(stage, 1, age=A_MINUTE // 2)

    ops_jobs.stuck(stage, as_json=False)

    assert capsys.readouterr().out == "nothing is stuck: no open job is overdue\n"


def test_each_reason_to_be_stuck_is_told_the_oldest_job_first(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    never = stored(stage, 1, age=5 * A_MINUTE)
    waited = stored(stage, 2, age=6 * A_MINUTE, job_type=Type.REVOKE)
    leases = Leases(stage.table)
    leases.wait(claimed(stage, waited, ago=5 * A_MINUTE), now() - 4 * A_MINUTE, now() - 5 * A_MINUTE, "unavailable")
    lost = stored(stage, 3, age=7 * A_MINUTE)
    claimed(stage, lost, ago=LEASE + SECOND)
    hopeless = stored(stage, 4, age=8 * A_MINUTE, job_type=Type.REVOKE, allowed=1)
    claimed(stage, hopeless, ago=LEASE + SECOND)
    late = stored(stage, 5, age=9 * A_MINUTE, deadline_at=now() - A_MINUTE)

    ops_jobs.stuck(stage, as_json=True)

    assert [(row["id"], row["type"], row["status"], row["attempts"], row["reason"]) for row in printed(capsys)] == [
        (late.id, "token.store", "PENDING", "0/20", "deadline_exceeded"),
        (hopeless.id, "token.revoke", "IN_PROGRESS", "1/1", "worker_lost"),
        (lost.id, "token.store", "IN_PROGRESS", "1/20", "lease_lost"),
        (waited.id, "token.revoke", "PENDING", "1/12", "waited"),
        (never.id, "token.store", "PENDING", "0/20", "not_dispatched"),
    ]


def test_the_table_for_people_says_why_and_how_long(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    job = stored(stage, 1, age=5 * A_MINUTE)

    ops_jobs.stuck(stage, as_json=False)

    heads, row = capsys.readouterr().out.splitlines()
    assert heads.split() == ["id", "type", "status", "attempts", "age", "overdue", "subject", "reason", "why"]
    assert row.split() == [
        *(job.id, "token.store", "PENDING", "0/20", "5m", "4m", "subject-1", "not_dispatched"),
        *["the", "stream", "or", "the", "queue", "never", "brought", "it", "to", "a", "worker"],
    ]


def test_a_stuck_job_that_this_version_cannot_read_is_counted(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.table.put({"pk": "JOB#x", "sk": "JOB", "open_shard": "OPEN#03", "due_at": 1, "type": "token.later"})

    ops_jobs.stuck(stage, as_json=True)

    output = capsys.readouterr()
    assert json.loads(output.out) == []
    assert output.err == "1 more that this version cannot read: a later one wrote them\n"


@pytest.mark.parametrize("as_json", [True, False])
def test_a_job_is_shown_with_its_history_and_without_any_secret(
    stage: Stage,
    capsys: pytest.CaptureFixture[str],
    as_json: bool,  # noqa: FBT001
) -> None:
    job = stored(stage, 1, age=5 * A_MINUTE)
    Leases(stage.table).wait(claimed(stage, job, ago=4 * A_MINUTE), now(), now(), "unavailable")

    ops_jobs.history(stage, job.id, as_json=as_json)

    output = capsys.readouterr().out
    assert "MARKER" not in output
    assert "sealed" not in output
    assert "body_mark" not in output
    if as_json:
        (shown,) = json.loads(output)
        assert (shown["type"], shown["status"], shown["attempts"]) == ("token.store", "PENDING", 1)
        entries = [(line["status"], line.get("attempt"), line.get("reason")) for line in shown["history"]]
        assert entries == [("PENDING", None, None), ("IN_PROGRESS", 1, None), ("PENDING", 1, "unavailable")]
    else:
        assert [line.split()[1:4] for line in output.splitlines()[-3:]] == [
            ["PENDING", "-", "-"],
            ["IN_PROGRESS", "1", "worker-a"],
            ["PENDING", "1", "-"],
        ]


def test_a_job_that_is_not_there_is_named(stage: Stage) -> None:
    with pytest.raises(DevError, match=f"there is no job {an_id(404)}: mistyped, or past its time to live"):
        ops_jobs.history(stage, an_id(404), as_json=False)


# The command line ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        "jobs stuck",
        f"jobs show {an_id(1)}",
        "queue",
        "dlq list",
        "dlq redrive --dry-run --type token.revoke",
        "quarantine list",
        "quarantine show advance 100",
        "quarantine replay advance 100",
        "cache list",
        "cache drop https://issuer.example/jwks.json",
    ],
)
def test_every_command_answers_in_json_for_scripts_and_in_text_for_people(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str
) -> None:
    monkeypatch.setattr(stages, "local", lambda: stage)
    stored(stage, 1, age=5 * A_MINUTE, job_type=Type.REVOKE)
    bury(stage, write_message(an_id(1)))
    aside(stage, "100", an_id(1))
    cached(stage, "https://issuer.example/jwks.json", b"{}")

    assert cli.main(["ops", "--json", *typed.split()]) == 0
    rows = printed(capsys)
    aside(stage, "100", an_id(1))
    assert cli.main(["ops", *typed.split()]) == 0

    assert isinstance(rows, list)
    assert all(isinstance(row, dict) for row in rows)
    assert capsys.readouterr().out.strip()


def test_a_real_stage_is_found_by_its_stack_with_the_callers_own_credentials(
    cloud: LiveCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (*environment.fixed_credentials().items(), ("AWS_ENDPOINT_URL", cloud.endpoint)):
        monkeypatch.setenv(name, value)

    stage = stages.real("cloakroom")

    assert stage.table.name == cloud.table
    assert (stage.queue_url, stage.dead_letter_queue_url, stage.stream_failures_queue_url) == (
        cloud.queue_url,
        cloud.dead_letter_queue_url,
        cloud.stream_failures_queue_url,
    )
    with pytest.raises(DevError, match="cannot read the stack 'mistyped' with your AWS credentials"):
        stages.real("mistyped")


def test_without_a_stage_and_without_a_local_cloud_the_answer_says_what_to_type(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLOAKROOM_LOCAL", str(tmp_path))

    assert cli.main(["ops", "jobs", "stuck"]) != 0
    assert "./dev up" in capsys.readouterr().err


def test_help_is_there_for_every_level(capsys: pytest.CaptureFixture[str]) -> None:
    for typed in ([], ["jobs"], ["dlq"], ["dlq", "redrive"], ["quarantine"], ["cache"]):
        with pytest.raises(SystemExit) as left:
            cli.main(["ops", *typed, "--help"])
        assert left.value.code == 0
    assert "redrive" in capsys.readouterr().out
