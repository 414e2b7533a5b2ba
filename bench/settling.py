"""What the stream brings when a hundred tokens were handed in: the same batch for ours and the peer."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from chalicelib.model.clock import SECOND
from chalicelib.model.deposit import Deposit
from chalicelib.model.ids import hashed_id
from chalicelib.model.job import Type, first_job
from chalicelib.model.token import Place, Token
from chalicelib.store.attributes import to_attributes
from chalicelib.store.items import deposit_to_item
from devtool import environment

RECORDS = 100
"""As many as the event source brings at a time."""

_ACCEPTED = 1_763_000_000 * SECOND
_ORIGIN = {
    "issuer": "https://issuer.example/",
    "client": "login-hook",
    "bearer": "b7a1f2c94d6e4f0f8a57",
    "groups": "producer",
    "address": "192.0.2.1",
}


def event() -> dict[str, Any]:
    """Return the records of tokens of as many subjects, 1.5 KB of secret each."""
    return {"Records": [_record(number) for number in range(1, RECORDS + 1)]}


def _record(number: int) -> dict[str, Any]:
    item = to_attributes(deposit_to_item(_deposit(number)))
    image = json.loads(json.dumps(item, default=lambda content: b64encode(content).decode()))
    stream = (
        f"arn:aws:dynamodb:{environment.REGION}:{environment.ACCOUNT}:table/cloakroom/stream/2026-11-21T00:00:00.000"
    )
    return {
        "eventID": f"{number:032x}",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": environment.REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": _ACCEPTED // SECOND,
            "Keys": {"pk": image["pk"], "sk": image["sk"]},
            "NewImage": image,
            "SequenceNumber": f"{number:021d}",
            "SizeBytes": 2_400,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": stream,
    }


def _deposit(number: int) -> Deposit:
    token_id, at = hashed_id(b"bench", str(number)), _ACCEPTED + number
    place = Place(environment="prod", domain="shop", subject=f"auth0|65f0c2a7b1{number:06d}", provider="google")
    token = Token(
        id=token_id,
        place=place,
        requester="login-hook",
        accepted_at=at,
        fingerprint="k1:0123456789abcdef",
        token_type="Bearer",  # noqa: S106  no secret
        scope="openid email https://www.googleapis.com/auth/calendar.readonly",
        expires_at=at // SECOND + 3_599,
        metadata={"connection": "google-oauth2", "login_count": "17"},
    )
    job = first_job(token_id, Type.STORE, token, requester=token.requester, now=at, origin=_ORIGIN)
    return Deposit(job=job, token=token, sealed=bytes(1_600), body_mark=bytes(32), key_version=1)
