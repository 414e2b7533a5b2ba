"""A thousand tokens while workers are killed in the middle of whatever they do: nothing lost, nothing twice."""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Self

import pytest

from devtool.testing import LiveCloud, live_cloud, wait_for
from tests.stack.figures import show, table
from tests.stack.watching import Answer, Caller, everything, somebody

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

TOKENS = 1_000
SUBJECTS = 250
DELETIONS = 40
CLIENTS = 8
SEED = 20_260
KILLED = ("api_handler", "advance", "notify", "authorize")
KILL_EVERY = 0.1
FEWEST_KILLS = 20
"""A slow machine starts few workers a second; a quick one sees four times as many die."""
LONGEST_KILLING = 120.0
TOKENS_A_KILL = 12
PATIENCE = 60.0
BEARER_LASTS = 25
"""Requests: each further bearer token asks the authorizer anew."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A token that was answered by 202."""

    id: str
    subject: str
    secret: str


@dataclass(slots=True)
class Killer:
    """Kills a random worker, whatever it does, up to ten times a second while the block lasts.

    It waits for `progress` in between: workers that die faster than they start do nothing at all.
    """

    cloud: LiveCloud
    functions: tuple[str, ...]
    progress: Callable[[], float]
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))  # noqa: S311  to be repeated
    kills: Counter[str] = field(default_factory=Counter)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        deadline = time.monotonic() + LONGEST_KILLING
        while not self._stop.wait(KILL_EVERY) and time.monotonic() < deadline:
            function = self.chance.choice(self.functions)
            pids = self.cloud.worker_pids(function) if self.progress() > self.kills.total() else []
            if pids and self.cloud.kill_worker(self.chance.choice(pids)):
                self.kills[function] += 1


@dataclass(slots=True)
class Client:
    """Asks again whatever is answered by 5xx or by nothing, as the contract tells producers to."""

    cloud: LiveCloud
    name: str
    groups: tuple[str, ...]
    asked: int = 0
    retries: int = 0
    failures: int = 0
    silences: int = 0
    caller: Caller = field(init=False)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        if self.asked % BEARER_LASTS == 0:
            self.caller = Caller(self.cloud.api_url, self.cloud.token(self.name, self.groups, jti=secrets.token_hex(8)))
        self.asked += 1
        deadline, pause = time.monotonic() + PATIENCE, 0.1
        while time.monotonic() < deadline:
            try:
                answer = self.caller.ask(method, path, body, **headers)
            except (OSError, HTTPException):
                self.silences += 1
            else:
                if answer.status < 500:
                    return answer
                self.failures += 1
            self.retries += 1
            time.sleep(pause)
            pause = min(2 * pause, 1.0)
        pytest.fail(f"{method} {path} was not answered within {PATIENCE:.0f} s")


@pytest.fixture
def own_cloud() -> Iterator[LiveCloud]:
    """A cloud of this test's own: what it kills and counts is nobody else's."""
    with live_cloud() as cloud:
        yield cloud


@pytest.mark.slow
def test_a_thousand_tokens_survive_the_random_death_of_workers(
    own_cloud: LiveCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    subjects = [somebody("auth0") for _ in range(SUBJECTS)]
    clients = [Client(own_cloud, "hook", ("producer",)) for _ in range(CLIENTS)]
    accepted: list[Accepted] = []
    killer = Killer(own_cloud, KILLED, lambda: len(accepted) / TOKENS_A_KILL)
    shares = [[killer.chance.choice(subjects) for _ in range(TOKENS // CLIENTS)] for _ in clients]
    began = time.monotonic()

    with killer, ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(hand_in_all, clients, shares, [accepted] * CLIENTS))
    handed_in = time.monotonic() - began
    assert own_cloud.settle(180)
    settled = time.monotonic() - began
    items = everything(own_cloud)
    collected = collect(own_cloud, accepted)

    show(capsys, *_told(killer, clients, handed_in, settled))
    assert len(accepted) == len({token.id for token in accepted}) == TOKENS
    assert collected == {token.id: token.secret for token in accepted}
    jobs = {item["pk"]["S"].removeprefix("JOB#"): item for item in items if item["kind"]["S"] == "job"}
    assert set(jobs) == {token.id for token in accepted}, "one job a token, and none that was not answered by 202"
    assert {_end(job) for job in jobs.values()} == {("SUCCEEDED", 1, True, False)}
    assert current_of(items) == newest_of(jobs)
    assert messages_in(own_cloud, own_cloud.stream_failures_queue_url) == 0
    assert messages_in(own_cloud, own_cloud.dead_letter_queue_url) == 0
    assert killer.kills.total() >= FEWEST_KILLS
    assert set(killer.kills) == set(KILLED)


@pytest.mark.slow
def test_each_deletion_ends_once_though_the_workers_of_its_queue_die(
    own_cloud: LiveCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    # In production a message of a dead worker comes again after six minutes; here, after two seconds.
    queue = {"QueueUrl": own_cloud.queue_url}
    own_cloud.client("sqs").set_queue_attributes(**queue, Attributes={"VisibilityTimeout": "2"})
    producer, admin = (Client(own_cloud, name, (name,)) for name in ("producer", "admin"))
    accepted: list[Accepted] = []
    hand_in_all(producer, [somebody("auth0") for _ in range(DELETIONS)], accepted)
    assert own_cloud.settle(60)
    began = time.monotonic()

    with Killer(own_cloud, ("work", "advance"), lambda: 1 + erased(own_cloud) / 4) as killer:
        for token in accepted:
            admin.ask("DELETE", f"/tokens/{token.id}")
        # Whose worker was killed behind its claim is done when its lease has run out and the sweep has found it.
        wait_for(lambda: erased(own_cloud) == DELETIONS, 300)
    took = time.monotonic() - began

    jobs = [item for item in everything(own_cloud) if item.get("type", {}).get("S") == "token.revoke"]
    show(capsys, f"{DELETIONS} deletions, {killer.kills.total()} kills ({dict(killer.kills)}): {took:.1f} s")
    assert len(jobs) == DELETIONS
    assert {_end(job) for job in jobs} == {("SUCCEEDED", 1, True, False)}
    assert {admin.ask("GET", f"/tokens/{token.id}/secret").status for token in accepted} == {410}
    assert messages_in(own_cloud, own_cloud.dead_letter_queue_url) == 0
    assert killer.kills["work"] > 0


def erased(cloud: LiveCloud) -> int:
    """Count the tokens whose sealed secret is gone."""
    return sum(item.get("revoked_at") is not None and "sealed" not in item for item in _tokens(cloud))


def _tokens(cloud: LiveCloud) -> list[dict[str, Any]]:
    return [item for item in everything(cloud) if item.get("type", {}).get("S") == "token.store"]


def hand_in_all(client: Client, subjects: list[str], accepted: list[Accepted]) -> None:
    """Hand in one token for each name; of each, the answers to all tries must speak of one job."""
    for subject in subjects:
        secret, key = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        body = {"subject": subject, "provider": "hybris", "token": {"access_token": secret, "expires_in": 3600}}
        answer = client.ask("POST", "/tokens", body, **{"Idempotency-Key": key})
        assert answer.status == 202, answer
        accepted.append(Accepted(answer.body["id"], subject, secret))


def collect(cloud: LiveCloud, accepted: list[Accepted]) -> dict[str, Any]:
    """Collect each token once, by its id."""
    reader = Caller.of(cloud, "ops", "admin")
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = pool.map(lambda token: reader.ask("GET", f"/tokens/{token.id}/secret"), accepted)
        return {token.id: answer.body.get("access_token") for token, answer in zip(accepted, answers, strict=True)}


def current_of(items: list[dict[str, Any]]) -> dict[str, str]:
    """Return which token stands as each subject's current one."""
    return {
        item["pk"]["S"].rpartition("#")[2]: item["token_id"]["S"] for item in items if item["kind"]["S"] == "current"
    }


def newest_of(jobs: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return which of each subject's tokens was accepted last."""
    newest: dict[str, tuple[int, str]] = {}
    for job_id, job in jobs.items():
        rank = int(job["accepted_at"]["N"]), job_id
        newest[job["subject"]["S"]] = max(rank, newest.get(job["subject"]["S"], rank))
    return {subject: job_id for subject, (_, job_id) in newest.items()}


def messages_in(cloud: LiveCloud, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


def _end(job: dict[str, Any]) -> tuple[str, int, bool, bool]:
    """Return what a job ended as, how often, whether its history tells each change, and whether it is listed open."""
    history = [entry["M"]["status"]["S"] for entry in job["history"]["L"]]
    ends = [status for status in history if status not in ("PENDING", "IN_PROGRESS")]
    return job["status"]["S"], len(ends), int(job["rev"]["N"]) == 1 + len(history), "open_shard" in job


def _told(killer: Killer, clients: list[Client], handed_in: float, settled: float) -> list[str]:
    rows = [
        ("tokens accepted", TOKENS),
        *((f"kills of {function}", number) for function, number in killer.kills.items()),
        ("kills in all", killer.kills.total()),
        ("answers of 5xx", sum(client.failures for client in clients)),
        ("no answer at all", sum(client.silences for client in clients)),
        ("retries", sum(client.retries for client in clients)),
        ("seconds until all were accepted", handed_in),
        ("seconds until all had ended", settled),
    ]
    return [f"{CLIENTS} clients, {SUBJECTS} subjects, seed {SEED}:", *table(("what", "how many"), rows)]
