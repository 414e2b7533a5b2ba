"""Ask the app as API Gateway does. Every answer is held against openapi.json on its way back."""

from __future__ import annotations

import base64
import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalice.test import Client

import app as module
from chalicelib.store.attributes import to_attributes
from tests.stack.contract import check

if TYPE_CHECKING:
    from chalicelib.store.table import Table
    from chalicelib.wiring import Wiring
    from devtool.testing import LiveCloud
    from tests.chalicelib.notify.management_api import ManagementApi

PROJECT = Path(__file__).parents[2]
HOOK = ("login-hook", ("producer",))
ROOT = ("root", ("admin",))

_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: dict[str, str]
    raw: bytes
    body: Any

    @property
    def refusal(self) -> tuple[int, str]:
        return self.status, self.body["code"]


@dataclass
class Service:
    cloud: LiveCloud
    table: Table
    queue_url: str
    sockets: ManagementApi
    wired: Wiring
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(module.app, stage_name="local", project_dir=str(PROJECT))

    def ask(
        self,
        method: str,
        path: str,
        who: tuple[str, tuple[str, ...]] | None = None,
        *,
        body: object = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send a request with the bearer token of a subject with groups, if one is given."""
        sent = {"Content-Type": "application/json", **(headers or {})}
        if who is not None:
            sent["Authorization"] = f"Bearer {self.cloud.token(*who)}"
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        with self.client as client:
            answered = client.http.request(method, path, headers=sent, body=raw)
        lowered = {name.lower(): value for name, value in answered.headers.items()}
        lowered.setdefault("content-type", "application/json")  # as API Gateway does where a function says nothing
        if "x-amzn-errortype" not in lowered:  # Chalice's own gateway speaks for itself
            check(method, path, answered.status_code, lowered, answered.body)
        return Answer(
            status=answered.status_code, headers=lowered, raw=answered.body, body=json.loads(answered.body or b"null")
        )

    def hand_in(self, subject: str, provider: str = "google", **token: object) -> str:
        """Hand a token in and return its id."""
        answer = self.ask("POST", "/tokens", HOOK, body=a_body(subject, provider, **token))
        assert answer.status == 202, answer.raw
        return str(answer.body["id"])

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        with self.client as client:
            return client.lambda_.invoke(function, event).payload

    def record_of(self, job_id: str, sequence: str = "1") -> dict[str, Any]:
        """Return the stream's record of a job as it stands in the table."""
        key = to_attributes({"pk": f"JOB#{job_id}", "sk": "JOB"})
        item = self.table._client.get_item(TableName=self.table.name, Key=key)["Item"]
        return {
            "eventName": "MODIFY",
            "dynamodb": {"SequenceNumber": sequence, "Keys": key, "NewImage": as_in_an_event(item)},
        }

    def settle(self, *job_ids: str) -> None:
        """Do what the stream does."""
        answer = self.invoke("advance", {"Records": [self.record_of(job_id) for job_id in job_ids]})
        assert answer == {"batchItemFailures": []}


def a_subject() -> str:
    """Return a subject that no other test has."""
    return f"auth0|subject-{next(_numbers)}"


def a_body(subject: str, provider: str = "google", **token: object) -> dict[str, object]:
    return {"subject": subject, "provider": provider, "token": {"access_token": "ya29.opaque", **token}}


def as_in_an_event(item: Any) -> Any:
    """Write binaries as base64 text, as Lambda's event does."""
    return json.loads(json.dumps(item, default=lambda content: base64.b64encode(content).decode()))
