"""The deployed stack, once for all tests of a run that ask for it; and tables, a key, queues of a test's own in the
same local cloud, which nobody else reads or writes.
"""

from __future__ import annotations

import json
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from chalicelib.store.table import Table
from devtool.testing import LiveCloud, live_cloud
from tests.chalicelib.aws.both import dynamodb_client

if TYPE_CHECKING:
    from collections.abc import Iterator

# A busy machine is no fault of the code: how long one example takes is not what property tests are about.
hypothesis.settings.register_profile("cloakroom", deadline=None)
hypothesis.settings.load_profile("cloakroom")

_TEMPLATE = Path(__file__).parents[1] / "infrastructure" / "template.json"
_TAKEN_BY_CREATE_TABLE = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")


@pytest.fixture(scope="session")
def cloud() -> Iterator[LiveCloud]:
    with live_cloud() as running:
        yield running


@pytest.fixture
def table(cloud: LiveCloud) -> Iterator[Table]:
    with table_of_its_own(cloud) as made:
        yield made


@contextmanager
def table_of_its_own(cloud: LiveCloud, kind: str = "ours") -> Iterator[Table]:
    """Make a table as the template defines it, asked by a kind of client, and delete it in the end."""
    properties = json.loads(_TEMPLATE.read_text(encoding="utf-8"))["Resources"]["Table"]["Properties"]
    definition: dict[str, Any] = {name: properties[name] for name in _TAKEN_BY_CREATE_TABLE}
    stream = {**properties["StreamSpecification"], "StreamEnabled": True}
    client = cloud.client("dynamodb")
    name = f"test-{uuid.uuid4()}"
    client.create_table(TableName=name, StreamSpecification=stream, **definition)
    yield Table(dynamodb_client(kind, cloud.endpoint), name)
    client.delete_table(TableName=name)


@pytest.fixture
def bucket(cloud: LiveCloud) -> Iterator[str]:
    with bucket_of_its_own(cloud) as made:
        yield made


@contextmanager
def bucket_of_its_own(cloud: LiveCloud) -> Iterator[str]:
    """Make a bucket, and delete it with all that is in it in the end."""
    s3, name = cloud.client("s3"), f"test-{uuid.uuid4()}"
    s3.create_bucket(Bucket=name)
    yield name
    for found in s3.list_objects_v2(Bucket=name).get("Contents", []):
        s3.delete_object(Bucket=name, Key=found["Key"])
    s3.delete_bucket(Bucket=name)


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
