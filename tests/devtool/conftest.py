"""A stage for `./dev ops`: a table and queues of a test's own in the run's cloud."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from devtool.ops.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.store.table import Table
    from devtool.testing import LiveCloud


@pytest.fixture
def stage(cloud: LiveCloud, table: Table, queue_url: str, key_id: str) -> Iterator[Stage]:
    sqs = cloud.client("sqs")
    others = [sqs.create_queue(QueueName=f"test-{uuid.uuid4()}")["QueueUrl"] for _ in range(2)]
    yield Stage(
        table=table,
        sqs=sqs,
        queue_url=queue_url,
        dead_letter_queue_url=others[0],
        stream_failures_queue_url=others[1],
        kms=cloud.client("kms"),
        key_id=key_id,
    )
    for url in others:
        sqs.delete_queue(QueueUrl=url)
