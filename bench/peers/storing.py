"""What the peers share: the bodies by pydantic, sealing under a data key that KMS unwrapped, the put by boto3.

One client of each kind, made when the module is loaded and kept, as boto3's documentation advises for Lambda; botocore
keeps its connections alive by itself.
"""

from __future__ import annotations

import base64
import datetime as dt
import os
import uuid
from functools import cache
from typing import Annotated, Literal

import boto3
from boto3.dynamodb.conditions import Attr
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9._-]*$")]
Secret = Annotated[str, Field(min_length=1, max_length=16_384)]

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
kms = boto3.client("kms")


class TokenIn(BaseModel):
    """A provider's token."""

    model_config = ConfigDict(extra="forbid")

    access_token: Secret
    refresh_token: Secret | None = None
    id_token: Secret | None = None
    token_type: Annotated[str, Field(max_length=64)] = "Bearer"  # noqa: S105  no password
    scope: Annotated[str, Field(max_length=4_096)] | None = None
    expires_in: Annotated[int, Field(ge=1)] | None = None


class HandIn(BaseModel):
    """A token and whose it is."""

    model_config = ConfigDict(extra="forbid")

    subject: Annotated[str, Field(min_length=1, max_length=255)]
    provider: Name
    domain: Name = "default"
    environment: Name = "default"
    token: TokenIn
    metadata: Annotated[dict[str, Annotated[str, Field(max_length=256)]], Field(max_length=16)] = {}


class Accepted(BaseModel):
    """The answer."""

    id: str
    status: Literal["PENDING"] = "PENDING"
    accepted_at: dt.datetime
    links: dict[str, str]


@cache
def data_key() -> AESGCM:
    """Unwrap the data key, once a process."""
    unwrapped = kms.decrypt(CiphertextBlob=base64.b64decode(os.environ["WRAPPED_KEY"]), KeyId=os.environ["KMS_KEY_ID"])
    return AESGCM(unwrapped["Plaintext"])


def store(body: HandIn, principal: str) -> Accepted:
    """Seal a token, put it, and return what is answered."""
    token_id, now = uuid.uuid4().hex, dt.datetime.now(dt.UTC)
    nonce = os.urandom(12)
    bound_to = f"{body.environment}/{body.domain}/{body.subject}/{body.provider}/{token_id}".encode()
    sealed = nonce + data_key().encrypt(nonce, body.token.model_dump_json(exclude_none=True).encode(), bound_to)
    table.put_item(
        Item={
            "pk": f"JOB#{token_id}",
            "sk": "JOB",
            "kind": "job",
            "status": "PENDING",
            "type": "token.store",
            "subject": body.subject,
            "provider": body.provider,
            "domain": body.domain,
            "environment": body.environment,
            "requester": principal,
            "created_at": int(now.timestamp() * 1_000_000),
            "sealed": sealed,
            "metadata": body.metadata,
            "ttl": int(now.timestamp()) + 30 * 86_400,
        },
        ConditionExpression=Attr("pk").not_exists(),
    )
    return Accepted(id=token_id, accepted_at=now, links={"job": f"/jobs/{token_id}", "token": f"/tokens/{token_id}"})
