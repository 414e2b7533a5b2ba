"""What each function loads before its first answer, and when: all of it while Lambda starts it, none of it boto3."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.model.clock import SECOND
from chalicelib.model.policy import compact
from chalicelib.store.access import Revocations
from chalicelib.store.jobs import Jobs
from chalicelib.wiring.initialise import READY
from chalicelib.wiring.system import now
from tests.app.service import a_subject
from tests.app.test_events import SCHEDULED, heard, join, socket_event
from tests.chalicelib.model.groups import GROUPS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.app.service import Service

PROGRAM = Path(__file__).with_name("fresh.py")
PROJECT = PROGRAM.parents[2]
LATER = 4_102_444_800
"""2100-01-01T00:00:00Z."""
UNWANTED = {"boto3", "botocore", "urllib3"}
NEVER_CALLED = {"cryptography.x509.base", "cryptography.x509.name"}
"""PyJWT's, for keys that come as certificates."""


@dataclass(frozen=True)
class Told:
    """What a fresh process tells: its answer, its modules after initialisation, those that the event added."""

    answer: Any
    ready: frozenset[str]
    loaded: frozenset[str]

    @property
    def modules(self) -> frozenset[str]:
        return self.ready | self.loaded


def fresh(function: str, event: dict[str, Any], *, said: str | None = "app.") -> Told:
    """Start a function and let it handle one event; where nobody says which it is, nothing is made ready."""
    handler = {} if said is None else {"_HANDLER": f"{said}{function}"}
    ran = subprocess.run(
        [sys.executable, str(PROGRAM)],
        input=json.dumps({"function": function, "event": event}),
        env={**os.environ, "PYTHONPATH": str(PROJECT), **handler},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    told = json.loads(ran.stdout.splitlines()[-1])
    return Told(told["answer"], frozenset(told["ready"]), frozenset(told["loaded"]))


def handed_in(service: Service, subject: str, *, seconds_ago: int = 0) -> dict[str, Any]:
    """Return what API Gateway hands to the function for `POST /tokens`."""
    body = {"subject": subject, "provider": "google", "token": {"access_token": "ya29.cold", "expires_in": 3600}}
    authorized = {
        "principal": "login-hook",
        "groups": "producer",
        "exp": str(LATER),
        "grants": compact(GROUPS["producer"].statements, ("producer",)),
        "iat": str(now() // SECOND),
        "epoch": str(Revocations(service.table).epoch().policies),
        "known": str(now() - seconds_ago * SECOND),
        "other_groups": "",
    }
    return {
        "headers": {"content-type": "application/json"},
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "isBase64Encoded": False,
        "body": json.dumps(body),
        "requestContext": {
            "httpMethod": "POST",
            "resourcePath": "/tokens",
            "requestId": "r-1",
            "authorizer": authorized,
            "identity": {"sourceIp": "192.0.2.1"},
        },
    }


def intake(service: Service, *, seconds_ago: int = 0) -> Told:
    subject = a_subject()
    told = fresh("app", handed_in(service, subject, seconds_ago=seconds_ago))
    assert told.answer["statusCode"] == 202
    stored = Jobs(service.table).deposit(json.loads(told.answer["body"])["id"])
    assert stored.token.place.subject == subject
    return told


def bearing(service: Service) -> dict[str, Any]:
    """Return what API Gateway asks the authorizer."""
    arn = "arn:aws:execute-api:us-east-1:123456789012:abcdefghij/api/GET/tokens/t1"
    bearer = service.cloud.token("auth0|jane", ["consumer"])
    return {"type": "TOKEN", "authorizationToken": f"Bearer {bearer}", "methodArn": arn}


def authorizing(service: Service) -> Told:
    service.hand_in(a_subject())  # another process has fetched the issuer's keys
    told = fresh("authorize", bearing(service))
    assert told.answer["policyDocument"]["Statement"][0]["Effect"] == "Allow"
    return told


def advancing(service: Service) -> Told:
    token_id = service.hand_in(a_subject())
    told = fresh("advance", {"Records": [service.record_of(token_id)]})
    assert told.answer == {"batchItemFailures": []}
    assert Jobs(service.table).job(token_id).status == "SUCCEEDED"
    return told


def notifying(service: Service) -> Told:
    subject = a_subject()
    join(service, subject, "watches")
    told = fresh("notify", {"Records": [service.record_of(service.hand_in(subject))]})
    assert told.answer == {"batchItemFailures": []}
    assert len(heard(service, "watches")) == 1
    return told


def working(service: Service) -> Told:
    subject = a_subject()
    token_id = service.hand_in(subject)
    service.settle(token_id)
    job_id = service.ask("DELETE", f"/tokens/{token_id}", (subject, ("consumer",))).body["id"]
    told = fresh("work", {"Records": [{"messageId": "m1", "body": json.dumps({"job_id": job_id})}]})
    assert told.answer == {"batchItemFailures": []}
    assert Jobs(service.table).job(job_id).result == {"erased": True}
    return told


def sweeping(service: Service) -> Told:
    token_id = service.hand_in(a_subject())
    service.table.update({"pk": f"JOB#{token_id}", "sk": "JOB"}, "SET due_at = :long_ago", long_ago=1)
    told = fresh("sweep", SCHEDULED)
    assert told.answer["sent"] >= 1
    return told


def looking_for_refreshes(service: Service) -> Told:
    told = fresh("refresh_due", SCHEDULED)
    assert told.answer == {"begun": 0, "dropped": 0, "failed": 0}
    return told


def joining(service: Service) -> Told:
    subject = a_subject()
    ticket = service.ask("POST", "/tickets", (subject, ("consumer",)), body={}).body["ticket"]
    told = fresh("connect", socket_event("CONNECT", "cold", ticket=ticket))
    assert told.answer == {"statusCode": 200}
    return told


def saying(service: Service) -> Told:
    join(service, a_subject(), "says")
    told = fresh("message", socket_event("MESSAGE", "says", body='{"action":"snapshot"}'))
    assert [message["type"] for message in heard(service, "says")] == ["snapshot"]
    return told


def leaving(service: Service) -> Told:
    join(service, a_subject(), "leaves")
    told = fresh("disconnect", socket_event("DISCONNECT", "leaves"))
    assert told.answer == {"statusCode": 200}
    return told


STARTS: dict[str, tuple[Callable[[Service], Told], int]] = {
    "app": (intake, 245),
    "authorize": (authorizing, 305),
    "advance": (advancing, 220),
    "notify": (notifying, 220),
    "work": (working, 290),
    "sweep": (sweeping, 205),
    "refresh_due": (looking_for_refreshes, 205),
    "connect": (joining, 190),
    "message": (saying, 200),
    "disconnect": (leaving, 190),
}
"""By function: its first event, and how many modules it may hold behind it (291 to 178 on Python 3.11, most of them the
standard library's). boto3 alone would be 330 more.
"""


@pytest.mark.parametrize("function", STARTS)
def test_a_fresh_function_answers_its_first_event_without_boto3_and_loads_nothing_for_it(
    service: Service, function: str
) -> None:
    begin, most = STARTS[function]

    told = begin(service)

    assert UNWANTED.isdisjoint(told.modules)
    assert ("jwt" in told.modules) is (function == "authorize")
    assert ("chalicelib.web.requests" in told.modules) is (function == "app")
    assert NEVER_CALLED.isdisjoint(told.modules)
    assert told.loaded == frozenset()
    assert len(told.modules) <= most, len(told.modules)


def test_an_intake_that_looks_at_revocations_loads_nothing_more_for_it(service: Service) -> None:
    told = intake(service, seconds_ago=60)

    assert UNWANTED.isdisjoint(told.modules)
    assert told.loaded == frozenset()


@pytest.mark.parametrize("said", [None, "wrapper.", "other.app."])
def test_where_nobody_says_which_function_this_is_each_loads_what_it_needs_when_it_is_asked(
    service: Service, said: str | None
) -> None:
    told = fresh("app", handed_in(service, a_subject()), said=said)

    assert told.answer["statusCode"] == 202
    assert {"chalicelib.intake.accept", "cryptography", "ssl"} <= told.loaded
    assert UNWANTED.isdisjoint(told.modules)


def test_every_function_has_a_first_event_here() -> None:
    assert set(STARTS) == set(READY)


def test_an_authorizer_that_misses_a_setting_starts_and_denies(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = bearing(service)
    monkeypatch.delenv("TABLE_NAME")

    told = fresh("authorize", event)

    assert [one["Effect"] for one in told.answer["policyDocument"]["Statement"]] == ["Deny"]
