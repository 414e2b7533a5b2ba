"""The events of the other functions, and what AWS answers them: a bearer, a new token, a job, a watcher, a ticket."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from functools import cache
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from bench import login
from chalicelib.model.access import Bearer
from chalicelib.model.cached import Entry
from chalicelib.model.clock import SECOND
from chalicelib.model.deposit import Deposit
from chalicelib.model.job import Type, first_job
from chalicelib.model.token import Place, Token
from chalicelib.model.watch import Scope, Watch
from chalicelib.process.messages import write_message
from chalicelib.store import keys
from chalicelib.store.attributes import to_attributes
from chalicelib.store.cached import entry_to_item
from chalicelib.store.connections import watch_attributes
from chalicelib.store.items import deposit_to_item, job_to_item
from devtool import environment
from devtool.issuer import public_jwk

if TYPE_CHECKING:
    from bench.server import Answers

ISSUER = "https://issuer.example/"
JWKS_URL = "https://issuer.example/jwks.json"
"""Ours finds what it published in the table, where another process left it."""
TICKET = "t1ck3t" * 7
_TOKEN_ID, _REVOCATION_ID = "b" * 26, "c" * 26
_CONNECTION_ID = "L0SM9cOFIAMCIdw="
_HOUR = 3_600
_PLACE = Place(environment="prod", domain="shop", subject=login.SUBJECT, provider="google")


def answers() -> Answers:
    """Return what the table answers each of them, beside what it answers a login."""
    now = time.time_ns() // 1_000
    token = _token(now)
    deposit = Deposit(
        job=first_job(token.id, Type.STORE, token, requester=token.requester, now=now),
        token=token,
        sealed=bytes(1_500),
        body_mark=bytes(32),
        key_version=1,
    )
    jwks = Entry(
        name=JWKS_URL,
        rev=2,
        generation=1,
        document=json.dumps(_jwks()).encode(),
        fetched_at=now,
        fresh_until=now + _HOUR * SECOND,
        stale_until=now + _HOUR * SECOND,
    )
    watch = Watch(
        principal=login.SUBJECT,
        person=login.SUBJECT,
        scope=Scope.PERSON,
        owns=True,
        bearer=Bearer(token_id="", issued_at=now // SECOND - 60, expires_at=now // SECOND + _HOUR, epoch=0),
    )
    watched = {
        **keys.watch_key(login.SUBJECT, _CONNECTION_ID),
        "kind": "watch",
        **watch_attributes(watch),
        "connection": _CONNECTION_ID,
        "since": now - 60 * SECOND,
        "ttl": now // SECOND + _HOUR,
    }
    ticket = {
        **keys.ticket_key(TICKET),
        "kind": "ticket",
        **watch_attributes(watch),
        "expires_at": now + 60 * SECOND,
        "ttl": now // SECOND + 60,
    }
    policies = [{**keys.policy_key(one["group"]), "policy": one, "rev": 1} for one in login.groups()]
    revocation = first_job(_REVOCATION_ID, Type.REVOKE, token, requester=login.SUBJECT, now=now)
    return {
        **login.answers(),
        "GET /jwks.json": _jwks(),
        "GetItem DOCUMENT#": {"Item": _item(entry_to_item(jwks))},
        f"GetItem JOB#{_REVOCATION_ID}": {"Item": _item(job_to_item(revocation, ttl=now // SECOND + _HOUR))},
        f"GetItem JOB#{_TOKEN_ID}": {"Item": _item(deposit_to_item(deposit))},
        "BatchGetItem POLICY#": {
            "Responses": {login.TABLE: [_item(one) for one in policies[:1]]},
            "UnprocessedKeys": {},
        },
        "Query WATCH#": {"Items": [_item(watched)], "Count": 1, "ScannedCount": 1},
        "DeleteItem TICKET#": {"Attributes": _item(ticket)},
    }


def authorizer_event() -> dict[str, Any]:
    """Return what API Gateway asks the authorizer."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": "cloakroom",
        "sub": "login-hook",
        "azp": "login-hook",
        "iat": now,
        "nbf": now,
        "exp": now + _HOUR,
        "groups": ["producer"],
    }
    bearer = jwt.encode(claims, _key(), algorithm="RS256", headers={"kid": "bench"})
    arn = f"arn:aws:execute-api:{environment.REGION}:{environment.ACCOUNT}:abc123/api/POST/tokens"
    return {"type": "TOKEN", "authorizationToken": f"Bearer {bearer}", "methodArn": arn}


def stream_event() -> dict[str, Any]:
    """Return the stream's record of a token that was handed in just now."""
    now = time.time_ns() // 1_000
    token = _token(now)
    job = first_job(token.id, Type.STORE, token, requester=token.requester, now=now)
    deposit = Deposit(job=job, token=token, sealed=bytes(1_500), body_mark=bytes(32), key_version=1)
    image = _item(deposit_to_item(deposit))
    record = {
        "eventID": "1",
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "eventVersion": "1.1",
        "awsRegion": environment.REGION,
        "eventSourceARN": f"arn:aws:dynamodb:{environment.REGION}:{environment.ACCOUNT}:table/cloakroom/stream/x",
        "dynamodb": {
            "Keys": {name: image[name] for name in ("pk", "sk")},
            "NewImage": image,
            "SequenceNumber": "100000000000000000001",
            "SizeBytes": 2_500,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    }
    return {"Records": [record]}


def queue_event() -> dict[str, Any]:
    """Return the message of a job that revokes a deleted token whose provider has no endpoint for it."""
    record = {
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": write_message(_REVOCATION_ID),
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183"},
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{environment.REGION}:{environment.ACCOUNT}:cloakroom",
        "awsRegion": environment.REGION,
    }
    return {"Records": [record]}


def connect_event() -> dict[str, Any]:
    """Return what API Gateway brings when a browser opens a socket."""
    return {
        "headers": {"Host": "sockets.example"},
        "queryStringParameters": {"ticket": TICKET},
        "isBase64Encoded": False,
        "requestContext": {
            "routeKey": "$connect",
            "eventType": "CONNECT",
            "messageDirection": "IN",
            "stage": "api",
            "domainName": "sockets.example",
            "apiId": "def456",
            "requestId": "L0SM9EYnoAMFn7g=",
            "connectionId": _CONNECTION_ID,
            "connectedAt": time.time_ns() // 1_000_000,
        },
    }


def _token(now: int) -> Token:
    return Token(
        id=_TOKEN_ID,
        place=_PLACE,
        requester="login-hook",
        accepted_at=now,
        fingerprint="k1:0123456789abcdef",
        token_type="Bearer",  # noqa: S106  no password
        scope="openid email",
        expires_at=now // SECOND + _HOUR,
        has_refresh_token=True,
    )


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def _jwks() -> dict[str, Any]:
    return {"keys": [{**public_jwk(_key()), "kid": "bench", "use": "sig", "alg": "RS256"}]}


def _item(values: dict[str, object]) -> dict[str, Any]:
    """Write an item as it goes over the wire, and as a stream brings it."""
    item: dict[str, Any] = json.loads(json.dumps(to_attributes(values), default=lambda raw: b64encode(raw).decode()))
    return item
