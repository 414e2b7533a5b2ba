"""`ops queue` and `ops dlq`: depths, what is in the dead-letter queue, and sending it round again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.errors import Unreadable
from chalicelib.model.clock import SECOND
from chalicelib.process.messages import read_message
from devtool.ops import show
from devtool.ops.jobs import overdue_jobs, type_of
from devtool.ops.stage import now

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtool.ops.stage import Stage

_MILLISECOND = SECOND // 1_000
_PEEK_SECONDS = 20
"""How long a message that was looked at stays hidden from others; a look must not race a redrive for long."""

_DEPTHS = {
    "waiting": "ApproximateNumberOfMessages",
    "in flight": "ApproximateNumberOfMessagesNotVisible",
    "held back": "ApproximateNumberOfMessagesDelayed",
}

_NO_JOBS = {"overdue jobs": None, "oldest": None}


def depths(stage: Stage, *, as_json: bool) -> None:
    """Print how much is in each queue, how many open jobs are overdue, and the age of the oldest of those.

    SQS itself tells a message's age to CloudWatch alone (ApproximateAgeOfOldestMessage).
    """
    moment = now()
    jobs, unreadable = overdue_jobs(stage, moment)
    overdue = {
        "overdue jobs": len(jobs) + unreadable,
        "oldest": show.ago(jobs[0].accepted_at, moment) if jobs else None,
    }
    queues = {
        "work": stage.queue_url,
        "dead letters": stage.dead_letter_queue_url,
        "stream failures": stage.stream_failures_queue_url,
    }
    found: list[show.Row] = []
    for name, url in queues.items():
        counts = stage.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(_DEPTHS.values()))["Attributes"]
        depth = {column: int(counts[key]) for column, key in _DEPTHS.items()}
        found.append({"queue": name, **depth, **(overdue if name == "work" else _NO_JOBS)})
    show.rows(found, as_json=as_json, nothing="")


def dead_letters(stage: Stage, *, as_json: bool) -> None:
    """List the messages of the dead-letter queue without taking them."""
    moment = now()
    found = [_row(stage, message, moment) for message in _messages(stage, hidden_for=_PEEK_SECONDS)]
    show.rows(found, as_json=as_json, nothing="the dead-letter queue is empty")


def redrive(stage: Stage, *, only_type: str | None, dry_run: bool, as_json: bool) -> None:
    """Send dead letters to the work queue again, all or those of one job type.

    Each is sent before it is deleted: one that is interrupted in between is done twice, which changes nothing.
    """
    moment = now()
    found: list[show.Row] = []
    for message in _messages(stage, hidden_for=_PEEK_SECONDS):
        row = _row(stage, message, moment)
        if only_type is not None and row["type"] != only_type:
            row["redriven"] = "no, another type"
        elif row["job"] is None:
            row["redriven"] = "no, it names no job"
        elif dry_run:
            row["redriven"] = "would be"
        else:
            stage.sqs.send_message(QueueUrl=stage.queue_url, MessageBody=message["Body"])
            stage.sqs.delete_message(QueueUrl=stage.dead_letter_queue_url, ReceiptHandle=message["ReceiptHandle"])
            row["redriven"] = "yes"
        found.append(row)
    show.rows(found, as_json=as_json, nothing="the dead-letter queue is empty")


def _messages(stage: Stage, *, hidden_for: int) -> Iterator[dict[str, Any]]:
    """Yield each message once: what was received stays hidden while the rest is."""
    seen: set[str] = set()
    while True:
        answer = stage.sqs.receive_message(
            QueueUrl=stage.dead_letter_queue_url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=hidden_for,
            WaitTimeSeconds=1,
            MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
        )
        fresh = [message for message in answer.get("Messages", []) if message["MessageId"] not in seen]
        if not fresh:
            return
        seen.update(message["MessageId"] for message in fresh)
        yield from fresh


def _row(stage: Stage, message: dict[str, Any], moment: int) -> show.Row:
    try:
        job_id: str | None = read_message({"body": message["Body"]})
    except Unreadable:
        job_id = None
    sent = int(message["Attributes"]["SentTimestamp"]) * _MILLISECOND
    return {
        "message": message["MessageId"],
        "job": job_id,
        "type": None if job_id is None else type_of(stage, job_id),
        "age": show.ago(sent, moment),
        "receives": int(message["Attributes"]["ApproximateReceiveCount"]),
    }
