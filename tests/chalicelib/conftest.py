"""A table, a key and a queue of a test's own, in the run's local cloud: nobody else reads or writes them."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.store.jobs import Jobs
from chalicelib.store.table import Table
from tests.chalicelib.examples import Clock, Facts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtool.testing import LiveCloud

_TEMPLATE = Path(__file__).parents[2] / "infrastructure" / "template.json"
_NOT_OF_THE_API = ("TimeToLiveSpecification", "PointInTimeRecoverySpecification", "SSESpecification")


@pytest.fixture(scope="session")
def table_definition() -> dict[str, Any]:
    """Return the template's table as CreateTable takes it."""
    properties = json.loads(_TEMPLATE.read_text(encoding="utf-8"))["Resources"]["Table"]["Properties"]
    for name in (*_NOT_OF_THE_API, "DeletionProtectionEnabled"):
        properties.pop(name)
    properties["StreamSpecification"]["StreamEnabled"] = True
    return dict(properties)


@pytest.fixture
def table(cloud: LiveCloud, table_definition: dict[str, Any]) -> Iterator[Table]:
    client = cloud.client("dynamodb")
    name = f"test-{uuid.uuid4()}"
    client.create_table(TableName=name, **table_definition)
    yield Table(client, name)
    client.delete_table(TableName=name)


@pytest.fixture
def jobs(table: Table) -> Jobs:
    return Jobs(table)


@pytest.fixture(scope="session")
def key_id(cloud: LiveCloud) -> str:
    created = cloud.client("kms").create_key(Description="tests")
    return str(created["KeyMetadata"]["KeyId"])


@pytest.fixture
def queue_url(cloud: LiveCloud) -> Iterator[str]:
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName=f"test-{uuid.uuid4()}")["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(32) as threads:
        yield threads


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def facts() -> Facts:
    return Facts()
