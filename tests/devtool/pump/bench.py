"""A bench for the pump: tables, tiny functions and mappings in a real MiniStack, and what the functions saw."""

from __future__ import annotations

import io
import json
import sys
import uuid
import zipfile
from typing import TYPE_CHECKING, Any

from devtool import environment
from devtool.pump.lane import Pace
from devtool.pump.pump import Pump
from devtool.testing import wait_for

if TYPE_CHECKING:
    from pathlib import Path

# It writes down what it is given, then does what the items ask for.
SOURCE = """
import json, os, time

def handler(event, context):
    records = event["Records"]
    with open(os.environ["SEEN"], "a") as seen:
        seen.write(json.dumps(records) + "\\n")
    print("batch of", len(records))
    time.sleep(float(os.environ.get("PAUSE", "0")))
    images = [record["dynamodb"].get("NewImage", {}) for record in records]
    if any("raise" in image for image in images):
        raise RuntimeError("poison")
    marker = os.environ["SEEN"] + "-failed-once"
    failures = []
    for record, image in zip(records, images):
        if "fail_once" in image and not os.path.exists(marker):
            open(marker, "w").close()
            failures.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})
    return {"batchItemFailures": failures}
"""


class Bench:
    """One test's table, functions and pump; whatever was made is removed by `clear`."""

    def __init__(self, endpoint: str, folder: Path) -> None:
        self.endpoint = endpoint
        self.folder = folder
        self.tables = environment.client("dynamodb", endpoint)
        self.functions = environment.client("lambda", endpoint)
        self.queues = environment.client("sqs", endpoint)
        self.name = f"t{uuid.uuid4().hex[:8]}"
        self.pump: Pump | None = None
        self.stream = self.tables.create_table(
            TableName=self.name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "N"},
            ],
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )["TableDescription"]["LatestStreamArn"]

    def function(self, name: str = "consumer", **settings: str) -> str:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr("app.py", SOURCE)
        answer = self.functions.create_function(
            FunctionName=f"{self.name}-{name}",
            Runtime=f"python{sys.version_info[0]}.{sys.version_info[1]}",
            Role=f"arn:aws:iam::{environment.ACCOUNT}:role/any",
            Handler="app.handler",
            Code={"ZipFile": archive.getvalue()},
            Timeout=10,
            Environment={"Variables": {"SEEN": str(self.seen_file(name)), **settings}},
        )
        return str(answer["FunctionArn"])

    def map(self, function: str, **options: Any) -> str:
        answer = self.functions.create_event_source_mapping(
            EventSourceArn=self.stream,
            FunctionName=function,
            StartingPosition="TRIM_HORIZON",
            Enabled=False,
            **options,
        )
        return str(answer["UUID"])

    def queue(self) -> tuple[str, str]:
        url = self.queues.create_queue(QueueName=f"{self.name}-failures")["QueueUrl"]
        answer = self.queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(url), str(answer["Attributes"]["QueueArn"])

    def put(self, pk: str, sk: int, **fields: Any) -> None:
        self.tables.put_item(TableName=self.name, Item={"pk": {"S": pk}, "sk": {"N": str(sk)}, **fields})

    def start(self) -> Pump:
        self.pump = Pump(self.endpoint, pace=Pace(first=0.02, longest=0.1), expiry_interval=3600).start()
        return self.pump

    def seen_file(self, name: str = "consumer") -> Path:
        return self.folder / f"{self.name}-{name}.jsonl"

    def batches(self, name: str = "consumer") -> list[list[dict[str, Any]]]:
        file = self.seen_file(name)
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def numbers(self, name: str = "consumer") -> list[list[int]]:
        """List the sort keys of each batch that the function has seen."""
        return [[int(record["dynamodb"]["Keys"]["sk"]["N"]) for record in batch] for batch in self.batches(name)]

    def await_message(self, url: str) -> dict[str, Any]:
        def received() -> dict[str, Any] | None:
            messages = self.queues.receive_message(QueueUrl=url).get("Messages", [])
            return json.loads(messages[0]["Body"]) if messages else None

        message: dict[str, Any] = wait_for(received)
        return message

    def clear(self) -> None:
        if self.pump is not None:
            self.pump.stop(drain_seconds=0)
        for page in self.functions.get_paginator("list_event_source_mappings").paginate():
            for mapping in page["EventSourceMappings"]:
                self.functions.delete_event_source_mapping(UUID=mapping["UUID"])
        self.tables.delete_table(TableName=self.name)
