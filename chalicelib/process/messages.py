"""Queue messages: they point to a job and carry nothing of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chalicelib.aws.errors import answered, named
from chalicelib.errors import Unavailable, Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping


def write_message(job_id: str) -> str:
    """Write a message that asks for a job to be done."""
    return json.dumps({"job_id": job_id})


def read_message(message: Mapping[str, Any]) -> str:
    """Return the id of the job that a raw SQS record asks for. Raises Unreadable."""
    try:
        job_id = json.loads(message["body"])["job_id"]
    except (KeyError, TypeError, ValueError):
        raise Unreadable("a queue message that names no job") from None
    if not isinstance(job_id, str):
        raise Unreadable("a queue message whose job is no text")
    return job_id


class WorkQueue:
    """The queue of slow work. `client` is boto3's or `aws.clients.Sqs`: both send again what was not answered."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, job_id: str, *, delay: int = 0) -> None:
        """Queue a job, held back for `delay` seconds (900 at the most). Raises Unavailable when it was not taken."""
        try:
            self._client.send_message(QueueUrl=self._url, MessageBody=write_message(job_id), DelaySeconds=delay)
        except Exception as error:  # noqa: BLE001  `answered` raises again what is not about AWS
            response = answered(error)
            if response is None:
                raise Unavailable(f"the queue did not answer: {named(error)}") from None
            raise Unavailable(f"the queue answered {response.get('Error', {}).get('Code', '')}") from None
