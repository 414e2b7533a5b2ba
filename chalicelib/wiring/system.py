"""What only the system can tell: the time, chance, AWS's clients. The one place that asks it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from chalicelib.model.ids import random_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.aws.endpoints import Endpoint, Surroundings

SETTLING_THREADS = 8
PUSHING_THREADS = 32


def now() -> int:
    """Return microseconds since the epoch."""
    return time.time_ns() // 1_000


def chance() -> float:
    """Return a number of [0, 1), to spread what would else happen at once: no secret."""
    import random  # noqa: PLC0415  what waits may load it

    return random.random()  # noqa: S311


def new_id() -> str:
    """Return 130 random bits as an id."""
    return random_id(os.urandom(26))


def new_ticket() -> str:
    """Return 256 random bits as text that fits a query string."""
    import secrets  # noqa: PLC0415  a ticket's price alone

    return secrets.token_urlsafe(32)


def client(
    service: str,
    *,
    endpoint_url: str | None = None,
    tries: int = 3,
    read_timeout: float = 3,
    **options: Any,
) -> Any:
    """Return a boto3 client that gives up inside a request's time: 1 s to connect, `read_timeout` to answer."""
    import boto3  # noqa: PLC0415  150 ms of a cold start: files need it, and a caller whom only a profile names
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        connect_timeout=1,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": tries},
        **options,
        max_pool_connections=max(SETTLING_THREADS, PUSHING_THREADS),
    )
    return boto3.client(service, config=config, endpoint_url=endpoint_url)


def table_client() -> Any:
    """Return what the table is asked by: a client of ours where the environment says as whom, else boto3's."""
    from chalicelib.aws.clients import DynamoDb  # noqa: PLC0415

    return _ours("dynamodb", DynamoDb) or client("dynamodb")


def hurried(table_client: Any, *, tries: int, read_timeout: float) -> Any:
    """Return a client for the same table that gives up sooner; over the same connections, if it is one of ours."""
    from chalicelib.aws.clients import DynamoDb  # noqa: PLC0415

    if isinstance(table_client, DynamoDb):
        return table_client.hurried(tries=tries, read_timeout=read_timeout)
    return client("dynamodb", tries=tries, read_timeout=read_timeout)


def keys_client() -> Any:
    """Return what KMS is asked by, in the same way."""
    from chalicelib.aws.clients import Kms  # noqa: PLC0415

    return _ours("kms", Kms) or client("kms")


def queue_client() -> Any:
    """Return what queues, in the same way."""
    from chalicelib.aws.clients import Sqs  # noqa: PLC0415

    return _ours("sqs", Sqs) or client("sqs")


def _ours(service: str, kind: Callable[[Endpoint, Surroundings], Any]) -> Any:
    """Return a client of ours; None where boto3 has to find out as whom and where to call."""
    from chalicelib.aws.endpoints import endpoint_of, surroundings  # noqa: PLC0415

    around = surroundings(os.environ)
    return None if around is None else kind(endpoint_of(service, around.region, os.environ), around)


def sockets_client(url: str) -> Any:
    """Return what posts to sockets, in the same way. Not tried twice: a slow client must not cost its neighbours more
    than one time-out.
    """
    from chalicelib.aws.endpoints import parse, surroundings  # noqa: PLC0415
    from chalicelib.aws.sockets import Sockets  # noqa: PLC0415

    around = surroundings(os.environ)
    if around is None:
        return client("apigatewaymanagementapi", endpoint_url=url, tries=1, read_timeout=2)
    return Sockets(parse(url), around)


def files_client(*, read_timeout: float) -> Any:
    """Return a client for S3 whose forms name the bucket's region: the address without it redirects for a day after the
    bucket was made, and a browser or curl does not send a form twice. A stand-in for AWS has no names for buckets.
    """
    style = "path" if os.environ.get("AWS_ENDPOINT_URL") else "virtual"
    return client("s3", read_timeout=read_timeout, signature_version="s3v4", s3={"addressing_style": style})
