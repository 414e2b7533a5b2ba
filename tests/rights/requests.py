"""What a request to DynamoDB or KMS wants to do, in the words of policies.

A transaction is what its items are, each for itself: "Permissions for Put, Update, Delete, and Get actions are governed
by the permissions used for the underlying PutItem, UpdateItem, DeleteItem, and GetItem operations" (Amazon DynamoDB
developer guide, "Using IAM with DynamoDB transactions").
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.rights.evaluate import Asked
from tests.rights.files import LEADING_KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HASH = re.compile(r"\s*#?\w+ = (:\w+)")
_IN_A_TRANSACTION = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}

Part = tuple[str, str, tuple[str, ...]]
"""An action, what it is done to, and its partitions."""


def of_the_table(operation: str, asked: Mapping[str, Any]) -> list[Part]:
    """Return what a request to DynamoDB does, item by item."""
    if operation == "TransactWriteItems":
        items = [(_IN_A_TRANSACTION[kind], _key(item)) for one in asked["TransactItems"] for kind, item in one.items()]
    elif operation == "BatchGetItem":
        (request,) = asked["RequestItems"].values()
        items = [(operation, *sorted({key["pk"]["S"] for key in request["Keys"]}))]
    elif operation == "Query":
        name = _HASH.match(asked["KeyConditionExpression"])
        assert name is not None, asked["KeyConditionExpression"]
        items = [(operation, asked["ExpressionAttributeValues"][name[1]]["S"])]
    else:
        items = [(operation,) if operation == "Scan" else (operation, _key(asked))]
    resource = f"${{Table.Arn}}/index/{asked['IndexName']}" if "IndexName" in asked else "Table.Arn"
    return [(f"dynamodb:{action}", resource, tuple(keys)) for action, *keys in items]


def with_keys(action: str, resource: str, keys: Sequence[str]) -> Asked:
    """Say it to IAM. A request without a key has no such condition key: an empty list is not the same."""
    return Asked(action=action, resource=resource, context={LEADING_KEYS: keys} if keys else {})


def under(action: str, encryption_context: Mapping[str, str]) -> Asked:
    """Say to IAM what KMS is asked for."""
    context: dict[str, Sequence[str]] = {"kms:EncryptionContextKeys": list(encryption_context)}
    context |= {f"kms:EncryptionContext:{name}": [value] for name, value in encryption_context.items()}
    return Asked(action=action, resource="SecretKey.Arn", context=context)


def _key(request: Mapping[str, Any]) -> str:
    return str((request.get("Key") or request["Item"])["pk"]["S"])
