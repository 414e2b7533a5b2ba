"""The usual stream handler: Powertools' BatchProcessor and Logger, a transaction by boto3."""

from __future__ import annotations

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

logger = Logger()
processor = BatchProcessor(event_type=EventType.DynamoDBStreams)
client = boto3.client("dynamodb")
TABLE = os.environ["TABLE_NAME"]


def settle(record: DynamoDBRecord) -> None:
    """Make the record's token current, and end its job."""
    image = record.raw_event["dynamodb"]["NewImage"]
    client.transact_write_items(
        TransactItems=[
            {
                "Update": {
                    "TableName": TABLE,
                    "Key": {"pk": image["pk"], "sk": image["sk"]},
                    "UpdateExpression": "SET #status = :ended REMOVE due_at",
                    "ConditionExpression": "#status = :pending",
                    "ExpressionAttributeNames": {"#status": "status"},
                    "ExpressionAttributeValues": {":ended": {"S": "SUCCEEDED"}, ":pending": {"S": "PENDING"}},
                }
            },
            {
                "Put": {
                    "TableName": TABLE,
                    "Item": {
                        "pk": {"S": f"SUBJECT#{image['subject']['S']}"},
                        "sk": {"S": f"PROVIDER#{image['provider']['S']}"},
                        "token": image["pk"],
                        "rank": image["accepted_at"],
                    },
                    "ConditionExpression": "attribute_not_exists(pk) OR #rank < :rank",
                    "ExpressionAttributeNames": {"#rank": "rank"},
                    "ExpressionAttributeValues": {":rank": image["accepted_at"]},
                }
            },
        ]
    )
    logger.info("job.settled", extra={"job": image["pk"]["S"]})


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> Any:
    """Settle each record, and report those that failed."""
    return process_partial_response(event=event, record_handler=settle, processor=processor, context=context)
