"""What the deployed stack does about work that got lost, a record that cannot be read, and a burst of work."""

from __future__ import annotations

import json
import secrets
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.model.clock import SECOND
from chalicelib.model.job import LEASE, Status, Type, first_job
from chalicelib.store.attributes import to_attributes
from chalicelib.store.items import deposit_to_item, history_of, job_to_item
from chalicelib.store.quarantine import Quarantine
from chalicelib.store.table import Table
from devtool.ops import quarantine as ops
from devtool.ops.stage import Stage, now
from devtool.testing import wait_for
from tests.chalicelib.examples import a_deposit, a_place, an_id
from tests.stack.figures import show
from tests.stack.http import Api, unique

if TYPE_CHECKING:
    from chalicelib.model.deposit import Deposit
    from chalicelib.model.job import Job
    from chalicelib.model.quarantine import Quarantined
    from devtool.testing import LiveCloud

SCHEDULED = dict.fromkeys(("version", "id", "account", "region", "time", "detail-type", "source"), "x") | {
    "resources": [],
    "detail": {},
}
BURST = 500
WORKERS = 3


@pytest.fixture
def stage(cloud: LiveCloud) -> Stage:
    return Stage(
        table=Table(cloud.client("dynamodb"), cloud.table),
        sqs=cloud.client("sqs"),
        queue_url=cloud.queue_url,
        dead_letter_queue_url=cloud.dead_letter_queue_url,
        stream_failures_queue_url=cloud.stream_failures_queue_url,
        kms=cloud.client("kms"),
        key_id=cloud.key_id,
    )


def a_new_deposit(**changes: Any) -> Deposit:
    """Return a deposit that no other test has, accepted just now."""
    place, expires_at = a_place(subject=unique("swept")), now() // SECOND + 3_600
    return a_deposit(secrets.randbits(120), place=place, accepted_at=now(), expires_at=expires_at, **changes)


def revocation_of(deposit: Deposit) -> Job:
    return first_job(an_id(secrets.randbits(120)), Type.REVOKE, deposit.token, requester="jane", now=now())


def stored(deposit: Deposit, revocation: Job) -> dict[str, object]:
    """Return the item of a token whose storing is over and whose deletion is this job's."""
    item = {
        **deposit_to_item(deposit),
        "status": "SUCCEEDED",
        "revoked_at": revocation.accepted_at,
        "revocation": revocation.id,
    }
    return {name: value for name, value in item.items() if name not in ("open_shard", "due_at")}


def sweep(cloud: LiveCloud) -> dict[str, int]:
    """Invoke the deployed function as its schedule does."""
    answer = cloud.client("lambda").invoke(
        FunctionName=cloud.function_name("sweep"), Payload=json.dumps(SCHEDULED).encode()
    )
    counts: dict[str, int] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, counts
    return counts


def has_ended(stage: Stage, job_id: str) -> bool:
    return not stage.jobs.job(job_id).is_open


def history(stage: Stage, job_id: str) -> list[str]:
    item = stage.table.get({"pk": f"JOB#{job_id}", "sk": "JOB"})
    assert item is not None
    return [entry["status"] for entry in history_of(item)]


def messages_in(cloud: LiveCloud, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(counts[name]) for name in names)


def test_the_sweep_is_scheduled_every_minute(cloud: LiveCloud) -> None:
    events = cloud.client("events")
    arn = cloud.client("lambda").get_function_configuration(FunctionName=cloud.function_name("sweep"))["FunctionArn"]

    rules = [rule for rule in events.list_rules()["Rules"] if rule.get("ScheduleExpression") == "rate(1 minute)"]

    states = [
        rule["State"]
        for rule in rules
        for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        if target["Arn"] == arn
    ]
    assert states == ["ENABLED"]


def test_a_job_that_the_stream_never_told_of_is_ended_through_the_sweep(cloud: LiveCloud, stage: Stage) -> None:
    deposit = a_new_deposit()
    item = {**deposit_to_item(deposit), "due_at": now() - SECOND}
    del item["kind"]  # the event source's filter lets only jobs pass: so its record comes to nobody
    stage.table.put(item)
    assert cloud.settle()
    assert stage.jobs.job(deposit.job.id).status is Status.PENDING

    sweep(cloud)

    wait_for(lambda: has_ended(stage, deposit.job.id), 30)
    assert history(stage, deposit.job.id) == ["PENDING", "PENDING", "IN_PROGRESS", "SUCCEEDED"]
    current = stage.jobs.current(deposit.token.place)
    assert current is not None
    assert current.id == deposit.token.id


def test_a_job_whose_worker_died_is_ended_through_the_sweep(cloud: LiveCloud, stage: Stage) -> None:
    deposit = a_new_deposit()
    job = revocation_of(deposit)
    stage.table.put(stored(deposit, job))
    ago = now() - LEASE - SECOND
    held = {**job_to_item(job, ttl=now() // SECOND + 3_600), "status": "IN_PROGRESS", "attempts": 1}
    stage.table.put({**held, "lease_until": ago + LEASE, "due_at": ago + LEASE, "owner": "a-dead-worker"})

    sweep(cloud)

    wait_for(lambda: has_ended(stage, job.id), 30)
    ended = stage.jobs.job(job.id)
    assert (ended.status, ended.attempts, ended.owner) == (Status.SUCCEEDED, 2, None)
    assert stage.jobs.deposit(deposit.token.id).sealed is None


def test_a_job_past_its_deadline_is_ended_by_the_sweep(cloud: LiveCloud, stage: Stage) -> None:
    job = revocation_of(a_new_deposit())
    item = {**job_to_item(job, ttl=now() // SECOND + 3_600), "deadline_at": now() - 1, "due_at": now() - 1}
    del item["kind"]
    stage.table.put(item)

    sweep(cloud)

    ended = stage.jobs.job(job.id)
    assert ended.status is Status.FAILED
    assert ended.error == {"code": "deadline_exceeded", "message": "The job did not end within its time."}


def quarantined(stage: Stage, job_id: str) -> list[Quarantined]:
    return [one for one in Quarantine(stage.table).listed() if one.job_id == job_id and one.is_aside]


def test_a_poison_record_is_set_aside_while_others_settle_and_is_done_by_a_replay_after_the_repair(
    cloud: LiveCloud, api: Api, stage: Stage
) -> None:
    failures = messages_in(cloud, cloud.stream_failures_queue_url)
    deposit = a_new_deposit()
    job = revocation_of(deposit)
    stage.table.put(stored(deposit, job))
    good = {name: value for name, value in job_to_item(job, ttl=now() // SECOND + 3_600).items() if value is not None}
    stage.table.put({name: value for name, value in good.items() if name != "requester"})
    others = [api.hand_in(unique("beside-poison")) for _ in range(5)]

    noted = wait_for(lambda: found if len(found := quarantined(stage, job.id)) == 2 else None, 30)
    wait_for(lambda: all(has_ended(stage, other) for other in others), 30)

    assert sorted((one.source, one.reason) for one in noted) == [("advance", "unreadable"), ("notify", "unreadable")]
    assert [str(stage.jobs.job(other).status) for other in others] == ["SUCCEEDED"] * 5
    assert cloud.settle()
    assert messages_in(cloud, cloud.stream_failures_queue_url) == failures

    # Repaired in a state that the event source does not bring: so nobody but the replay can do it.
    stage.table.put({**good, "status": "IN_PROGRESS", "lease_until": 1, "due_at": now() + 3_600 * SECOND})
    for one in noted:
        done = ops.replayed(stage, one.source, one.pointer)
        assert done == f"job {job.id} was sent to the worker; the note is removed"

    wait_for(lambda: has_ended(stage, job.id), 30)
    assert stage.jobs.job(job.id).status is Status.SUCCEEDED
    assert stage.jobs.deposit(deposit.token.id).sealed is None
    assert quarantined(stage, job.id) == []


def test_an_item_that_is_repaired_as_pending_is_done_without_a_replay(stage: Stage) -> None:
    deposit = a_new_deposit()
    job = revocation_of(deposit)
    stage.table.put(stored(deposit, job))
    good = {name: value for name, value in job_to_item(job, ttl=now() // SECOND + 3_600).items() if value is not None}
    stage.table.put({name: value for name, value in good.items() if name != "requester"})
    wait_for(lambda: quarantined(stage, job.id), 30)

    stage.table.put(good)

    wait_for(lambda: has_ended(stage, job.id), 30)
    assert stage.jobs.job(job.id).status is Status.SUCCEEDED


@pytest.mark.slow
def test_a_burst_of_500_deletions_is_done_by_three_workers_at_once_and_none_is_lost(
    cloud: LiveCloud, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    dead = messages_in(cloud, cloud.dead_letter_queue_url)
    deposits = [a_new_deposit() for _ in range(BURST)]
    revocations = [revocation_of(deposit) for deposit in deposits]
    put_all(cloud, [stored(*pair) for pair in zip(deposits, revocations, strict=True)])
    began = time.monotonic()

    put_all(cloud, [job_to_item(job, ttl=now() // SECOND + 3_600) for job in revocations])
    histories = wait_for(lambda: all_ended(stage, revocations), 240)

    took = time.monotonic() - began
    most = held_at_once(histories)
    show(capsys, f"{BURST} deletions: {took:.1f} s, at most {most} leases at once, cap {WORKERS}")
    assert {str(stage.jobs.job(job.id).status) for job in revocations} == {"SUCCEEDED"}
    assert [entries[-1]["status"] for entries in histories] == ["SUCCEEDED"] * BURST
    assert sum(entry["status"] == "IN_PROGRESS" for entries in histories for entry in entries) == BURST
    assert 1 < most <= WORKERS
    assert messages_in(cloud, cloud.dead_letter_queue_url) == dead


def put_all(cloud: LiveCloud, items: list[dict[str, object]]) -> None:
    for start in range(0, len(items), 25):
        requests = [{"PutRequest": {"Item": to_attributes(item)}} for item in items[start : start + 25]]
        answer = cloud.client("dynamodb").batch_write_item(RequestItems={cloud.table: requests})
        assert not answer["UnprocessedItems"]


def all_ended(stage: Stage, jobs: list[Job]) -> list[list[dict[str, Any]]] | None:
    """Return the histories of all jobs once all have ended."""
    items = stage.table.get_many([{"pk": f"JOB#{job.id}", "sk": "JOB"} for job in jobs])
    if any("open_shard" in item for item in items):
        time.sleep(1)
        return None
    return [history_of(item) for item in items]


def held_at_once(histories: list[list[dict[str, Any]]]) -> int:
    """Count the most leases that were held at one moment: from each claim to what followed it."""
    changes = []
    for entries in histories:
        for entry, following in pairwise(entries):
            if entry["status"] == "IN_PROGRESS":
                changes += [(entry["at"], 1), (following["at"], -1)]
    held = most = 0
    for _, change in sorted(changes):
        held += change
        most = max(most, held)
    return most
