"""The usual queue handler: Powertools' BatchProcessor and Logger, boto3.resource."""

from __future__ import annotations

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from boto3.dynamodb.conditions import Attr

logger = Logger()
processor = BatchProcessor(event_type=EventType.SQS)
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def work(record: SQSRecord) -> None:
    """Do the message's job: erase a deleted token."""
    key = {"pk": f"JOB#{record.json_body['job_id']}", "sk": "JOB"}
    job = table.get_item(Key=key, ConsistentRead=True)["Item"]
    table.update_item(
        Key=key,
        UpdateExpression="SET #status = :now",
        ConditionExpression=Attr("status").eq(job["status"]),
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":now": "IN_PROGRESS"},
    )
    token = {"pk": f"JOB#{job['token_id']}", "sk": "JOB"}
    table.meta.client.transact_write_items(
        TransactItems=[
            {
                "Update": {
                    "TableName": table.name,
                    "Key": key,
                    "UpdateExpression": "SET #status = :ended",
                    "ExpressionAttributeNames": {"#status": "status"},
                    "ExpressionAttributeValues": {":ended": "SUCCEEDED"},
                }
            },
            {"Update": {"TableName": table.name, "Key": token, "UpdateExpression": "REMOVE sealed"}},
        ]
    )
    logger.info("token.erased", extra={"job": key["pk"]})


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> Any:
    """Do each message's job, and report those that failed."""
    return process_partial_response(event=event, record_handler=work, processor=processor, context=context)
