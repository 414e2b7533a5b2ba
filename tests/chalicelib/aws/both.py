"""Both kinds of clients, boto3's and ours: what uses one is tested with each."""

from __future__ import annotations

from typing import Any, Final

from chalicelib.aws.clients import DynamoDb, Kms, Sqs
from chalicelib.aws.endpoints import parse, surroundings
from devtool import environment

KINDS: Final = ("boto3", "ours")


def dynamodb_client(kind: str, endpoint: str) -> Any:
    """Return a client for DynamoDB at an endpoint."""
    return environment.client("dynamodb", endpoint) if kind == "boto3" else DynamoDb(parse(endpoint), _local())


def kms_client(kind: str, endpoint: str) -> Any:
    """Return a client for KMS at an endpoint."""
    return environment.client("kms", endpoint) if kind == "boto3" else Kms(parse(endpoint), _local())


def sqs_client(kind: str, endpoint: str) -> Any:
    """Return a client for SQS at an endpoint."""
    return environment.client("sqs", endpoint) if kind == "boto3" else Sqs(parse(endpoint), _local())


def operations_of(client: Any) -> list[str]:
    """Return a list of the operations that a client for DynamoDB is asked for from now on."""
    asked: list[str] = []
    if not isinstance(client, DynamoDb):
        client.meta.events.register("before-call.dynamodb", lambda model, **_: asked.append(model.name))
        return asked
    service: Any = client._service
    call = service.call

    def counted(operation: str, arguments: Any, *more: Any) -> Any:
        asked.append(operation)
        return call(operation, arguments, *more)

    service.call = counted
    return asked


def _local() -> Any:
    around = surroundings(environment.fixed_credentials())
    assert around is not None
    return around
