"""What the tests' own cloud promises to the tests that build on it."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import TYPE_CHECKING

from devtool import testing
from devtool.demo import demonstrate
from devtool.seed import GROUPS

if TYPE_CHECKING:
    import pytest

    from devtool.testing import LiveCloud


def get(url: str) -> int:
    with urllib.request.urlopen(url) as answer:
        return int(answer.status)


def test_the_main_job_runs_before_your_eyes(cloud: LiveCloud, capsys: pytest.CaptureFixture[str]) -> None:
    demonstrate(cloud.info, cloud.signer)

    steps = [line for line in capsys.readouterr().out.splitlines() if line.endswith(" ms")]
    assert len(steps) == 5
    assert "202" in steps[2]
    assert "push" in steps[3]


def test_the_groups_policies_are_in_the_table(cloud: LiveCloud) -> None:
    pages = cloud.client("dynamodb").get_paginator("scan").paginate(TableName=cloud.table)
    items = [item for page in pages for item in page["Items"]]

    stored = {item["policy"]["M"]["group"]["S"] for item in items if item["kind"]["S"] == "policy"}
    assert stored >= {policy["group"] for policy in json.loads(GROUPS.read_text())}


def test_the_table_expires_items_and_can_be_recovered(cloud: LiveCloud) -> None:
    client = cloud.client("dynamodb")

    setting = client.describe_time_to_live(TableName=cloud.table)["TimeToLiveDescription"]
    backups = client.describe_continuous_backups(TableName=cloud.table)["ContinuousBackupsDescription"]

    assert setting == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def test_streams_are_the_pumps_and_the_queue_is_the_emulators(cloud: LiveCloud) -> None:
    mappings = cloud.client("lambda").list_event_source_mappings()["EventSourceMappings"]

    states = {
        mapping["FunctionArn"].rpartition(":")[2]: (mapping["EventSourceArn"].split(":")[2], mapping["State"])
        for mapping in mappings
    }
    assert states == {
        cloud.function_name("advance"): ("dynamodb", "Disabled"),
        cloud.function_name("notify"): ("dynamodb", "Disabled"),
        cloud.function_name("work"): ("sqs", "Enabled"),
    }


def test_an_expired_item_goes_when_a_test_says_so(cloud: LiveCloud) -> None:
    client = cloud.client("dynamodb")
    key = {"pk": {"S": "expiring"}, "sk": {"S": "expiring"}}
    client.put_item(TableName=cloud.table, Item={**key, "ttl": {"N": str(int(time.time()) + 500)}})

    assert cloud.expire_now() == 0
    assert cloud.expire_now(time.time() + 501) >= 1
    assert "Item" not in client.get_item(TableName=cloud.table, Key=key)


def test_a_worker_can_be_found_killed_and_is_replaced(cloud: LiveCloud) -> None:
    assert get(f"{cloud.api_url}/health") == 200
    before = cloud.worker_pids("api_handler")

    killed = [pid for pid in before if cloud.kill_worker(pid)]  # an idle one may end by itself meanwhile

    assert killed
    assert not cloud.kill_worker(killed[0])
    assert get(f"{cloud.api_url}/health") == 200

    assert not set(before) & set(cloud.worker_pids("api_handler"))


def test_logs_of_a_function_can_be_read(cloud: LiveCloud) -> None:
    assert get(f"{cloud.api_url}/health") == 200

    assert '"event":"health.answered"' in cloud.logs("api_handler")


def test_a_long_log_is_read_to_its_end(cloud: LiveCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    assert get(f"{cloud.api_url}/health") == 200
    whole = cloud.logs("api_handler").splitlines()

    monkeypatch.setattr(testing, "LOG_PAGE", len(whole) // 2 + 1)

    assert cloud.logs("api_handler").splitlines()[: len(whole)] == whole


def test_all_that_is_on_the_streams_settles(cloud: LiveCloud) -> None:
    assert cloud.settle()
