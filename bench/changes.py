"""Changes of jobs that are to be told of, and sockets that hear of them."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from websockets.sync.client import ClientConnection, connect

from bench.client import Client
from chalicelib.model.job import Job, Status, Type
from chalicelib.model.token import Place
from chalicelib.store.items import job_to_item

if TYPE_CHECKING:
    from contextlib import ExitStack

    from bench.limits.bare import Bare
    from devtool.testing import LiveCloud

PATIENCE = 20.0
_DAY = 86_400


def joined(cloud: LiveCloud, subject: str, stack: ExitStack) -> tuple[ClientConnection, str]:
    """Open a socket that hears of a subject; return it with its connection's id, its snapshot read."""
    caller = Client(cloud.api_url, cloud.token(subject, ["consumer"]))
    socket = stack.enter_context(connect(ticket(caller), open_timeout=PATIENCE, proxy=None))
    socket.recv(timeout=PATIENCE)
    return socket, connection_of(cloud, subject)


def connection_of(cloud: LiveCloud, subject: str) -> str:
    """Return the id under which a subject's only socket is registered."""
    answer = cloud.client("dynamodb").query(
        TableName=cloud.table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"WATCH#{subject}"}},
        ConsistentRead=True,
    )
    (entry,) = answer["Items"]
    return str(entry["connection"]["S"])


def ticket(caller: Client) -> str:
    """Return the address that a ticket of the caller's opens a socket by."""
    answer = caller.ask("POST", "/tickets", b"{}")
    if answer.status != HTTPStatus.CREATED:
        raise RuntimeError(f"{answer.status} instead of a ticket: {answer.body[:200]!r}")
    return str(answer.json["url"])


def forget(table: Bare, name: str, job_id: str) -> None:
    """Delete a job that was told of: an open one would stand in everybody's way who lists them."""
    table.delete(name, pk=f"JOB#{job_id}", sk="JOB")


def change(job_id: str, subject: str, number: int) -> dict[str, object]:
    """Return the item of a job's change that is to be told of and not to be worked on."""
    now = time.time_ns() // 1_000
    job = Job(
        id=job_id,
        type=Type.REFRESH,
        status=Status.IN_PROGRESS,
        rev=number,
        accepted_at=now,
        updated_at=now,
        attempts=1,
        requester="bench",
        subject=subject,
        token_id=job_id,
        place=Place(environment="default", domain="default", subject=subject, provider="google"),
        due_at=now + _DAY * 1_000_000,
    )
    return {name: value for name, value in job_to_item(job, ttl=now // 1_000_000 + _DAY).items() if value is not None}
