"""Newest accepted wins, in whatever order and however often the stream brings two tokens of one place."""

from __future__ import annotations

import itertools
import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from chalicelib.store.quarantine import Quarantine
from chalicelib.store.table import Table
from tests.stack import stored
from tests.stack.http import Api, at, unique

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devtool.testing import LiveCloud

Record = dict[str, Any]


def deliver(cloud: LiveCloud, records: Sequence[Record], function: str = "advance") -> dict[str, Any]:
    """Invoke a stream function with raw records, as Lambda's event source does, and return what it reports."""
    answer = cloud.client("lambda").invoke(
        FunctionName=cloud.function_name(function), Payload=json.dumps({"Records": records}).encode()
    )
    payload: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, payload
    return payload


def first_record(cloud: LiveCloud, token_id: str, number: int = 1) -> Record:
    """Return the record that the stream brought when this token was stored, made again from its item."""
    image = {
        **stored.job(cloud, token_id),
        "status": {"S": "PENDING"},
        "rev": {"N": "1"},
        "attempts": {"N": "0"},
    }
    image.pop("result", None)
    return record(image, number)


def record(image: dict[str, Any], number: int = 1) -> Record:
    written = {name: _written(value) for name, value in image.items()}
    return {
        "eventID": f"{number:032x}",
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:000000000000:table/x/stream/x",
        "dynamodb": {
            "Keys": {"pk": written["pk"], "sk": written["sk"]},
            "NewImage": written,
            "SequenceNumber": f"{number:021d}",
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    }


def _written(value: dict[str, Any]) -> dict[str, Any]:
    return {"B": b64encode(value["B"]).decode()} if isinstance(value.get("B"), bytes) else value


def handed_in_twice(api: Api, subject: str) -> tuple[str, str]:
    older = api.hand_in(subject, access_token="older")
    newer = api.hand_in(subject, access_token="newer")
    return older, newer


def test_replays_in_any_order_change_nothing(api: Api, cloud: LiveCloud) -> None:
    subject = unique("replayed")
    ids = handed_in_twice(api, subject)
    assert cloud.settle()
    before = [stored.current(cloud, subject), *(stored.job(cloud, token_id) for token_id in ids)]
    records = [first_record(cloud, token_id, number) for number, token_id in enumerate(ids, 1)]

    for order in itertools.permutations(records):
        for batch in (list(order), list(order) * 2, [order[0]], [order[1]]):
            assert deliver(cloud, batch) == {"batchItemFailures": []}
    assert cloud.settle()

    assert [stored.current(cloud, subject), *(stored.job(cloud, token_id) for token_id in ids)] == before
    assert before[0]["token_id"] == {"S": ids[1]}
    assert api.get(at(subject, "google", "secret"), api.consumer(subject)).json["access_token"] == "newer"


def reopen(cloud: LiveCloud, token_id: str) -> None:
    """Put a settled job back to where it was after the 202; the stream brings it again."""
    cloud.client("dynamodb").update_item(
        TableName=cloud.table,
        Key={"pk": {"S": f"JOB#{token_id}"}, "sk": {"S": "JOB"}},
        UpdateExpression="SET #status = :pending, rev = :one, attempts = :none REMOVE #result",
        ExpressionAttributeNames={"#status": "status", "#result": "result"},
        ExpressionAttributeValues={":pending": {"S": "PENDING"}, ":one": {"N": "1"}, ":none": {"N": "0"}},
    )
    assert cloud.settle()


def test_the_newer_wins_also_when_the_older_is_settled_last(api: Api, cloud: LiveCloud) -> None:
    subject = unique("late")
    older, newer = handed_in_twice(api, subject)
    assert cloud.settle()
    key = {name: stored.current(cloud, subject)[name] for name in ("pk", "sk")}
    cloud.client("dynamodb").delete_item(TableName=cloud.table, Key=key)

    reopen(cloud, newer)
    reopen(cloud, older)

    assert stored.current(cloud, subject)["token_id"] == {"S": newer}
    jobs = [api.get(f"/jobs/{token_id}", api.producer).json for token_id in (older, newer)]
    assert [(job["status"], job["result"]) for job in jobs] == [
        ("SUCCEEDED", {"current": False}),
        ("SUCCEEDED", {"current": True}),
    ]
    assert api.get(at(subject, "google", "secret"), api.consumer(subject)).json["access_token"] == "newer"
    assert api.get(f"/tokens/{older}/secret", api.consumer(subject)).json["access_token"] == "older"


def test_a_replay_does_not_bring_a_deleted_token_back(api: Api, cloud: LiveCloud) -> None:
    subject = unique("deleted")
    older, newer = handed_in_twice(api, subject)
    assert cloud.settle()
    records = [first_record(cloud, token_id, number) for number, token_id in enumerate((older, newer), 1)]
    assert api.delete(f"/tokens/{newer}", api.consumer(subject)).status == 202

    for batch in (records, records[::-1]):
        assert deliver(cloud, batch) == {"batchItemFailures": []}

    answer = api.get(at(subject, "google", "secret"), api.consumer(subject))
    assert (answer.status, answer.code) == (410, "token_revoked")


def test_a_bad_record_is_set_aside_and_the_others_are_settled(api: Api, cloud: LiveCloud) -> None:
    subject = unique("beside")
    token_id = api.hand_in(subject)
    assert cloud.settle()
    good = first_record(cloud, token_id, 1)
    image = {name: value for name, value in good["dynamodb"]["NewImage"].items() if name != "subject"}
    bad = [
        record({**image, "pk": {"S": "JOB#poison"}}, 2),
        record({**good["dynamodb"]["NewImage"], "pk": {"S": "JOB#strange"}, "status": {"S": "LOST"}}, 3),
    ]

    report = deliver(cloud, [bad[0], good, bad[1]])

    assert report == {"batchItemFailures": []}
    quarantine = Quarantine(Table(cloud.client("dynamodb"), cloud.table))
    for number, reason in ((2, "unreadable"), (3, "unreadable")):
        noted = quarantine.find("advance", f"{number:021d}")
        assert (noted.reason, noted.is_aside) == (reason, True)
    assert cloud.settle()
    assert stored.current(cloud, subject)["token_id"] == {"S": token_id}
