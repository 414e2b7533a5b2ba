"""The usual handler of `$connect`: boto3.resource and Powertools' Logger."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from boto3.dynamodb.conditions import Attr

logger = Logger()
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


@logger.inject_lambda_context
def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Let a connection in."""
    ticket = hashlib.sha256(event["queryStringParameters"]["ticket"].encode()).hexdigest()
    taken = table.delete_item(
        Key={"pk": f"TICKET#{ticket}", "sk": "TICKET"},
        ConditionExpression=Attr("pk").exists(),
        ReturnValues="ALL_OLD",
    )["Attributes"]
    connection = event["requestContext"]["connectionId"]
    table.put_item(Item={**taken, "pk": f"WATCH#{taken['person']}", "sk": f"CONNECTION#{connection}"})
    logger.info("joined", extra={"principal": taken["principal"]})
    return {"statusCode": 200}
