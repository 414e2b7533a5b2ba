"""Posting to `@connections`: a real client against a real server that answers as API Gateway does, or does not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config

from chalicelib.aws.endpoints import parse, surroundings
from chalicelib.aws.sockets import Sockets
from chalicelib.notify.post import ConnectionsApi
from chalicelib.notify.tell import GoneAway, NotDelivered
from devtool import environment
from tests.chalicelib.aws.both import KINDS
from tests.chalicelib.notify.management_api import ManagementApi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    PostTo = Callable[[str], ConnectionsApi]


@pytest.fixture
def api() -> Iterator[ManagementApi]:
    with ManagementApi() as running:
        yield running


@pytest.fixture(params=KINDS)
def post_to(request: pytest.FixtureRequest) -> Callable[[str], ConnectionsApi]:
    return by_boto3 if request.param == "boto3" else by_ours


def by_ours(url: str) -> ConnectionsApi:
    around = surroundings(environment.fixed_credentials())
    assert around is not None
    return ConnectionsApi(Sockets(parse(url), around, read_timeout=0.3))


def by_boto3(url: str) -> ConnectionsApi:
    config = Config(connect_timeout=1, read_timeout=0.3, retries={"mode": "standard", "total_max_attempts": 1})
    client = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=config,
    )
    return ConnectionsApi(client)


def test_a_message_is_posted_to_its_connection(post_to: PostTo, api: ManagementApi) -> None:
    post_to(api.url)("AbC=", b'{"type":"pong"}')

    assert api.posts == [("/api/@connections/AbC%3D", b'{"type":"pong"}')]


@pytest.mark.parametrize("error", ["GoneException", ""])
def test_a_connection_that_is_closed_has_gone_away(post_to: PostTo, api: ManagementApi, error: str) -> None:
    api.status, api.error = 410, error

    with pytest.raises(GoneAway):
        post_to(api.url)("c1", b"x")


@pytest.mark.parametrize(
    ("status", "error"),
    [(403, "ForbiddenException"), (413, "PayloadTooLargeException")],
)
def test_another_refusal_is_not_delivered(post_to: PostTo, api: ManagementApi, status: int, error: str) -> None:
    api.status, api.error = status, error

    with pytest.raises(NotDelivered, match=f"@connections answered {error}"):
        post_to(api.url)("c1", b"x")


@pytest.mark.parametrize(("status", "error"), [(429, "LimitExceededException"), (500, "500")])
def test_a_post_for_which_there_is_no_capacity_is_tried_once_more(
    post_to: PostTo, api: ManagementApi, status: int, error: str
) -> None:
    api.status, api.error = status, error

    with pytest.raises(NotDelivered, match=f"@connections answered {error}"):
        post_to(api.url)("c1", b"x")

    assert len(api.posts) == 2


def test_a_socket_is_closed_by_its_id(post_to: PostTo, api: ManagementApi) -> None:
    post_to(api.url).hang_up("AbC=")

    assert api.closed == ["/api/@connections/AbC%3D"]


def test_a_socket_that_is_closed_already_has_gone_away(post_to: PostTo, api: ManagementApi) -> None:
    api.status, api.error = 410, "GoneException"

    with pytest.raises(GoneAway):
        post_to(api.url).hang_up("c1")


def test_a_client_that_takes_too_long_is_not_delivered_within_the_time_out(post_to: PostTo, api: ManagementApi) -> None:
    api.delay = 2
    began = time.monotonic()

    with pytest.raises(NotDelivered, match=r"did not answer: (ReadTimeout|Timeout)Error"):
        post_to(api.url)("c1", b"x")

    assert time.monotonic() - began < 1.5
    assert len(api.posts) == 1


def test_nobody_there_is_not_delivered(post_to: PostTo) -> None:
    with pytest.raises(NotDelivered, match=r"did not answer: (EndpointConnection|ConnectionRefused)Error"):
        post_to("http://127.0.0.1:9/api")("c1", b"x")
