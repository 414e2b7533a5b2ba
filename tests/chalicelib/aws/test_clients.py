"""What our clients send beside what they are asked, and what they share."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from botocore.retries.standard import ThrottledRetryableChecker

from chalicelib.aws.clients import DynamoDb, Sqs
from chalicelib.aws.endpoints import surroundings
from chalicelib.aws.json_service import THROTTLED, Refused
from chalicelib.aws.line import Unanswered
from devtool import environment
from tests.chalicelib.aws.scripted import Scripted, closes, is_silent, says

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.aws.endpoints import Surroundings

OF_OTHER_SERVICES = {"SlowDown", "EC2ThrottledException"}


@pytest.fixture
def around() -> Surroundings:
    found = surroundings(environment.fixed_credentials())
    assert found is not None
    return found


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted([]) as scripted:
        yield scripted


@pytest.fixture
def table(server: Scripted, around: Surroundings) -> DynamoDb:
    return DynamoDb(server.endpoint, around)


def test_all_tries_of_a_transaction_carry_one_token_and_the_next_transaction_another(
    server: Scripted, table: DynamoDb
) -> None:
    busy = says(400, {"__type": "x#TransactionInProgressException"})
    server.script += [closes, busy, says(200), says(200)]

    table.transact_write_items(TransactItems=[])
    table.transact_write_items(TransactItems=[])

    first, *again, other = [body["ClientRequestToken"] for body in server.bodies]
    assert again == [first, first]
    assert other != first
    assert all(len(token) == 32 for token in (first, other))


def test_a_transaction_that_is_cancelled_is_not_sent_again(server: Scripted, table: DynamoDb) -> None:
    reasons = [{"Code": "None"}, {"Code": "TransactionConflict", "Message": "m"}]
    server.script.append(says(400, {"__type": "x#TransactionCanceledException", "CancellationReasons": reasons}))

    with pytest.raises(Refused) as refused:
        table.transact_write_items(TransactItems=[])

    assert refused.value.response["CancellationReasons"] == reasons
    assert len(server.heard) == 1


def test_each_operation_is_called_by_its_name(server: Scripted, table: DynamoDb) -> None:
    asks = {
        "PutItem": table.put_item,
        "UpdateItem": table.update_item,
        "DeleteItem": table.delete_item,
        "TransactWriteItems": table.transact_write_items,
        "GetItem": table.get_item,
        "BatchGetItem": table.batch_get_item,
        "Query": table.query,
        "Scan": table.scan,
        "DescribeTable": table.describe_table,
    }
    server.script += [says(200, {"n": 1})] * len(asks)

    answers = [ask(TableName="t") for ask in asks.values()]

    assert answers == [{"n": 1}] * len(asks)
    assert [headers["x-amz-target"] for headers, _ in server.heard] == [f"DynamoDB_20120810.{name}" for name in asks]
    assert {body["TableName"] for body in server.bodies} == {"t"}


def test_a_message_says_for_which_queue_it_is(server: Scripted, around: Surroundings) -> None:
    server.script.append(says(200, {"MessageId": "m"}))

    Sqs(server.endpoint, around).send_message(QueueUrl="https://sqs.example/1/q", MessageBody="{}", DelaySeconds=7)

    ((headers, body),) = server.heard
    assert headers["x-amz-target"] == "AmazonSQS.SendMessage"
    assert headers["content-type"] == "application/x-amz-json-1.0"
    assert json.loads(body) == {"QueueUrl": "https://sqs.example/1/q", "MessageBody": "{}", "DelaySeconds": 7}


def test_who_gives_up_sooner_shares_the_connection(server: Scripted, table: DynamoDb) -> None:
    server.script += [says(200), says(200)]

    table.get_item()
    table.hurried(tries=1, read_timeout=1).get_item()

    assert server.opened == 1


def test_who_gives_up_sooner_waits_less_and_asks_less_often(server: Scripted, table: DynamoDb) -> None:
    hurried = table.hurried(tries=1, read_timeout=0.2)
    server.script += [is_silent(1.0), says(200, {"n": 1})]

    with pytest.raises(Unanswered):
        hurried.get_item()

    assert len(server.heard) == 1
    assert table.get_item() == {"n": 1}


def test_threads_that_ask_one_after_the_other_share_a_connection(server: Scripted, table: DynamoDb) -> None:
    server.script += [says(200)] * 3
    table.get_item()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(table.get_item).result()
        pool.submit(table.get_item).result()

    assert server.opened == 1


def test_what_botocore_takes_for_a_throttle_is_one_here() -> None:
    known = set(ThrottledRetryableChecker._THROTTLED_ERROR_CODES) - OF_OTHER_SERVICES

    assert known == set(THROTTLED)
