"""The least that erases a deleted token: read the job, claim it, one transaction."""

from __future__ import annotations

import json

from bench.limits import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Do the message's job."""
    with wire.connected() as line:
        for record in event["Records"]:
            key = {"pk": {"S": f"JOB#{json.loads(record['body'])['job_id']}"}, "sk": {"S": "JOB"}}
            job = wire.asked(line, "GetItem", TableName="cloakroom", Key=key, ConsistentRead=True)["Item"]
            wire.asked(
                line,
                "UpdateItem",
                TableName="cloakroom",
                Key=key,
                UpdateExpression="SET #status = :now",
                ConditionExpression="#status = :before",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={":now": {"S": "IN_PROGRESS"}, ":before": job["status"]},
            )
            token = {"pk": {"S": f"JOB#{job['token_id']['S']}"}, "sk": {"S": "JOB"}}
            erasing = {"TableName": "cloakroom", "Key": token, "UpdateExpression": "REMOVE sealed"}
            ending = {
                "TableName": "cloakroom",
                "Key": key,
                "UpdateExpression": "SET #status = :ended",
                "ExpressionAttributeNames": {"#status": "status"},
                "ExpressionAttributeValues": {":ended": {"S": "SUCCEEDED"}},
            }
            wire.asked(line, "TransactWriteItems", TransactItems=[{"Update": ending}, {"Update": erasing}])
        return {"batchItemFailures": []}
