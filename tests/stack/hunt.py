"""Look for a marked secret in every place where it must not be, in every spelling that somebody might give it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from devtool.testing import LiveCloud

PAGES = 50


def spellings(marker: str) -> dict[str, bytes]:
    """Return how a text that holds the marker may hold it; base64 depends on what stands before it."""
    raw = marker.encode()
    found = {
        "plain": raw,
        "backwards": raw[::-1],
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "URL-encoded": "".join(f"%{byte:02X}" for byte in raw).encode(),
        "url-encoded": "".join(f"%{byte:02x}" for byte in raw).encode(),
        "JSON-escaped": "".join(f"\\u{byte:04x}" for byte in raw).encode(),
    }
    for before in range(3):
        whole = bytes(before) + raw
        begin, end = -(-before * 4 // 3), len(whole) * 4 // 3
        found[f"base64 behind {before}"] = base64.b64encode(whole)[begin:end]
        found[f"base64url behind {before}"] = base64.urlsafe_b64encode(whole)[begin:end]
    return found


def traces(marker: str, texts: Iterable[str | bytes]) -> list[str]:
    """Return what is found of the marker: the spelling, and what stands around it."""
    wanted = spellings(marker)
    found = []
    for text in texts:
        raw = text if isinstance(text, bytes) else text.encode(errors="replace")
        for name, spelling in wanted.items():
            at = raw.find(spelling)
            if at >= 0:
                found.append(f"{name}: ...{raw[max(0, at - 120) : at + 60]!r}...")
    return found


def function_logs(cloud: LiveCloud) -> list[str]:
    """Return all that any function has logged."""
    logs = cloud.client("logs")
    groups = [group for page in logs.get_paginator("describe_log_groups").paginate() for group in page["logGroups"]]
    return [
        event["message"]
        for group in groups
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        for event in page["events"]
    ]


def tool_logs(cloud: LiveCloud) -> list[bytes]:
    """Return what the local cloud and the pump have written, WebSocket functions' output among it."""
    return [file.read_bytes() for file in cloud.workspace.logs.rglob("*") if file.is_file()]


def table_items(cloud: LiveCloud) -> list[bytes]:
    """Return every item of the table, binaries as they are."""
    pages = cloud.client("dynamodb").get_paginator("scan").paginate(TableName=cloud.table, ConsistentRead=True)
    return [written(item) for page in pages for item in page["Items"]]


def stream_records(cloud: LiveCloud) -> list[bytes]:
    """Return every record that is on the table's stream."""
    streams = cloud.client("dynamodbstreams")
    found: list[bytes] = []
    for stream in streams.list_streams(TableName=cloud.table)["Streams"]:
        arn = stream["StreamArn"]
        for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
            at: str | None = streams.get_shard_iterator(
                StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while at:
                page = streams.get_records(ShardIterator=at, Limit=1000)
                found += [written(record["dynamodb"]) for record in page["Records"]]
                at = page.get("NextShardIterator") if page["Records"] else None
    return found


def queue_messages(cloud: LiveCloud) -> dict[str, list[str]]:
    """Return the messages that are in each queue now, by its URL; they stay there."""
    queues = cloud.client("sqs")
    found: dict[str, list[str]] = {}
    for url in queues.list_queues().get("QueueUrls", []):
        seen: dict[str, str] = {}
        for _ in range(PAGES):
            answer = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=1)
            if not answer.get("Messages"):
                break
            seen.update({message["MessageId"]: str(message) for message in answer["Messages"]})
        found[url] = list(seen.values())
    return found


def written(value: Mapping[str, Any]) -> bytes:
    """Write an item or image so that all its names, texts and bytes stand in it as they are."""
    return b"\n".join(_leaves(value))


def _leaves(value: object) -> Iterator[bytes]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield str(name).encode()
            yield from _leaves(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner)
    elif isinstance(value, bytes):
        yield value
    else:
        yield str(value).encode(errors="replace")
