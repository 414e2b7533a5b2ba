"""The least that lets a browser in: take its ticket, register it."""

from __future__ import annotations

from hashlib import sha256

from bench.limits import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Let a connection in."""
    with wire.connected() as line:
        ticket = sha256(event["queryStringParameters"]["ticket"].encode()).hexdigest()
        key = {"pk": {"S": f"TICKET#{ticket}"}, "sk": {"S": "TICKET"}}
        taken = wire.asked(
            line,
            "DeleteItem",
            TableName="cloakroom",
            Key=key,
            ConditionExpression="attribute_exists(pk)",
            ReturnValues="ALL_OLD",
        )
        connection = event["requestContext"]["connectionId"]
        place = {"pk": {"S": f"WATCH#{taken['Attributes']['person']['S']}"}, "sk": {"S": f"CONNECTION#{connection}"}}
        wire.asked(line, "PutItem", TableName="cloakroom", Item={**taken["Attributes"], **place})
        return {"statusCode": 200}
