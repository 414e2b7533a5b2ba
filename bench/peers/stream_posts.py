"""A usual handler of a stream: it looks the watchers up by boto3, and posts to each by boto3."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from boto3.dynamodb.conditions import Key
from boto3.dynamodb.types import TypeDeserializer

logger = Logger()
registry = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
sockets = boto3.client("apigatewaymanagementapi", endpoint_url=os.environ["WEBSOCKET_MANAGEMENT_URL"])
read = TypeDeserializer().deserialize


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Tell a job's watchers of each of its changes."""
    for record in event["Records"]:
        job = {name: read(value) for name, value in record["dynamodb"]["NewImage"].items()}
        if job["kind"] != "job":
            continue
        for person in {job["subject"], job["requester"]}:
            found = registry.query(KeyConditionExpression=Key("pk").eq(f"WATCH#{person}"), ConsistentRead=True)
            message = json.dumps({"type": "job.updated", "seq": int(job["rev"]), "job": job}, default=str)
            for watcher in found["Items"]:
                try:
                    sockets.post_to_connection(ConnectionId=watcher["connection"], Data=message.encode())
                except sockets.exceptions.GoneException:
                    registry.delete_item(Key={"pk": watcher["pk"], "sk": watcher["sk"]})
    logger.info("told", changes=len(event["Records"]))
    return {"batchItemFailures": []}
