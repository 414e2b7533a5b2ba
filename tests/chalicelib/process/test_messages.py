from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.errors import Unavailable, Unreadable
from chalicelib.process.messages import WorkQueue, read_message, write_message
from tests.chalicelib.aws.both import KINDS, sqs_client

if TYPE_CHECKING:
    from devtool.testing import LiveCloud


def test_a_message_names_a_job_and_carries_nothing_of_it() -> None:
    assert write_message("j1") == '{"job_id": "j1"}'
    assert read_message({"body": write_message("j1")}) == "j1"


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_is_sent_and_received(kind: str, cloud: LiveCloud, queue_url: str) -> None:
    WorkQueue(sqs_client(kind, cloud.endpoint), queue_url).send("j1")

    (received,) = cloud.client("sqs").receive_message(QueueUrl=queue_url)["Messages"]
    assert read_message({"body": received["Body"]}) == "j1"


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_is_held_back_as_long_as_it_says(kind: str, cloud: LiveCloud, queue_url: str) -> None:
    WorkQueue(sqs_client(kind, cloud.endpoint), queue_url).send("j1", delay=900)

    counted = cloud.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])["Attributes"]
    assert counted["ApproximateNumberOfMessagesDelayed"] == "1"
    assert "Messages" not in cloud.client("sqs").receive_message(QueueUrl=queue_url)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"body": None},
        {"body": ""},
        {"body": "no json"},
        {"body": "[]"},
        {"body": "null"},
        {"body": "{}"},
        {"body": '{"job_id": 1}'},
        {"body": '{"job_id": null}'},
    ],
)
def test_a_message_that_names_no_job_is_unreadable(message: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        read_message(message)


@pytest.mark.parametrize("kind", KINDS)
def test_a_queue_that_is_not_there_is_unavailable(kind: str, cloud: LiveCloud) -> None:
    nowhere = WorkQueue(sqs_client(kind, cloud.endpoint), f"{cloud.endpoint}/000000000000/no-such-queue")

    with pytest.raises(Unavailable, match="the queue answered"):
        nowhere.send("j1")


@pytest.mark.parametrize(("kind", "why"), [("boto3", "EndpointConnectionError"), ("ours", "ConnectionRefusedError")])
def test_a_queue_that_does_not_answer_is_unavailable(kind: str, why: str) -> None:
    nobody = WorkQueue(sqs_client(kind, "http://127.0.0.1:9"), "http://127.0.0.1:9/000000000000/any")

    with pytest.raises(Unavailable, match=f"the queue did not answer: {why}"):
        nobody.send("j1")
