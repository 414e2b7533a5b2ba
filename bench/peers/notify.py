"""The usual pushing handler: Powertools' BatchProcessor and Logger, boto3 for the table and `@connections`."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from boto3.dynamodb.conditions import Key

logger = Logger()
processor = BatchProcessor(event_type=EventType.DynamoDBStreams)
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
sockets = boto3.client("apigatewaymanagementapi", endpoint_url=os.environ["WEBSOCKET_MANAGEMENT_URL"])


def tell(record: DynamoDBRecord) -> None:
    """Tell whoever watches."""
    image = record.raw_event["dynamodb"]["NewImage"]
    watching = table.query(KeyConditionExpression=Key("pk").eq(f"WATCH#{image['subject']['S']}"), ConsistentRead=True)
    message = json.dumps({"type": "job.updated", "job": {"id": image["pk"]["S"], "status": image["status"]["S"]}})
    for watcher in watching["Items"]:
        sockets.post_to_connection(ConnectionId=watcher["connection"], Data=message.encode())
    logger.info("told", extra={"connections": watching["Count"]})


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> Any:
    """Tell of each record, and report those that failed."""
    return process_partial_response(event=event, record_handler=tell, processor=processor, context=context)
