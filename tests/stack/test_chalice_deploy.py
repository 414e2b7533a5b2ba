"""A plain `chalice deploy`: event sources without filters, partial answers or a limit to their patience."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.store.quarantine import Quarantine
from chalicelib.store.table import Table
from devtool.seed import seed
from devtool.testing import wait_for
from tests.stack.http import Api, at, unique
from tests.stack.plain import PlainStage, plain_stage
from tests.stack.watching import Watcher

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

STREAM_FUNCTIONS = ("advance", "notify")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlainStage]:
    with plain_stage(tmp_path_factory.mktemp("plain")) as stage:
        told = stage.render()
        assert "It has no WebSocket address yet" in told
        stage.deploy()
        stage.deliver()
        seed(stage.endpoint, stage.table)
        yield stage


@pytest.fixture(scope="module")
def second(first: PlainStage) -> PlainStage:
    told = first.render()
    assert "no WebSocket address" not in told
    first.deploy()
    first.deliver()
    return first


def ended(api: Api, job_id: str) -> dict[str, Any]:
    def has_ended() -> Any:
        job = api.get(f"/jobs/{job_id}", api.admin).json
        return job if job["status"] in ("SUCCEEDED", "FAILED", "CANCELLED") else None

    job: dict[str, Any] = wait_for(has_ended, 20)
    return job


@contextmanager
def paused(stage: PlainStage, function: str) -> Iterator[None]:
    """Let records gather: nobody invokes the function meanwhile."""
    functions, name = stage.client("lambda"), f"cloakroom-direct-{function}"
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        yield
    finally:
        functions.delete_function_concurrency(FunctionName=name)


def poison(stage: PlainStage) -> None:
    item = {"pk": {"S": f"JOB#{secrets.token_hex(13)}"}, "sk": {"S": "JOB"}, "kind": {"S": "job"}}
    stage.client("dynamodb").put_item(TableName=stage.table, Item=item)


def mappings(stage: PlainStage, function: str) -> list[dict[str, Any]]:
    answer = stage.client("lambda").list_event_source_mappings(FunctionName=f"cloakroom-direct-{function}")
    return list(answer["EventSourceMappings"])


def test_the_first_deploy_takes_tokens_in_and_settles_them_but_gives_no_ticket_that_opens_nothing(
    first: PlainStage,
) -> None:
    api, subject = Api(first), unique("first")

    token_id = api.hand_in(subject, access_token="before there is a socket")
    ticket = api.post("/tickets", api.consumer(subject), body={})

    assert ended(api, token_id)["status"] == "SUCCEEDED"
    collected = api.get(at(subject, "google", "secret"), api.consumer(subject))
    assert collected.json["access_token"] == "before there is a socket"
    assert (ticket.status, ticket.code) == (503, "no_socket_yet")


def test_its_event_sources_are_what_chalice_can_say(first: PlainStage) -> None:
    for function in (*STREAM_FUNCTIONS, "work"):
        (mapping,) = mappings(first, function)

        assert not mapping.get("FunctionResponseTypes")
        assert not mapping.get("FilterCriteria", {}).get("Filters")


def test_after_the_second_a_token_is_pushed_collected_and_deleted(second: PlainStage) -> None:
    api, subject = Api(second), unique("second")
    ticket = api.post("/tickets", api.consumer(subject), body={}).json

    with Watcher(ticket["url"]) as watcher:
        watcher.snapshot()
        token_id = api.hand_in(subject, access_token="pushed and collected")
        told = [message["job"]["status"] for message in watcher.updates(2)]

    assert told == ["PENDING", "SUCCEEDED"]
    secret = api.get(at(subject, "google", "secret"), api.consumer(subject))
    assert secret.json["access_token"] == "pushed and collected"
    deletion = api.delete(f"/tokens/{token_id}", api.consumer(subject)).json
    assert ended(api, deletion["id"])["result"] == {"erased": True}


def test_a_poison_record_is_set_aside_and_holds_nobody_up(second: PlainStage) -> None:
    """Nobody reads a partial answer here, so one bad record would bring its whole batch again for a day."""
    api, subject = Api(second), unique("poison")
    with paused(second, "advance"):
        good = [api.hand_in(subject, "before")]
        poison(second)
        good.append(api.hand_in(subject, "after"))
    good.append(api.hand_in(subject, "behind"))

    assert [ended(api, job_id)["status"] for job_id in good] == ["SUCCEEDED", "SUCCEEDED", "SUCCEEDED"]
    assert [count(second, "job.settled", job_id) for job_id in good] == [1, 1, 1]
    assert [ended(api, job_id)["rev"] for job_id in good] == [2, 2, 2]
    aside = [one for one in Quarantine(Table(second.client("dynamodb"), second.table)).listed() if one.is_aside]
    assert {one.source for one in aside} == {"advance", "notify"}
    assert {one.reason for one in aside} == {"unreadable"}


def count(stage: PlainStage, event: str, job_id: str) -> int:
    return sum(fact.get("event") == event and fact.get("job") == job_id for fact in stage.facts("advance"))
