from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.store.keys import subject_partition
from tests.stack.http import Answer, Api, hand_in, unique

if TYPE_CHECKING:
    from devtool.testing import LiveCloud


def keyed(api: Api, key: str, body: object, bearer: str | None = None) -> Answer:
    return api.post("/tokens", bearer or api.producer, body=body, headers={"Idempotency-Key": key})


def items_about(cloud: LiveCloud, subject: str) -> list[str]:
    pages = (
        cloud.client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=cloud.table,
            ConsistentRead=True,
            FilterExpression="#subject = :subject OR pk = :tokens",
            ExpressionAttributeNames={"#subject": "subject"},
            ExpressionAttributeValues={
                ":subject": {"S": subject},
                ":tokens": {"S": subject_partition("default", "default", subject)},
            },
        )
    )
    return sorted(item["kind"]["S"] for page in pages for item in page["Items"])


def until_answered(api: Api, key: str, body: object) -> Answer:
    """Send again after a failure, as a hook does: of 32 workers that start at once, some come up too late."""
    for _ in range(5):
        answer = keyed(api, key, body)
        if answer.status not in (502, 503):
            break
    return answer


def test_a_key_used_by_32_clients_at_once_makes_one_job(api: Api, cloud: LiveCloud) -> None:
    subject = unique("at-once")
    body = hand_in(subject)

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: until_answered(api, subject, body), range(32)))

    assert {answer.status for answer in answers} == {202}
    assert len({answer.json["id"] for answer in answers}) == 1
    assert cloud.settle()
    assert items_about(cloud, subject) == ["current", "job"]
    job = api.get(f"/jobs/{answers[0].json['id']}", api.producer).json
    assert (job["status"], job["rev"], job["attempts"]) == ("SUCCEEDED", 2, 1)


def test_the_same_request_later_tells_how_the_job_stands_now(api: Api, cloud: LiveCloud) -> None:
    subject = unique("later")
    body = hand_in(subject)
    first = keyed(api, subject, body).json
    assert cloud.settle()

    second = keyed(api, subject, body).json

    assert second == {**first, "status": "SUCCEEDED"}


def test_without_a_key_each_request_is_its_own_job(api: Api) -> None:
    body = hand_in(unique("none"))

    ids = {api.post("/tokens", api.producer, body=body).json["id"] for _ in range(3)}

    assert len(ids) == 3


def changed(body: dict[str, Any], **token: object) -> dict[str, Any]:
    return {**body, "token": {**body["token"], **token}}


def test_a_key_used_for_another_body_is_refused_and_changes_nothing(api: Api) -> None:
    subject = unique("reused")
    body = hand_in(subject, access_token="the first", expires_in=3600)
    token_id = keyed(api, subject, body).json["id"]

    others = [
        changed(body, access_token="the second"),
        changed(body, expires_in=3601),
        changed(body, refresh_token="more"),
        {**body, "metadata": {"a": "b"}},
        {**body, "provider": "github"},
        {**body, "subject": unique("reused")},
        {**body, "domain": "another"},
    ]
    for other in others:
        answer = keyed(api, subject, other)
        assert (answer.status, answer.code) == (422, "idempotency_key_reused"), other

    secret = api.get(f"/tokens/{token_id}/secret", api.consumer(subject)).json
    assert secret["access_token"] == "the first"
    assert "refresh_token" not in secret


def test_two_principals_with_the_same_key_have_two_jobs(api: Api) -> None:
    key, body = unique("shared"), hand_in(unique("shared"))

    one = keyed(api, key, body, api.bearer("hook-1", "producer"))
    other = keyed(api, key, body, api.bearer("hook-2", "producer"))

    assert one.status == other.status == 202
    assert one.json["id"] != other.json["id"]


def test_a_principal_and_key_that_join_to_the_same_text_are_not_confused(api: Api) -> None:
    name, body = unique("joined"), hand_in(unique("joined"))

    one = keyed(api, f"x-{name}", body, api.bearer(f"{name}", "producer"))
    other = keyed(api, name, body, api.bearer(f"{name}x-", "producer"))

    assert one.json["id"] != other.json["id"]


def test_json_in_another_order_and_spacing_is_the_same_body(api: Api) -> None:
    subject = unique("order")
    body = hand_in(subject, expires_in=60, extra={"b": "ü", "a": {"d": [1, 2], "c": None}})
    backwards = json.dumps(reverse(body), indent=3, ensure_ascii=False).encode()

    first = keyed(api, subject, body)
    second = keyed(api, subject, b"\r\n\t " + backwards + b" \n")

    assert first.status == second.status == 202
    assert first.json["id"] == second.json["id"]


def reverse(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: reverse(value[name]) for name in reversed(list(value))}
    return value


@pytest.mark.parametrize(
    "key", ["k", "k" * 255, "a key, with: spaces & 'quotes' \"too\"", "ключ", "ü" * 100, "~!*()[]{}"]
)
def test_a_printable_key_of_up_to_255_characters_is_taken(api: Api, key: str) -> None:
    body = hand_in(unique("key"))
    principal = api.bearer(unique("hook"), "producer")

    answers = [
        api.post("/tokens", principal, body=body, headers={"Idempotency-Key": key.encode().decode("latin-1")})
        for _ in range(2)
    ]

    assert [answer.status for answer in answers] == [202, 202], answers[0].body
    assert answers[0].json["id"] == answers[1].json["id"]


@pytest.mark.parametrize("key", ["k" * 256, "", "a\tb"])
def test_another_key_is_refused_and_nothing_is_stored(api: Api, cloud: LiveCloud, key: str) -> None:
    subject = unique("bad-key")

    answer = keyed(api, key, hand_in(subject))

    assert (answer.status, answer.code) == (400, "invalid_parameter")
    assert answer.json["field"] == "Idempotency-Key"
    assert items_about(cloud, subject) == []
