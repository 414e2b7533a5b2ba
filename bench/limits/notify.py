"""The least that tells a watcher: read the record, who watches, one signed post."""

from __future__ import annotations

import json

from bench.limits import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Tell of each record."""
    with wire.connected() as line:
        for record in event["Records"]:
            image = record["dynamodb"]["NewImage"]
            watching = wire.asked(
                line,
                "Query",
                TableName="cloakroom",
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": f"WATCH#{image['subject']['S']}"}},
            )
            message = json.dumps(
                {"type": "job.updated", "job": {"id": image["pk"]["S"], "status": image["status"]["S"]}}
            )
            # Sockets are posted to at another host: another connection.
            with wire.connected() as sockets:
                for watcher in watching["Items"]:
                    path = f"/api/@connections/{watcher['connection']['S'].replace('=', '%3D')}"
                    wire.exchanged(sockets, wire.signed("", message.encode(), service="execute-api", path=path))
        return {"batchItemFailures": []}
