"""Queue messages: they point to a job and carry nothing of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

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
    """The queue of slow work. `client` is boto3's."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, job_id: str, *, delay: int = 0) -> None:
        """Queue a job, held back for `delay` seconds (900 at the most). Raises Unavailable when it was not taken."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  cold starts pay for it

        try:
            self._client.send_message(QueueUrl=self._url, MessageBody=write_message(job_id), DelaySeconds=delay)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            raise Unavailable(f"the queue answered {code}") from None
        except BotoCoreError as error:
            raise Unavailable(f"the queue did not answer: {type(error).__name__}") from None
