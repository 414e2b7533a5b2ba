"""The least that settles a token: read the record, one transaction."""

from __future__ import annotations

from bench.limits import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Make the record's token current, and end its job."""
    with wire.connected() as line:
        for record in event["Records"]:
            image = record["dynamodb"]["NewImage"]
            ending = {
                "TableName": "cloakroom",
                "Key": record["dynamodb"]["Keys"],
                "UpdateExpression": "SET #status = :ended REMOVE due_at",
                "ConditionExpression": "#status = :pending",
                "ExpressionAttributeNames": {"#status": "status"},
                "ExpressionAttributeValues": {":ended": {"S": "SUCCEEDED"}, ":pending": {"S": "PENDING"}},
            }
            place = {"pk": {"S": f"SUBJECT#{image['subject']['S']}"}, "sk": {"S": f"PROVIDER#{image['provider']['S']}"}}
            current = {
                "TableName": "cloakroom",
                "Item": {**place, "token": image["pk"], "rank": image["accepted_at"]},
                "ConditionExpression": "attribute_not_exists(pk) OR #rank < :rank",
                "ExpressionAttributeNames": {"#rank": "rank"},
                "ExpressionAttributeValues": {":rank": image["accepted_at"]},
            }
            wire.asked(line, "TransactWriteItems", TransactItems=[{"Update": ending}, {"Put": current}])
        return {"batchItemFailures": []}
