"""The deployed stack with every function recorded, and what probes of it have in common."""

from __future__ import annotations

import json
import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.model.ids import id_from
from chalicelib.store import keys
from devtool.testing import wait_for
from tests.oauth.played import PlayedProvider, played_provider
from tests.rights.evaluate import like
from tests.rights.files import FUNCTIONS, Right
from tests.stack import stored
from tests.stack.http import Answer, Api, hand_in, unique
from tests.stack.recorded import Record, Recorder, recorded
from tests.stack.watching import Caller, Watcher
from tests.stack.world import SCHEDULED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from devtool.testing import LiveCloud

PATIENCE = 60.0
OPEN = ("PENDING", "IN_PROGRESS")


@dataclass(kw_only=True)
class Bench:
    cloud: LiveCloud
    api: Api
    record: Record
    recorders: dict[str, Recorder]
    played: PlayedProvider
    mark: int = 0
    removed: tuple[str, Right] | None = None
    """What is taken from which function at this moment."""

    def asked(self, function: str, right: Right) -> list[bool]:
        """Return for each use of a right since the mark whether it was refused."""
        return [
            one.refused
            for one in self.record.since(self.mark, function)
            if one.action == right[0] and like(one.resource, right[1])
        ]

    def is_refused(self) -> bool:
        """Tell whether what was taken was asked for since the mark."""
        return self.removed is not None and any(self.asked(*self.removed))

    def unless_refused(self, holds: Callable[[], object]) -> bool:
        """Wait until something holds; False when a right that was taken is missed before."""

        def outcome() -> str | None:
            if holds():
                return "holds"
            return "refused" if self.is_refused() else None

        return bool(wait_for(outcome, PATIENCE) == "holds")  # not asked again: what held may be over by then

    def ends(self, job_id: str) -> str:
        """Wait for a job's end and return how it ended; how it stands when a right is missed before."""
        self.unless_refused(lambda: self.status(job_id) not in OPEN)
        status = self.status(job_id)
        return "open" if status in OPEN else status

    def ends_anyhow(self, job_id: str) -> str:
        """Wait for a job's end, whoever misses a right meanwhile, and return how it ended."""
        wait_for(lambda: self.status(job_id) not in OPEN, PATIENCE)
        return self.status(job_id)

    def status(self, job_id: str) -> str:
        return str(stored.job(self.cloud, job_id)["status"]["S"])

    def start_anew(self, *functions: str) -> None:
        """End a function's processes, each with its memory."""
        for function in functions:
            for pid in self.cloud.worker_pids(function):
                self.cloud.kill_worker(pid)

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        """Invoke a function as the deployed one, with its role, and return its answer."""
        raw = json.dumps(event).encode()
        answer = self.cloud.client("lambda").invoke(FunctionName=self.cloud.function_name(function), Payload=raw)
        return json.loads(answer["Payload"].read())

    def run_schedule(self, function: str) -> Any:
        return self.invoke(function, SCHEDULED)

    def stored_token(self, provider: str = "google", *, domain: str = "default", **token: object) -> tuple[str, str]:
        """Hand a token in, wait until it is settled, and return its id and its subject."""
        subject = unique("right")
        answer = self.hand_in(subject, provider, domain=domain, **token)
        assert answer.status == 202, answer.body
        token_id = str(answer.json["id"])
        wait_for(lambda: self.status(token_id) == "SUCCEEDED", PATIENCE)
        return token_id, subject

    def hand_in(self, subject: str, provider: str = "google", *, domain: str = "default", **token: object) -> Answer:
        body = {**hand_in(subject, provider, **token), "domain": domain}
        return self.api.post("/tokens", self.api.producer, body=body)

    def provider(self, **settings: object) -> str:
        """Set a new provider up, which refreshes and revokes, and return its name."""
        name = f"played-{secrets.token_hex(6)}"
        body = {
            "client_id": "cloakroom",
            "auth_method": "client_secret_basic",
            "credential": {"secret": secrets.token_hex(12)},
            "token_endpoint": self.played.token_endpoint,
            "revocation_endpoint": f"{self.played.address}/revoke",
            **settings,
        }
        assert self.api.put(f"/providers/{name}", self.api.admin, body=body).status == 200
        return name

    def open_job(self, like_job: str, **changes: stored.Item) -> str:
        """Copy a settled job, a moment later, as one that is overdue and whose worker's time is up.

        No consumer takes up what is IN_PROGRESS; a worker that is sent it, or the sweep, does.
        """
        item = stored.job(self.cloud, like_job)
        job_id = id_from(secrets.token_bytes(16))
        item |= {"pk": {"S": f"JOB#{job_id}"}, "status": {"S": "IN_PROGRESS"}}
        item |= {"due_at": item["updated_at"], "lease_until": item["updated_at"]}
        item["open_shard"] = {"S": keys.open_shard(item["subject"]["S"])}
        item["accepted_at"] = {"N": str(int(item["accepted_at"]["N"]) + 1)}
        item.pop("result", None)
        item |= changes
        self.cloud.client("dynamodb").put_item(TableName=self.cloud.table, Item=item)
        return job_id

    def join(self, subject: str, **about: str) -> Watcher:
        return Caller.of(self.cloud, subject, "consumer").join(**about)


@contextmanager
def bench_of(cloud: LiveCloud) -> Iterator[Bench]:
    """Record every function of a cloud."""
    record = Record()
    with recorded(cloud, list(FUNCTIONS), record) as recorders, played_provider() as played:
        yield Bench(cloud=cloud, api=Api(cloud), record=record, recorders=recorders, played=played)


def a_domain() -> str:
    """Return a domain that no other test uses: its first key is still to be made."""
    return f"d{secrets.token_hex(6)}"
