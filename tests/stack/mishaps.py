"""Make things fail that callers cannot make fail: the key, the table, what is stored, what the stream brings."""

from __future__ import annotations

import json
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devtool.testing import LiveCloud


@contextmanager
def key_disabled(cloud: LiveCloud) -> Iterator[None]:
    """Let KMS refuse to make or unwrap keys meanwhile."""
    kms = cloud.client("kms")
    kms.disable_key(KeyId=cloud.key_id)
    try:
        yield
    finally:
        kms.enable_key(KeyId=cloud.key_id)


@contextmanager
def denied(cloud: LiveCloud, function: str, *actions: str) -> Iterator[None]:
    """Take rights from a function's role meanwhile."""
    iam = cloud.client("iam")
    configuration = cloud.client("lambda").get_function_configuration(FunctionName=cloud.function_name(function))
    role = configuration["Role"].rpartition("/")[2]
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": list(actions), "Resource": "*"}],
    }
    iam.put_role_policy(RoleName=role, PolicyName="mishap", PolicyDocument=json.dumps(document))
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="mishap")


def reseal(cloud: LiveCloud, token_id: str, sealed: bytes) -> None:
    """Put other bytes where a token's secret was."""
    cloud.client("dynamodb").update_item(
        TableName=cloud.table,
        Key={"pk": {"S": f"JOB#{token_id}"}, "sk": {"S": "JOB"}},
        UpdateExpression="SET sealed = :sealed",
        ExpressionAttributeValues={":sealed": {"B": sealed}},
    )


def poison(marker: str) -> dict[str, Any]:
    """Return a job that no version of ours would write, with the marker in all that we do not check first."""
    return {
        "pk": {"S": f"JOB#{secrets.token_hex(13)}"},
        "sk": {"S": "JOB"},
        "kind": {"S": "job"},
        "type": {"S": "token.store"},
        "status": {"S": "PENDING"},
        "rev": {"N": "1"},
        "accepted_at": {"N": "1"},
        "updated_at": {"N": "1"},
        "requester": {"S": "nobody"},
        "subject": {"S": "nobody"},
        "provider": {"S": "nobody"},
        "environment": {"S": "default"},
        "domain": {"S": "default"},
        "scope": {"S": marker},
        "metadata": {"M": {marker: {"S": marker}}},
        "sealed": {"B": marker.encode()},
        marker: {"S": marker},
    }


def strange_records(marker: str) -> list[Any]:
    """Return stream records that do not parse, each in another way."""
    good = {name: value for name, value in poison(marker).items() if "B" not in value}
    images: Sequence[Any] = (
        marker,
        [marker],
        {"kind": {"S": "job"}, "pk": {"S": marker}},
        {**good, "status": {"S": marker}},
        {**good, "type": {"S": marker}},
        {**good, "rev": {"N": marker}},
        {**good, "rev": {marker: marker}},
        {**good, "sealed": {"B": marker + "="}},
        {**good, "sealed": {"B": marker, marker: marker}},
        {**good, "token_id": {"SS": [marker]}},
        {"kind": {"S": "watch"}, "connection": {"S": "x"}, "scope": {"S": marker}},
    )
    dynamodbs: list[Any] = [{"SequenceNumber": str(at), "NewImage": image} for at, image in enumerate(images, 1)]
    dynamodbs += [{"SequenceNumber": "98", "NewImage": good, "OldImage": {"rev": marker}}, {"SequenceNumber": "99"}]
    return [{"eventName": "INSERT", "dynamodb": dynamodb} for dynamodb in dynamodbs] + [
        {"eventName": "INSERT", "dynamodb": marker},
        {"eventName": marker},
    ]


def invoke(cloud: LiveCloud, function: str, records: list[Any]) -> bytes:
    """Invoke an event function with raw records and return all that it answers."""
    answer = cloud.client("lambda").invoke(
        FunctionName=cloud.function_name(function), Payload=json.dumps({"Records": records}).encode()
    )
    body: bytes = answer["Payload"].read()
    return body
