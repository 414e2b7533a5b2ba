"""The app in this process, by Chalice's test client, over a table, a key and a queue of its own in the local cloud."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

import app as module
from chalicelib import log
from chalicelib.aws.json_service import JsonService
from chalicelib.notify.side_by_side import SideBySide
from chalicelib.store.policies import Policies
from chalicelib.wiring import Wiring
from chalicelib.wiring.system import now
from devtool import environment
from tests.app.service import Service
from tests.chalicelib.notify.management_api import ManagementApi
from tests.conftest import bucket_of_its_own, table_of_its_own
from tests.rights.held import Held

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.store.table import Table
    from devtool.testing import LiveCloud

_GROUPS = Path(__file__).parents[2] / "infrastructure" / "groups.json"


@pytest.fixture(scope="module")
def service(cloud: LiveCloud, key_id: str) -> Iterator[Service]:
    queue_url = cloud.client("sqs").create_queue(QueueName=f"test-{uuid.uuid4()}")["QueueUrl"]
    with (
        table_of_its_own(cloud, "boto3") as table,  # the test's own: what functions ask by ours is held to policies
        bucket_of_its_own(cloud) as bucket,
        ManagementApi() as sockets,
        pytest.MonkeyPatch.context() as patch,
    ):
        _keep_default_policies(table)
        settings = _settings(cloud, table, key_id, queue_url, sockets.url)
        for name, value in {**settings, "IMPORTS_BUCKET": bucket}.items():
            patch.setenv(name, value)
        _hold_to_policies(patch)
        wired = Wiring()
        patch.setattr(module, "wired", wired)
        yield Service(cloud=cloud, table=table, queue_url=queue_url, sockets=sockets, wired=wired)
        _close(wired)
    cloud.client("sqs").delete_queue(QueueUrl=queue_url)


def _hold_to_policies(patch: pytest.MonkeyPatch) -> None:
    """Let each function do what its policy lets it, although all of them run in this process."""
    held = Held()
    patch.setattr(boto3, "DEFAULT_SESSION", None)
    boto3.setup_default_session()
    held.register(boto3.DEFAULT_SESSION.events)
    patch.setattr(JsonService, "call", held.wrap(JsonService.call))
    patch.setattr(log, "begin", held.listening())


def _settings(cloud: LiveCloud, table: Table, key_id: str, queue_url: str, management_url: str) -> dict[str, str]:
    return {
        **environment.fixed_credentials(),
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "TABLE_NAME": table.name,
        "QUEUE_URL": queue_url,
        "KMS_KEY_ID": key_id,
        "JWT_ISSUER": cloud.issuer,
        "JWT_AUDIENCE": cloud.audience,
        "JWKS_URL": cloud.jwks_url,
        "WEBSOCKET_URL": "ws://browsers.example/api",
        "WEBSOCKET_MANAGEMENT_URL": management_url,
        "EVENT_FAILURES": "report",
        "PRIVATE_PROVIDERS": "allow",
    }


def _keep_default_policies(table: Table) -> None:
    policies = Policies(table, now)
    for group in json.loads(_GROUPS.read_text(encoding="utf-8")):
        policies.put(group)


def _close(wired: Wiring) -> None:
    """End the threads and connections that this process opened."""
    opened: dict[str, Any] = vars(wired)
    for pool in ("settling_pool", "pushing_pool"):
        if pool in opened:
            opened[pool].shutdown()
    if isinstance(talks := opened.get("talks"), SideBySide):
        talks.close()
