"""Many watchers, and ones that do not keep up: a push costs the others nothing."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from devtool.between import Between, Reply, Request, environment_of
from tests.stack.figures import show
from tests.stack.watching import Caller, Message, RawSocket, Watcher, registry, somebody

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtool.testing import LiveCloud

JOBS = 10


@pytest.fixture(scope="module")
def producer(cloud: LiveCloud) -> Caller:
    return Caller.of(cloud, somebody("hook"), "producer")


class StallingGateway(Between):
    """API Gateway's `@connections`, which does not answer for one connection: its client takes nothing."""

    def __init__(self, upstream: str) -> None:
        super().__init__(upstream)
        self.stalled_id = "none yet"
        self.stalled = 0
        self._released = threading.Event()

    def answer(self, request: Request) -> Reply:
        if request.method == "POST" and request.path.endswith(f"/@connections/{self.stalled_id}"):
            self.stalled += 1
            self._released.wait(10)  # longer than a function may wait, shorter than a test
            return Reply(504, [], b"")
        return self.pass_on(request)

    def release(self) -> None:
        self._released.set()


@contextmanager
def joined(cloud: LiveCloud, subject: str, count: int) -> Iterator[list[Watcher]]:
    """Join `count` sockets of one subject, each told its snapshot."""
    consumer = Caller.of(cloud, subject, "consumer")
    with ExitStack() as stack, ThreadPoolExecutor(4) as pool:
        watchers = list(pool.map(lambda _: stack.enter_context(consumer.join()), range(count)))
        for watcher in watchers:
            watcher.snapshot()
        yield watchers


def is_whole(messages: list[Message], jobs: list[str]) -> bool:
    """Tell whether each of the jobs was told of twice, PENDING before SUCCEEDED, and nothing else."""
    told = {job: [m["job"]["status"] for m in messages if m["job"]["id"] == job] for job in jobs}
    return len(messages) == 2 * len(jobs) and all(told[job] == ["PENDING", "SUCCEEDED"] for job in jobs)


def test_a_hundred_connections_get_each_message_once_and_in_order(
    cloud: LiveCloud, producer: Caller, capsys: pytest.CaptureFixture[str]
) -> None:
    alice = somebody("auth0")

    with joined(cloud, alice, 100) as watchers:
        began = time.monotonic()
        jobs = [producer.hand_in(alice, provider=f"provider-{number}") for number in range(3)]
        heard = [watcher.updates(2 * len(jobs)) for watcher in watchers]
        took = time.monotonic() - began
        assert cloud.settle()
        silent = all(watcher.is_silent_for(0.01) for watcher in watchers)

    assert all(is_whole(messages, jobs) for messages in heard)
    assert silent
    show(
        capsys, f"100 connections, {2 * len(jobs)} messages each: {took:.2f} s from the first POST to the last message"
    )


def test_a_client_that_reads_nothing_holds_up_no_other(
    cloud: LiveCloud, producer: Caller, capsys: pytest.CaptureFixture[str]
) -> None:
    alice = somebody("auth0")
    # The smallest buffer that the system gives. What does not fit waits in the gateway, so that this one is slow by
    # its socket; one whose posts the gateway itself does not answer is below.
    deaf = RawSocket(Caller.of(cloud, alice, "consumer").ticket()["url"], receive_buffer=1)

    with joined(cloud, alice, 20) as watchers:
        began = time.monotonic()
        jobs = [producer.hand_in(alice, provider=f"provider-{number}") for number in range(JOBS)]
        heard = [watcher.updates(2 * JOBS) for watcher in watchers]
        took = time.monotonic() - began
    deaf.vanish()

    assert all(is_whole(messages, jobs) for messages in heard)
    assert took < 10
    show(capsys, f"1 deaf client beside 20: {2 * JOBS} messages each within {took:.2f} s")


def test_a_client_whose_posts_stall_costs_the_others_no_message_and_no_job_anything(
    cloud: LiveCloud, producer: Caller, capsys: pytest.CaptureFixture[str]
) -> None:
    alice = somebody("auth0")
    consumer = Caller.of(cloud, alice, "consumer")

    with (
        StallingGateway(cloud.endpoint) as gateway,
        environment_of(
            cloud,
            "notify",
            {"WEBSOCKET_MANAGEMENT_URL": cloud.ws_url.replace("ws", "http", 1).replace(cloud.endpoint, gateway.url)},
        ),
        consumer.join() as slow,
    ):
        slow.snapshot()
        producer.hand_in(somebody("auth0"))  # starts the functions, which is not what is measured here
        assert cloud.settle()
        gateway.stalled_id = registry(cloud, alice)[0]["connection"]["S"]
        with joined(cloud, alice, 20) as watchers:
            began = time.monotonic()
            jobs = [producer.hand_in(alice, provider=f"provider-{number}") for number in range(JOBS)]
            heard = [watcher.updates(2 * JOBS, seconds=40) for watcher in watchers]
            took = time.monotonic() - began
        gateway.release()
        closed = slow.is_closed_within(10)
        cloud.settle()
        left = {item["connection"]["S"] for item in registry(cloud, alice)}

    longest = max(life_of(message["job"]) for messages in heard for message in messages)
    show(
        capsys,
        f"1 stalled client beside 20: each of {JOBS} jobs ended within {longest:.2f} s, "
        f"{2 * JOBS} messages each within {took:.2f} s, {gateway.stalled} posts stalled",
    )
    assert all(is_whole(messages, jobs) for messages in heard)
    assert gateway.stalled > 0
    assert closed, "a client that missed a message must see it, join again and get a snapshot"
    assert gateway.stalled_id not in left
    assert longest < 10
    assert took < 60


def life_of(job: dict[str, Any]) -> float:
    """Return the seconds from a job's acceptance to its end."""
    created, updated = (datetime.fromisoformat(job[name]) for name in ("created_at", "updated_at"))
    return (updated - created).total_seconds()
