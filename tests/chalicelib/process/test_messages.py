from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.errors import Unavailable, Unreadable
from chalicelib.process.messages import WorkQueue, read_message, write_message
from devtool import environment

if TYPE_CHECKING:
    from devtool.testing import LiveCloud


def test_a_message_names_a_job_and_carries_nothing_of_it() -> None:
    assert write_message("j1") == '{"job_id": "j1"}'
    assert read_message({"body": write_message("j1")}) == "j1"


def test_a_job_is_sent_and_received(cloud: LiveCloud, queue_url: str) -> None:
    WorkQueue(cloud.client("sqs"), queue_url).send("j1")

    (received,) = cloud.client("sqs").receive_message(QueueUrl=queue_url)["Messages"]
    assert read_message({"body": received["Body"]}) == "j1"


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


def test_a_queue_that_is_not_there_is_unavailable(cloud: LiveCloud) -> None:
    nowhere = WorkQueue(cloud.client("sqs"), f"{cloud.endpoint}/000000000000/no-such-queue")

    with pytest.raises(Unavailable, match="the queue answered"):
        nowhere.send("j1")


def test_a_queue_that_does_not_answer_is_unavailable() -> None:
    nobody = WorkQueue(environment.client("sqs", "http://127.0.0.1:9"), "http://127.0.0.1:9/000000000000/any")

    with pytest.raises(Unavailable, match="the queue did not answer: EndpointConnectionError"):
        nobody.send("j1")
