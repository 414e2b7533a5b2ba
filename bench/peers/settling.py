"""The usual consumer of a stream: boto3, one record after the other, what failed reported as AWS documents it.

The same three writes in the same kind of transaction, under the same conditions; the client is made once. It reports
the first failure and stops there, as in https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from typing import Any

import boto3

_client = boto3.client("dynamodb")
_table = os.environ["TABLE_NAME"]


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Settle each record's token."""
    for record in event["Records"]:
        try:
            _settle(record["dynamodb"]["NewImage"])
        except Exception as error:  # noqa: BLE001  as documented: whatever it is, the rest comes again with it
            print(json.dumps({"event": "failed", "error": type(error).__name__}))
            return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
    return {"batchItemFailures": []}


def _settle(image: dict[str, Any]) -> None:
    if image["kind"]["S"] != "job" or image["status"]["S"] != "PENDING":
        return
    now, token_id = str(time.time_ns() // 1_000), image["pk"]["S"].removeprefix("JOB#")
    place = {name: image[name] for name in ("environment", "domain", "subject", "provider")}
    rank = {"S": f"{int(image['accepted_at']['N']):016d}#{token_id}"}
    ending = {
        "TableName": _table,
        "Key": {"pk": image["pk"], "sk": image["sk"]},
        "UpdateExpression": "SET #status = :to, updated_at = :now, rev = rev + :one, attempts = attempts + :one, "
        "#result = :result, history = list_append(if_not_exists(history, :none), :entry) REMOVE open_shard, due_at",
        "ConditionExpression": "#status = :pending AND attribute_not_exists(revoked_at)",
        "ExpressionAttributeNames": {"#status": "status", "#result": "result"},
        "ExpressionAttributeValues": {
            ":to": {"S": "SUCCEEDED"},
            ":now": {"N": now},
            ":one": {"N": "1"},
            ":result": {"M": {"current": {"BOOL": True}}},
            ":none": {"L": []},
            ":entry": {"L": [{"M": {"status": {"S": "SUCCEEDED"}, "at": {"N": now}}}]},
            ":pending": {"S": "PENDING"},
        },
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    kept = ("fingerprint", "token_type", "scope", "expires_at", "metadata", "requester", "ttl")
    current = {
        "pk": {"S": f"SUBJECT#{place['environment']['S']}#{place['domain']['S']}#{place['subject']['S']}"},
        "sk": {"S": f"PROVIDER#{place['provider']['S']}"},
        "kind": {"S": "current"},
        "token_id": {"S": token_id},
        "rank": rank,
        **{name: image[name] for name in kept},
    }
    entry = {
        "pk": {"S": f"AUDIT#{time.strftime('%Y%m%d', time.gmtime())}#{hash(token_id) % 32:02d}"},
        "sk": {"S": f"{now}#{uuid.uuid4()}"},
        "kind": {"S": "audit"},
        "event": {"S": "token.stored"},
        "token_id": {"S": token_id},
        "audit_principal": image["requester"],
        "audit_subject": place["subject"],
        **{name: place[name] for name in ("environment", "domain", "provider")},
        "origin": image["origin"],
    }
    newer = {
        "ConditionExpression": "attribute_not_exists(pk) OR #rank < :rank",
        "ExpressionAttributeNames": {"#rank": "rank"},
        "ExpressionAttributeValues": {":rank": rank},
    }
    new = {"ConditionExpression": "attribute_not_exists(pk)"}
    _client.transact_write_items(
        TransactItems=[
            {"Update": ending},
            {"Put": {"TableName": _table, "Item": current, **newer}},
            {"Put": {"TableName": _table, "Item": entry, **new}},
        ]
    )
    print(json.dumps({"event": "job.settled", "job": token_id}))
