"""What a login hands in, and what AWS answers while it is stored: the same for ours, the peers and the limit."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from bench.function import bundles
from chalicelib.model.policy import compact, parse_policy
from chalicelib.seal.envelope import BranchKey, check_value
from chalicelib.seal.receipt import public_key
from chalicelib.store import keys
from chalicelib.store.attributes import to_attributes
from devtool import environment
from devtool.workspace import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from bench.server import Answers, Server

TABLE = "cloakroom"
KEY = bytes(range(32))
"""What KMS answers when it unwraps; of course nothing that is kept anywhere is under it."""
WRAPPED = bytes(184)
"""As long as KMS's own."""
ACCESS_TOKEN = "ya29." + "a1B2" * 260
REFRESH_TOKEN = "1//0" + "c3D4" * 100
SUBJECT = "auth0|65f0c2a7b1d4e8"
_LATER = 4_102_444_800
_KEY_ID = "arn:aws:kms:us-east-1:000000000000:key/0a0b0c0d-0000-4000-8000-000000000000"


def body() -> str:
    """Return a hand-in as a login hook sends it: 1.5 KB of secret."""
    return json.dumps(
        {
            "subject": SUBJECT,
            "provider": "google",
            "domain": "shop",
            "environment": "prod",
            "token": {
                "access_token": ACCESS_TOKEN,
                "refresh_token": REFRESH_TOKEN,
                "token_type": "Bearer",
                "scope": "openid email https://www.googleapis.com/auth/calendar.readonly",
                "expires_in": 3599,
            },
            "metadata": {"connection": "google-oauth2", "login_count": "17"},
        }
    )


def event() -> dict[str, Any]:
    """Return what API Gateway hands to the function for `POST /tokens`, right behind the authorizer."""
    (policy,) = (parse_policy(one) for one in groups() if one["group"] == "producer")
    now = int(time.time())
    authorized = {
        "principal": "login-hook",
        "groups": "producer",
        "exp": str(_LATER),
        "at": str(now),
        "grants": compact(policy.statements, ("producer",)),
        "iat": str(now),
        "epoch": "0",
        "known": str(time.time_ns() // 1_000),
        "other_groups": "",
    }
    headers = {
        "accept": "application/json",
        "authorization": f"Bearer {'e' * 900}",
        "content-type": "application/json",
        "user-agent": "auth0-action",
        "x-forwarded-for": "192.0.2.1",
    }
    return {
        "resource": "/tokens",
        "path": "/tokens",
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "isBase64Encoded": False,
        "body": body(),
        "requestContext": {
            "accountId": environment.ACCOUNT,
            "apiId": "abc123",
            "stage": "api",
            "path": "/api/tokens",
            "protocol": "HTTP/1.1",
            "httpMethod": "POST",
            "resourcePath": "/tokens",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "requestTimeEpoch": now * 1_000,
            "authorizer": authorized,
            "identity": {"sourceIp": "192.0.2.1", "userAgent": "auth0-action"},
        },
    }


def answers() -> Answers:
    """Return what the table and KMS answer: a domain's key that is there, wrapped; nothing was revoked."""
    branch = BranchKey(environment="prod", domain="shop", version=1, key=KEY)
    item = to_attributes(
        {
            **keys.branch_key("prod", "shop", 1),
            "kind": "branch_key",
            "environment": "prod",
            "domain": "shop",
            "version": 1,
            "wrapped": b64encode(WRAPPED).decode(),
            "check": b64encode(check_value(branch)).decode(),
            "made_at": 1_763_000_000_000_000,
            "receipt_key": b64encode(public_key(branch)).decode(),
        }
    )
    for binary in ("wrapped", "check", "receipt_key"):
        item[binary] = {"B": item[binary]["S"]}
    return {
        "Decrypt": {"KeyId": _KEY_ID, "Plaintext": b64encode(KEY).decode(), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"},
        "Query BRANCH#": {"Items": [item], "Count": 1, "ScannedCount": 1},
    }


def settings(aws: Server) -> dict[str, str]:
    """Return the environment of a function, ours or another: as Lambda sets it, with AWS at this server."""
    return {
        **environment.fixed_credentials(),
        "AWS_SESSION_TOKEN": "s" * 700,
        "AWS_ENDPOINT_URL": aws.url,
        "TABLE_NAME": TABLE,
        "QUEUE_URL": f"{aws.url}/{environment.ACCOUNT}/cloakroom",
        "IMPORTS_BUCKET": "imports",
        "KMS_KEY_ID": _KEY_ID,
        "JWT_ISSUER": "https://issuer.example/",
        "JWT_AUDIENCE": "cloakroom",
        "JWKS_URL": "https://issuer.example/jwks.json",
        "WEBSOCKET_URL": "wss://sockets.example/api",
        "WEBSOCKET_MANAGEMENT_URL": f"{aws.url}/api",
        "EVENT_FAILURES": "report",
        "PRIVATE_PROVIDERS": "allow",
        "USAGE_KEYS": "none",
        "STAGE": "bench",
        "WRAPPED_KEY": b64encode(WRAPPED).decode(),
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "POWERTOOLS_SERVICE_NAME": "bench",
        "POWERTOOLS_METRICS_NAMESPACE": "bench",
    }


def environments(aws: Server, folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return the environment of ours and the limit, and of the peers: they differ in whom they believe.

    The files that say so are written to `folder`.
    """
    ours_believe, boto_believes = bundles(aws, folder)
    shared = settings(aws)
    return {**shared, "AWS_CA_BUNDLE": str(ours_believe)}, {**shared, "AWS_CA_BUNDLE": str(boto_believes)}


def groups() -> list[dict[str, Any]]:
    """Return the first groups as they are deployed."""
    groups: list[dict[str, Any]] = json.loads((PROJECT / "infrastructure" / "groups.json").read_text(encoding="utf-8"))
    return groups
