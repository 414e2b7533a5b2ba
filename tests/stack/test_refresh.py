"""Tokens kept good on the deployed stack: by the functions' own roles, against a provider that really answers."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from devtool.testing import wait_for
from tests.oauth.played import PlayedProvider, Told, played_provider
from tests.stack import hunt
from tests.stack.http import Answer, Api, at, unique
from tests.stack.watching import Caller

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtool.testing import LiveCloud


@dataclass(frozen=True, kw_only=True)
class Connected:
    """A provider that is set up, a subject of its own, and a token of it."""

    api: Api
    played: PlayedProvider
    provider: str
    subject: str
    token_id: str
    credential: str

    @property
    def her(self) -> str:
        return self.api.consumer(self.subject)

    def secret(self, min_ttl: int = 0) -> Answer:
        return self.api.get(f"/tokens/{self.token_id}/secret?min_ttl={min_ttl}", self.her)

    def record(self) -> Any:
        return self.api.get(f"/tokens/{self.token_id}", self.her).json

    def ended(self, answer: Answer) -> Any:
        """Wait for the job of a 202 and return it."""
        assert answer.status == 202, answer.body
        path = answer.headers["location"]

        def job() -> Any:
            found = self.api.get(path, self.her).json
            return found if found["status"] in ("SUCCEEDED", "FAILED", "CANCELLED") else None

        return wait_for(job, 60)


@pytest.fixture
def connected(api: Api, cloud: LiveCloud) -> Iterator[Connected]:
    with played_provider() as played:
        name, credential = f"played-{secrets.token_hex(6)}", f"credential-{secrets.token_hex(12)}"
        settings = {
            "client_id": "cloakroom",
            "auth_method": "client_secret_basic",
            "credential": {"secret": credential},
            "token_endpoint": played.token_endpoint,
            "revocation_endpoint": f"{played.address}/revoke",
            "introspection_endpoint": f"{played.address}/introspect",
            "rotates": True,
        }
        made = api.put(f"/providers/{name}", api.admin, body=settings)
        assert made.status == 200, made.body
        subject = unique("refresh")
        token_id = api.hand_in(subject, name, refresh_token=played.issue(), expires_in=600)
        assert cloud.settle(30)
        yield Connected(
            api=api, played=played, provider=name, subject=subject, token_id=token_id, credential=credential
        )
        api.delete(f"/providers/{name}", api.admin)


def test_a_reader_who_needs_longer_is_told_to_wait_and_then_gets_the_new_token(connected: Connected) -> None:
    first = connected.secret(600 - 60)
    waiting = connected.secret(1_200)
    assert (first.status, first.json["generation"], waiting.status) == (200, 1, 202)
    assert waiting.headers["retry-after"] == "2"

    job = connected.ended(waiting)

    collected = connected.secret(1_200)
    by_place = connected.api.get(at(connected.subject, connected.provider, "secret"), connected.her)
    assert (job["type"], job["status"], job["input"]["generation"]) == ("token.refresh", "SUCCEEDED", 1)
    assert (collected.status, collected.json["generation"]) == (200, 2)
    assert collected.json["access_token"] == by_place.json["access_token"] != first.json["access_token"]
    assert connected.record()["last_refresh"]["outcome"] == "refreshed"
    assert (connected.played.refreshes, connected.played.reuses) == (1, 0)


def test_a_rejected_generation_is_refreshed_once_whoever_says_so(connected: Connected) -> None:
    path = f"/tokens/{connected.token_id}/rejected"
    said = [connected.api.post(path, connected.her, body={"generation": 1}) for _ in range(3)]
    connected.ended(said[0])

    late = connected.api.post(path, connected.her, body={"generation": 1})

    assert len({answer.json["id"] for answer in said if answer.status == 202}) == 1
    assert (late.status, late.json["generation"], late.json["status"]) == (200, 2, "ACTIVE")
    assert connected.played.refreshes == 1


def test_a_refresh_is_seen_by_who_watches_and_a_grant_that_is_gone_says_so(
    connected: Connected, cloud: LiveCloud
) -> None:
    connected.played.script.append(Told(status=400, body={"error": "invalid_grant"}))

    with Caller.of(cloud, connected.subject, "consumer").join() as watcher:
        watcher.snapshot()
        job = connected.ended(connected.api.post(f"/tokens/{connected.token_id}/refresh", connected.her))
        told = [watcher.next() for _ in range(3)]

    assert [message["job"]["status"] for message in told] == ["PENDING", "IN_PROGRESS", "FAILED"]
    assert (job["error"]["code"], told[-1]["job"]["type"]) == ("invalid_grant", "token.refresh")
    record = connected.record()
    assert (record["status"], record["status_reason"]) == ("NEEDS_REAUTH", "invalid_grant")
    again = connected.api.post(f"/tokens/{connected.token_id}/refresh", connected.her)
    assert (again.status, again.code) == (409, "not_refreshable")


def test_what_is_due_is_refreshed_by_the_schedule(connected: Connected, cloud: LiveCloud) -> None:
    token_id = connected.api.hand_in(
        connected.subject, connected.provider, refresh_token=connected.played.issue(), expires_in=1
    )
    assert cloud.settle(30)
    event = dict.fromkeys(("version", "id", "account", "region", "time", "detail-type", "source"), "x")
    raw = json.dumps({**event, "resources": [], "detail": {}})

    def refreshed() -> bool:  # the stack's own schedule may be first: either way it is refreshed once
        cloud.client("lambda").invoke(FunctionName=cloud.function_name("refresh_due"), Payload=raw)
        return bool(connected.api.get(f"/tokens/{token_id}", connected.her).json["generation"] == 2)

    assert wait_for(refreshed, 60)
    assert (connected.played.refreshes, connected.played.reuses) == (1, 0)


def test_a_deleted_token_is_revoked_at_its_provider(connected: Connected) -> None:
    secret = connected.secret().json

    job = connected.ended(connected.api.delete(f"/tokens/{connected.token_id}", connected.her))

    assert job["result"] == {"erased": True, "revoked": True}
    assert connected.played.revoked == [
        ("refresh_token", secret["refresh_token"]),
        ("access_token", secret["access_token"]),
    ]


def test_nobody_else_may_refresh_or_reject(connected: Connected) -> None:
    api = connected.api
    for bearer in (api.consumer(unique("stranger")), api.producer):
        assert api.post(f"/tokens/{connected.token_id}/refresh", bearer).status in (403, 404)
        body = {"generation": 1}
        assert api.post(f"/tokens/{connected.token_id}/rejected", bearer, body=body).status in (403, 404)
    for body in ({}, {"generation": 0}, {"generation": "1"}, {"generation": 1, "more": 1}):
        assert api.post(f"/tokens/{connected.token_id}/rejected", connected.her, body=body).status == 400


def test_no_secret_of_a_refresh_is_in_sight(connected: Connected, cloud: LiveCloud) -> None:
    connected.played.script.append(Told(status=500, body=f"<html>{connected.credential}</html>"))
    connected.api.post(f"/tokens/{connected.token_id}/refresh", connected.her)
    assert wait_for(lambda: connected.played.refreshes >= 1, 30)
    before = [one.form["refresh_token"] for one in connected.played.asked if one.path == "/token"]
    assert cloud.settle(60)

    for secret in (connected.credential, *before):
        assert hunt.traces(secret, [*hunt.function_logs(cloud), *hunt.tool_logs(cloud)]) == []
        assert hunt.traces(secret, [*hunt.table_items(cloud), *hunt.stream_records(cloud)]) == []
        assert hunt.traces(secret, [text for texts in hunt.queue_messages(cloud).values() for text in texts]) == []
