"""Wiring opens each thing when it is first asked for, and keeps it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from chalicelib.aws.clients import DynamoDb, Kms, Sqs
from chalicelib.aws.endpoints import Endpoint
from chalicelib.errors import Misconfigured
from chalicelib.notify.talks import InThreads
from chalicelib.wiring import Wiring
from chalicelib.wiring.system import new_ticket, now
from devtool import environment
from tests.chalicelib.test_config import WHOLE

PROJECT = Path(__file__).parents[2]
PARTS = [name for layer in Wiring.__mro__[:-1] for name in vars(layer) if not name.startswith("_")]


@pytest.fixture
def wiring(monkeypatch: pytest.MonkeyPatch) -> Wiring:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name, value in {**environment.fixed_credentials(), **WHOLE, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)
    return Wiring()


@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_made_once_from_the_settings_alone(wiring: Wiring, part: str) -> None:
    assert getattr(wiring, part) is getattr(wiring, part)


@pytest.mark.parametrize("part", ["table", "counter", "post", "verifier", "cache", "advance"])
def test_a_missing_setting_is_named_when_a_part_is_asked_for(
    wiring: Wiring, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.delenv("TABLE_NAME")

    with pytest.raises(Misconfigured, match="TABLE_NAME"):
        getattr(wiring, part)


def test_pushes_go_to_the_address_of_the_setting_once_and_briefly(wiring: Wiring) -> None:
    line: Any = wiring.post._client._line

    board: Any = wiring.talks._board  # type: ignore[attr-defined]

    assert line.endpoint == board._endpoint == Endpoint(is_secure=True, host="ws.example", port=443, path="/api")
    assert line._read_timeout == board._read_timeout == 2


def test_where_the_environment_does_not_say_as_whom_boto3_makes_every_call(
    wiring: Wiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "ours")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(PROJECT / "tests/data/profile.ini"))

    pushing: Any = wiring.post._client
    many: Any = wiring.talks
    hurried = (wiring.known_access._source._table._client, wiring.cache._table._client)  # type: ignore[attr-defined]
    clients = (wiring.table._client, *hurried, pushing, wiring.keys_client, wiring.queue._client)

    assert [client.meta.service_model.service_name for client in clients] == [
        *["dynamodb"] * 3,
        "apigatewaymanagementapi",
        "kms",
        "sqs",
    ]
    asked = [_patience(client) for client in (wiring.table._client, *hurried)]
    assert asked == [(1, 3, 3), (1, 1, 2), (1, 1, 1)]
    assert pushing.meta.endpoint_url == "https://ws.example/api"
    assert pushing.meta.config.retries["total_max_attempts"] == 1
    assert pushing.meta.config.read_timeout == 2
    assert isinstance(many, InThreads)
    assert many.post._client.meta.service_model.service_name == "apigatewaymanagementapi"


def test_aws_is_asked_three_times_at_the_most_within_a_requests_time(wiring: Wiring) -> None:
    clients: list[Any] = [wiring.table._client, wiring.keys_client, wiring.queue._client]

    assert [_patience(client) for client in clients] == [(1, 3, 3)] * 3


def test_what_a_process_knows_and_what_an_outsider_can_be_asked_give_the_table_up_after_a_second(
    wiring: Wiring,
) -> None:
    known: Any = wiring.known_access._source

    assert _patience(known._table._client) == (1, 1, 2)
    assert _patience(wiring.cache._table._client) == (1, 1, 1)


def test_all_that_ask_the_table_share_its_connections(wiring: Wiring) -> None:
    known: Any = wiring.known_access._source

    lines = {id(table._client.line) for table in (wiring.table, wiring.cache._table, known._table)}

    assert len(lines) == 1


def _patience(client: Any) -> tuple[float, float, int]:
    """Return how long a client waits to connect and for an answer, and how often it asks."""
    if isinstance(client, DynamoDb | Kms | Sqs):
        service: Any = client._service
        return client.line._connect_timeout, min(service._read_timeout, client.line._read_timeout), service._tries
    config = client.meta.config
    return config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]


@pytest.mark.parametrize(("setting", "allowed"), [("refuse", False), ("allow", True)])
def test_the_stage_says_whether_providers_may_lie_inside(
    wiring: Wiring,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    allowed: bool,  # noqa: FBT001
) -> None:
    monkeypatch.setenv("PRIVATE_PROVIDERS", setting)

    assert wiring.outside._allow_private is allowed


def test_a_form_is_sent_to_the_region_of_its_bucket(monkeypatch: pytest.MonkeyPatch, wiring: Wiring) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")

    url, fields = wiring.reception.files.form("imports/somebody/file")

    assert url == "https://bucket.s3.eu-west-1.amazonaws.com/"
    assert fields["x-amz-algorithm"] == "AWS4-HMAC-SHA256"


def test_ids_and_tickets_are_never_the_same_twice(wiring: Wiring) -> None:
    ids = {wiring.intake.new_id() for _ in range(1_000)}
    tickets = {new_ticket() for _ in range(1_000)}

    assert (len(ids), len(tickets)) == (1_000, 1_000)
    assert {len(text) for text in ids} == {26}
    assert {len(text) for text in tickets} == {43}


def test_now_is_in_microseconds() -> None:
    assert 1_700_000_000_000_000 < now() < 10_000_000_000_000_000


def test_wiring_itself_opens_nothing() -> None:
    probe = (
        "import sys\nfrom chalicelib.wiring import wired\n"
        "sys.exit(any(name in sys.modules for name in ('boto3', 'botocore', 'jwt', 'cryptography')))"
    )

    assert subprocess.run([sys.executable, "-c", probe], cwd=PROJECT, check=False).returncode == 0
