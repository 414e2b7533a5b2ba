"""The least that takes a token in: AES-GCM under a key that is at hand, and one signed conditional put."""

from __future__ import annotations

import json
import os
from base64 import b64encode

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.limits import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Take a token in."""
    body = json.loads(event["body"])
    arguments = put(body, sealed(body, AESGCM(bytes(range(32)))))
    with wire.connected() as line:
        wire.exchanged(line, wire.signed("DynamoDB_20120810.PutItem", arguments))
    return {"statusCode": 202, "body": "{}"}


def sealed(body: dict[str, Any], key: AESGCM) -> bytes:
    """Seal a hand-in's token."""
    nonce = os.urandom(12)
    return nonce + key.encrypt(nonce, json.dumps(body["token"]).encode(), body["subject"].encode())


def put(body: dict[str, Any], token: bytes) -> bytes:
    """Return the arguments of the PutItem."""
    item = {
        "pk": {"S": f"JOB#{os.urandom(16).hex()}"},
        "sk": {"S": "JOB"},
        "subject": {"S": body["subject"]},
        "provider": {"S": body["provider"]},
        "sealed": {"B": b64encode(token).decode()},
    }
    arguments = {"TableName": "cloakroom", "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
    return json.dumps(arguments).encode()
