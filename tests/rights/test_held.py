"""Code in a test's own process is held to the policy of the function that it is."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

from tests.rights.held import Held

NOWHERE = "http://127.0.0.1:9"
HERS = {"environment": "default", "domain": "shop", "version": "1"}


@pytest.fixture
def held() -> Held:
    return Held()


def client(held: Held, service: str) -> Any:
    session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1")
    held.register(session.events)
    return session.client(service, endpoint_url=NOWHERE, config=Config(retries={"total_max_attempts": 1}))


def put(pk: str) -> dict[str, Any]:
    return {"TableName": "t", "Item": {"pk": {"S": pk}, "sk": {"S": "x"}}}


def update(pk: str) -> dict[str, Any]:
    change = {"UpdateExpression": "SET a = :a", "ExpressionAttributeValues": {":a": {"S": "x"}}}
    return {"TableName": "t", "Key": {"pk": {"S": pk}, "sk": {"S": "x"}}, **change}


def test_what_a_policy_allows_goes_on_to_the_wire_and_what_it_does_not_is_refused_before(held: Held) -> None:
    table = client(held, "dynamodb")
    held.function = "advance"

    with pytest.raises(EndpointConnectionError):
        table.put_item(**put("SUBJECT#default#default#jane"))
    with pytest.raises(ClientError, match=r"AccessDenied.*advance may not.*dynamodb:PutItem.*POLICIES"):
        table.put_item(**put("POLICIES"))


def test_each_item_of_a_transaction_is_looked_at(held: Held) -> None:
    table = client(held, "dynamodb")
    held.function = "advance"
    operations = [{"Put": put("JOB#1")}, {"Put": put("BRANCH#default#shop")}]

    with pytest.raises(ClientError, match="AccessDenied"):
        table.transact_write_items(TransactItems=operations)


def test_each_item_of_a_transaction_needs_the_right_to_its_own_partition_alone(held: Held) -> None:
    """The sweep ends jobs and writes entries; it may put no job, and change no entry."""
    table = client(held, "dynamodb")
    held.function = "sweep"

    with pytest.raises(EndpointConnectionError):
        table.transact_write_items(TransactItems=[{"Update": update("JOB#1")}, {"Put": put("AUDIT#20261121#01")}])
    with pytest.raises(ClientError, match=r"sweep may not.*dynamodb:UpdateItem.*AUDIT#20261121#01"):
        table.transact_write_items(TransactItems=[{"Update": update("JOB#1")}, {"Update": update("AUDIT#20261121#01")}])
    with pytest.raises(ClientError, match=r"sweep may not.*dynamodb:PutItem.*JOB#1"):
        table.transact_write_items(TransactItems=[{"Put": put("JOB#1")}, {"Put": put("AUDIT#20261121#01")}])


def test_the_hash_of_a_query_is_its_leading_key(held: Held) -> None:
    table = client(held, "dynamodb")
    held.function = "notify"

    def query(pk: str) -> None:
        condition = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": pk}}}
        table.query(TableName="t", **condition)

    with pytest.raises(EndpointConnectionError):
        query("WATCH#jane")
    with pytest.raises(ClientError, match="AccessDenied"):
        query("BRANCH#default#shop")


@pytest.mark.parametrize("context", [{}, {"environment": "default"}, {**HERS, "more": "x"}, {"aws:s3:arn": "x"}])
def test_a_key_is_made_for_an_environment_domain_and_version_and_for_nothing_else(
    held: Held, context: dict[str, str]
) -> None:
    kms = client(held, "kms")
    held.function = "work"

    with pytest.raises(EndpointConnectionError):
        kms.generate_data_key(KeyId="k", KeySpec="AES_256", EncryptionContext=HERS)
    with pytest.raises(ClientError, match="AccessDenied"):
        kms.generate_data_key(KeyId="k", KeySpec="AES_256", EncryptionContext=context)


def test_the_function_is_the_one_that_began_last_and_a_test_itself_may_do_all(held: Held) -> None:
    begun: list[dict[str, object]] = []
    table = client(held, "dynamodb")

    with pytest.raises(EndpointConnectionError):
        table.put_item(**put("CACHE"))
    held.listening(lambda **fields: begun.append(fields))(function="api")
    with pytest.raises(ClientError, match="api_handler may not"):
        table.put_item(**put("CACHE"))

    assert begun == [{"function": "api"}]
