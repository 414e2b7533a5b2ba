"""What a fresh process loads before its first answer: a login waits for all of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.model.clock import SECOND
from chalicelib.model.policy import compact
from chalicelib.wiring.system import now
from tests.chalicelib.model.groups import GROUPS

if TYPE_CHECKING:
    from tests.app.service import Service

PROJECT = Path(__file__).parents[2]
LATER = 4_102_444_800
"""2100-01-01T00:00:00Z."""
MODULES = 300
"""Of a fresh intake: 287 on Python 3.11, most of them the standard library's. boto3 alone would be 330 more."""

FRESH = """
import json, sys
import app
answer = app.app(json.loads(sys.stdin.read()), None)
body = json.loads(answer["body"])
print(json.dumps({"status": answer["statusCode"], "id": body.get("id"), "modules": sorted(sys.modules)}))
"""


def asked(body: dict[str, Any], *, known: int) -> dict[str, Any]:
    """Return what API Gateway hands to the function for `POST /tokens`."""
    authorized = {
        "principal": "login-hook",
        "groups": "producer",
        "exp": str(LATER),
        "grants": compact(GROUPS["producer"].statements, ("producer",)),
        "iat": str(now() // SECOND),
        "epoch": "0",
        "known": str(known),
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


def fresh(event: dict[str, Any]) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-c", FRESH],
        input=json.dumps(event),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    told: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return told


@pytest.mark.parametrize("age", [0, 60], ids=["an authorizer that has just looked", "an answer that the gateway kept"])
def test_a_fresh_process_stores_its_first_token_without_boto3(service: Service, age: int) -> None:
    epoch = service.wired.known_access.current().epoch.policies
    secret = {"access_token": "ya29.cold", "expires_in": 3600}
    event = asked({"subject": "auth0|cold", "provider": "google", "token": secret}, known=now() - age * SECOND)
    event["requestContext"]["authorizer"]["epoch"] = str(epoch)

    told = fresh(event)

    assert told["status"] == 202
    assert service.wired.jobs.deposit(told["id"]).token.place.subject == "auth0|cold"
    assert {"boto3", "botocore", "urllib3", "jwt"}.isdisjoint(told["modules"])
    assert len(told["modules"]) <= MODULES, len(told["modules"])
