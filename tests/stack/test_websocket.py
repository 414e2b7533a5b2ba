"""Joining, what is told first, what is told then and to whom, and leaving: over the wire, with a real client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.store.keys import open_shard
from devtool.testing import wait_for
from tests.stack.watching import Caller, RawSocket, connection, registry, somebody

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtool.testing import LiveCloud


@pytest.fixture(scope="module")
def producer(cloud: LiveCloud) -> Caller:
    return Caller.of(cloud, somebody("hook"), "producer")


@pytest.fixture
def nobody_says_goodbye(cloud: LiveCloud) -> Iterator[None]:
    """API Gateway calls $disconnect at best effort: here, never."""
    gateway = cloud.client("apigatewayv2")
    api_id = cloud.ws_url.split("/")[-2]
    (route,) = (r for r in gateway.get_routes(ApiId=api_id)["Items"] if r["RouteKey"] == "$disconnect")
    gateway.delete_route(ApiId=api_id, RouteId=route["RouteId"])
    yield
    gateway.create_route(ApiId=api_id, RouteKey="$disconnect", Target=route["Target"])


def open_job(cloud: LiveCloud, like: str, job_id: str) -> None:
    """Copy a settled job under another id as one that stays open: no consumer takes up what is IN_PROGRESS."""
    table = cloud.client("dynamodb")
    key = {"pk": {"S": f"JOB#{like}"}, "sk": {"S": "JOB"}}
    item: dict[str, Any] = table.get_item(TableName=cloud.table, Key=key, ConsistentRead=True)["Item"]
    shard = open_shard(item["subject"]["S"])
    item |= {
        "pk": {"S": f"JOB#{job_id}"},
        "status": {"S": "IN_PROGRESS"},
        "rev": {"N": "2"},
        "open_shard": {"S": shard},
        "due_at": item["updated_at"],
    }
    item.pop("result", None)
    table.put_item(TableName=cloud.table, Item=item)


def test_the_snapshot_comes_first_and_then_each_change_once_with_its_number(cloud: LiveCloud, producer: Caller) -> None:
    alice = somebody("auth0")

    with Caller.of(cloud, alice, "consumer").join() as watcher:
        first = watcher.snapshot()
        job = producer.hand_in(alice)
        pending, succeeded = watcher.updates(2)
        silent = watcher.is_silent_for(0.5)

    assert (first["jobs"], first["more"]) == ([], False)
    assert (pending["id"], pending["seq"], pending["job"]["status"]) == (f"{job}:1", 1, "PENDING")
    assert (succeeded["id"], succeeded["seq"], succeeded["job"]["status"]) == (f"{job}:2", 2, "SUCCEEDED")
    assert succeeded["type"] == "job.updated"
    assert succeeded["job"]["id"] == job
    assert succeeded["job"]["input"]["subject"] == alice
    assert succeeded["job"]["result"] == {"current": True}
    assert silent


def test_the_snapshot_shows_what_is_open_and_nothing_that_has_ended(cloud: LiveCloud, producer: Caller) -> None:
    alice = somebody("auth0")
    ended = producer.hand_in(alice)
    assert cloud.settle()
    stuck = "stuck" + ended[5:]
    open_job(cloud, like=ended, job_id=stuck)
    assert cloud.settle()

    with Caller.of(cloud, alice, "consumer").join() as watcher:
        snapshot = watcher.snapshot()

    assert [(job["id"], job["status"]) for job in snapshot["jobs"]] == [(stuck, "IN_PROGRESS")]


def test_whoever_handed_a_job_in_finds_it_in_the_snapshot_whosever_token_it_is(
    cloud: LiveCloud, producer: Caller
) -> None:
    jobs = [producer.hand_in(somebody("auth0")) for _ in range(3)]
    assert cloud.settle()
    stuck = {"stuck" + job[5:] for job in jobs}
    for job in jobs:
        open_job(cloud, like=job, job_id="stuck" + job[5:])
    assert cloud.settle()

    with producer.join() as watcher:
        snapshot = watcher.snapshot()

    assert stuck <= {job["id"] for job in snapshot["jobs"]}


def test_a_snapshot_stops_at_thirty_jobs_and_says_that_there_are_more(cloud: LiveCloud, producer: Caller) -> None:
    alice = somebody("auth0")
    job = producer.hand_in(alice)
    assert cloud.settle()
    for number in range(31):
        open_job(cloud, like=job, job_id=job[:-2] + "abcdefghijklmnopqrstuvwxyz234567"[number] + "a")
    assert cloud.settle()

    with Caller.of(cloud, alice, "consumer").join() as watcher:
        snapshot = watcher.snapshot()

    assert (len(snapshot["jobs"]), snapshot["more"]) == (30, True)


def test_a_consumer_hears_of_jobs_about_itself_only(cloud: LiveCloud, producer: Caller) -> None:
    alice, bob = somebody("auth0"), somebody("auth0")

    with Caller.of(cloud, alice, "consumer").join() as watcher:
        watcher.snapshot()
        producer.hand_in(bob)
        mine = producer.hand_in(alice)
        heard = watcher.updates(2)
        assert cloud.settle()
        silent = watcher.is_silent_for(0.3)

    assert [message["id"] for message in heard] == [f"{mine}:1", f"{mine}:2"]
    assert silent


def test_a_producer_hears_of_the_jobs_that_it_handed_in_and_of_no_other_producers(cloud: LiveCloud) -> None:
    mine, other = (Caller.of(cloud, somebody("hook"), "producer") for _ in range(2))
    alice = somebody("auth0")

    with mine.join() as watcher:
        watcher.snapshot()
        other.hand_in(alice)
        job = mine.hand_in(alice)
        heard = watcher.updates(2)
        assert cloud.settle()
        silent = watcher.is_silent_for(0.3)

    assert [message["id"] for message in heard] == [f"{job}:1", f"{job}:2"]
    assert silent


def test_a_ticket_for_one_job_tells_of_that_job_alone(cloud: LiveCloud, producer: Caller) -> None:
    alice = somebody("auth0")
    consumer = Caller.of(cloud, alice, "consumer")
    watched = producer.hand_in(alice)
    assert cloud.settle()

    with consumer.join(job=watched) as watcher:
        snapshot = watcher.snapshot()
        producer.hand_in(alice)
        assert consumer.ask("DELETE", f"/tokens/{watched}").status == 202
        assert cloud.settle()
        silent = watcher.is_silent_for(0.5)

    assert [(job["id"], job["status"]) for job in snapshot["jobs"]] == [(watched, "SUCCEEDED")]
    assert silent, "a deletion is a job of its own and changes none of the stored job's fields"


def test_an_administrator_hears_of_a_subject_by_a_ticket_for_it(cloud: LiveCloud, producer: Caller) -> None:
    alice, bob = somebody("auth0"), somebody("auth0")

    with Caller.of(cloud, somebody("ops"), "admin").join(subject=alice) as watcher:
        watcher.snapshot()
        producer.hand_in(bob)
        job = producer.hand_in(alice)
        heard = watcher.updates(2)
        silent = watcher.is_silent_for(0.3)

    assert [message["id"] for message in heard] == [f"{job}:1", f"{job}:2"]
    assert silent


def test_leaving_removes_both_registry_items(cloud: LiveCloud) -> None:
    alice = somebody("auth0")
    consumer = Caller.of(cloud, alice, "consumer")

    with consumer.join() as watcher:
        watcher.snapshot()
        while_joined = registry(cloud, alice)

    assert sorted(item["kind"]["S"] for item in while_joined) == ["connection", "watch"]
    wait_for(lambda: not registry(cloud, alice))
    assert connection(cloud, while_joined[0]["connection"]["S"]) is None


def test_a_connection_that_is_reset_is_forgotten_without_a_push(cloud: LiveCloud) -> None:
    alice = somebody("auth0")
    gone = RawSocket(Caller.of(cloud, alice, "consumer").ticket()["url"])
    (entry, _) = registry(cloud, alice)

    gone.vanish()

    wait_for(lambda: not registry(cloud, alice))
    assert connection(cloud, entry["connection"]["S"]) is None


def test_a_connection_that_died_unheard_is_forgotten_at_the_next_push_and_harms_no_other(
    cloud: LiveCloud, producer: Caller, nobody_says_goodbye: None
) -> None:
    alice = somebody("auth0")
    consumer = Caller.of(cloud, alice, "consumer")
    gone = RawSocket(consumer.ticket()["url"])
    with consumer.join() as watcher:
        watcher.snapshot()
        assert cloud.settle()
        gone.vanish()
        before = registry(cloud, alice)
        first, second = producer.hand_in(alice), producer.hand_in(alice)
        heard = watcher.updates(4)
        assert cloud.settle()
        after = registry(cloud, alice)

    assert len(before) == 4
    assert sorted(message["id"] for message in heard) == sorted(
        [f"{first}:1", f"{first}:2", f"{second}:1", f"{second}:2"]
    )
    assert len(after) == 2
    assert '"event":"connection.gone"' in cloud.logs("notify")
