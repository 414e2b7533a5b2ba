"""A domain's key is rotated and shredded on the deployed stack, while readers collect all the time."""

from __future__ import annotations

import json
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.seal.envelope import key_version
from chalicelib.store import keys
from chalicelib.store.table import Table
from devtool import cli
from devtool.between import environment_of
from devtool.ops import stage as stages
from devtool.ops.stage import Stage
from devtool.testing import wait_for
from tests.stack import hunt
from tests.stack.figures import show
from tests.stack.http import Answer, Api, hand_in, unique

if TYPE_CHECKING:
    from devtool.testing import LiveCloud

TOKENS = 300
READERS = 4


@pytest.fixture
def stage(cloud: LiveCloud, monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage(
        table=Table(cloud.client("dynamodb"), cloud.table),
        sqs=cloud.client("sqs"),
        queue_url=cloud.queue_url,
        dead_letter_queue_url=cloud.dead_letter_queue_url,
        stream_failures_queue_url=cloud.stream_failures_queue_url,
        kms=cloud.client("kms"),
        key_id=cloud.key_id,
    )
    monkeypatch.setattr(stages, "local", lambda: made)
    return made


@dataclass(kw_only=True)
class Domain:
    """A domain of its own, and the tokens that were handed in there: id to (subject, access token)."""

    api: Api
    name: str = field(default_factory=lambda: f"d{secrets.token_hex(6)}")
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    failed: list[Answer] = field(default_factory=list)
    reads: int = 0

    def take_in(self, subject: str, provider: str) -> str:
        body: dict[str, Any] = {**hand_in(subject, provider), "domain": self.name}
        answer = self.api.post("/tokens", self.api.producer, body=body)
        assert answer.status == 202, answer.body
        token_id = str(answer.json["id"])
        self.tokens[token_id] = (subject, body["token"]["access_token"])
        return token_id

    def read(self, token_id: str) -> Answer:
        return self.api.get(f"/tokens/{token_id}/secret", self.api.consumer(self.tokens[token_id][0]))

    def keep_reading(self, stop: threading.Event) -> None:
        while not stop.is_set():
            token_id = secrets.choice(list(self.tokens))
            answer = self.read(token_id)
            self.reads += 1
            if answer.status != 200 or answer.json["access_token"] != self.tokens[token_id][1]:
                self.failed.append(answer)

    def versions(self, stage: Stage) -> set[int]:
        return {key_version(stage.jobs.deposit(token_id).sealed or b"") for token_id in self.tokens}

    def ops(self, capsys: pytest.CaptureFixture[str], verb: str, *more: str) -> Any:
        typed = ["ops", "--json", "keys", verb, "--environment", "default", "--domain", self.name, *more]
        assert cli.main(typed) == 0
        (row,) = json.loads(capsys.readouterr().out)
        return row


def begin_at_once(stage: Stage, job_id: str) -> None:
    """Let the walk begin without its seven minutes: nobody seals in this domain meanwhile."""
    wait_for(lambda: stage.jobs.job(job_id).checkpoint, 60)
    change = "SET checkpoint.begins_at = :now, not_before = :now"
    stage.table.update(keys.job_key(job_id), change, now=time.time_ns() // 1_000 - 1)
    stage.queue.send(job_id)


@pytest.mark.slow
def test_not_one_read_fails_while_everything_is_sealed_anew(
    api: Api, cloud: LiveCloud, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    domain, subject = Domain(api=api), unique("rotation")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: domain.take_in(subject, f"p{number}"), range(TOKENS)))
    assert cloud.settle(120)
    assert domain.versions(stage) == {1}

    stop = threading.Event()
    with ThreadPoolExecutor(READERS) as pool:
        readers = [pool.submit(domain.keep_reading, stop) for _ in range(READERS)]
        try:
            row = domain.ops(capsys, "rotate")
            begin_at_once(stage, row["job"])
            path = f"/jobs/{row['job']}"
            job = wait_for(lambda: _ended(api.get(path, api.admin).json), 180)
            time.sleep(1)
        finally:
            stop.set()
    for reader in readers:
        reader.result()

    show(
        capsys,
        f"{domain.reads} reads by {READERS} readers while {TOKENS} were sealed anew: {len(domain.failed)} failed",
    )
    assert (job["status"], job["type"]) == ("SUCCEEDED", "domain.reseal")
    assert job["result"] == {"resealed": TOKENS, "version": 2, "unopened": 0}
    assert domain.versions(stage) == {2}
    assert domain.failed == []
    assert domain.reads > 50
    assert all(stage.jobs.job(token_id).rev == 2 for token_id in domain.tokens), "accepted and settled: no more"


def _ended(job: Any) -> Any:
    return job if job["status"] in ("SUCCEEDED", "FAILED", "CANCELLED") else None


def test_a_shredded_domain_opens_no_more_and_goes_on_under_a_new_key(
    api: Api, cloud: LiveCloud, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    domain, subject = Domain(api=api), unique("shredded")
    before = domain.take_in(subject, "google")
    assert domain.read(before).status == 200

    row = domain.ops(capsys, "shred", "--yes-shred", f"default/{domain.name}")

    assert (row["versions"], row["opened before"], row["open now"]) == (1, 1, 0)
    with environment_of(cloud, "api_handler", {"LOG_SAYS": "new processes, which remember nothing"}):
        gone = domain.read(before)
        after = domain.take_in(subject, "google")
        assert (gone.status, gone.code) == (410, "key_gone")
        assert domain.read(after).status == 200
        assert api.get(f"/tokens/{before}", api.consumer(subject)).status == 200, "its record stays"
    assert [one.version for one in stage.branch_keys.versions("default", domain.name)] == [2, 3]
    secret = domain.tokens[before][1]
    assert hunt.traces(secret, [*hunt.function_logs(cloud), *hunt.table_items(cloud)]) == []
