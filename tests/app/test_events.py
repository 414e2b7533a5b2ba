"""The event and socket handlers by raw events, as Lambda brings them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.store.quarantine import Quarantine
from tests.app.service import HOOK, a_subject, as_in_an_event
from tests.chalicelib.watched import Watched

if TYPE_CHECKING:
    from tests.app.service import Service


SCHEDULED: dict[str, Any] = {
    "version": "0",
    "id": "3a9bfe0c",
    "account": "000000000000",
    "region": "us-east-1",
    "time": "2027-01-15T08:00:00Z",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "resources": [],
    "detail": {},
}


def socket_event(kind: str, connection: str, *, ticket: str | None = None, body: str | None = None) -> dict[str, Any]:
    event: dict[str, Any] = {
        "requestContext": {
            "eventType": kind,
            "routeKey": {"CONNECT": "$connect", "DISCONNECT": "$disconnect"}.get(kind, "$default"),
            "connectionId": connection,
            "domainName": "abc.execute-api.us-east-1.amazonaws.com",
            "stage": "api",
            "apiId": "abc",
        }
    }
    if ticket is not None:
        event["queryStringParameters"] = {"ticket": ticket}
    if body is not None:
        event["body"] = body
    return event


def heard(service: Service, connection: str) -> list[dict[str, Any]]:
    """Return what one browser was sent."""
    return [json.loads(message) for path, message in service.sockets.posts if path.endswith(f"/{connection}")]


def join(service: Service, subject: str, connection: str) -> Any:
    ticket = service.ask("POST", "/tickets", (subject, ("consumer",)), body={}).body["ticket"]
    return service.invoke("websocket_connect", socket_event("CONNECT", connection, ticket=ticket))


def aside(service: Service, source: str, pointer: str) -> tuple[str, bool]:
    """Return why something is in the quarantine, and whether it is out of the way."""
    found = Quarantine(service.table).find(source, pointer)
    return found.reason, found.is_aside


def test_advance_settles_good_records_and_sets_the_poison_aside(service: Service) -> None:
    good, bad = service.hand_in(a_subject()), service.hand_in(a_subject())
    poison = service.record_of(bad, "2")
    poison["dynamodb"]["NewImage"]["status"] = {"S": "ASLEEP"}

    answer = service.invoke("advance", {"Records": [poison, service.record_of(good, "1")]})

    assert answer == {"batchItemFailures": []}
    assert aside(service, "advance", "2") == ("unreadable", True)
    assert service.ask("GET", f"/jobs/{good}", HOOK).body["status"] == "SUCCEEDED"
    assert service.ask("GET", f"/jobs/{bad}", HOOK).body["status"] == "PENDING"


def test_advance_settles_tokens_of_a_batch_by_one_transaction_on_threads_that_are_kept(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Watched(service.wired.table._client)
    monkeypatch.setattr(service.wired.table, "_client", client)
    ids = [service.hand_in(a_subject()) for _ in range(5)]
    event = {"Records": [service.record_of(one, str(number)) for number, one in enumerate(ids, 1)]}

    first = service.invoke("advance", event)
    before = service.wired.settling_pool
    second = service.invoke("advance", event)

    assert first == second == {"batchItemFailures": []}
    assert client.sizes == [15, 15], "once settled, once found settled"
    assert service.wired.settling_pool is before
    assert {service.ask("GET", f"/jobs/{one}", HOOK).body["status"] for one in ids} == {"SUCCEEDED"}


def test_a_deletion_goes_through_the_queue_to_the_worker(service: Service) -> None:
    subject = a_subject()
    token_id = service.hand_in(subject)
    service.settle(token_id)
    job_id = service.ask("DELETE", f"/tokens/{token_id}", (subject, ("consumer",))).body["id"]
    service.settle(job_id)
    sqs = service.cloud.client("sqs")
    (message,) = sqs.receive_message(QueueUrl=service.queue_url)["Messages"]
    sqs.delete_message(QueueUrl=service.queue_url, ReceiptHandle=message["ReceiptHandle"])
    records = [
        {"messageId": "m1", "body": message["Body"]},
        {"messageId": "m2", "body": "poison"},
        {"messageId": "m3", "body": '{"job_id": "gone"}'},
    ]

    answer = service.invoke("work", {"Records": records})

    assert answer == {"batchItemFailures": []}
    assert aside(service, "work", "m2") == ("unreadable", True)
    job = service.ask("GET", f"/jobs/{job_id}", (subject, ("consumer",))).body
    assert (job["status"], job["result"]) == ("SUCCEEDED", {"erased": True})


def test_a_browser_joins_by_its_ticket_once_hears_and_leaves(service: Service) -> None:
    subject = a_subject()
    ticket = service.ask("POST", "/tickets", (subject, ("consumer",)), body={}).body["ticket"]

    first = service.invoke("websocket_connect", socket_event("CONNECT", "first", ticket=ticket))
    second = service.invoke("websocket_connect", socket_event("CONNECT", "second", ticket=ticket))
    token_id = service.hand_in(subject)
    service.invoke("notify", {"Records": [service.record_of(token_id)]})
    left = service.invoke("websocket_disconnect", socket_event("DISCONNECT", "first"))
    service.invoke("notify", {"Records": [service.record_of(token_id)]})

    assert (first, second, left) == ({"statusCode": 200}, {"statusCode": 403}, {"statusCode": 200})
    assert [message["id"] for message in heard(service, "first")] == [f"{token_id}:1"]
    assert heard(service, "second") == []


@pytest.mark.parametrize("ticket", [None, "", "forged"])
def test_a_handshake_without_a_good_ticket_is_refused(service: Service, ticket: str | None) -> None:
    answer = service.invoke("websocket_connect", socket_event("CONNECT", "stranger", ticket=ticket))

    assert answer == {"statusCode": 403}


def test_who_has_just_joined_gets_a_snapshot_by_the_stream(service: Service) -> None:
    subject = a_subject()
    token_id = service.hand_in(subject)
    join(service, subject, "newcomer")
    key = {"pk": {"S": f"WATCH#{subject}"}, "sk": {"S": "CONNECTION#newcomer"}}
    item = service.table._client.get_item(TableName=service.table.name, Key=key)["Item"]
    record = {"dynamodb": {"SequenceNumber": "1", "Keys": key, "NewImage": as_in_an_event(item)}}

    assert service.invoke("notify", {"Records": [record]}) == {"batchItemFailures": []}

    (snapshot,) = heard(service, "newcomer")
    assert (snapshot["type"], [job["id"] for job in snapshot["jobs"]]) == ("snapshot", [token_id])


def test_a_browser_may_ping_and_ask_for_a_snapshot(service: Service) -> None:
    join(service, a_subject(), "talker")

    for said in ('{"action":"ping"}', '{"action":"snapshot"}', "hello"):
        assert service.invoke("websocket_message", socket_event("MESSAGE", "talker", body=said)) == {"statusCode": 200}

    assert [message["type"] for message in heard(service, "talker")] == ["pong", "snapshot", "error"]


def test_an_unknown_connection_may_leave(service: Service) -> None:
    answer = service.invoke("websocket_disconnect", socket_event("DISCONNECT", "never-joined"))

    assert answer == {"statusCode": 200}


def test_notify_sets_aside_what_it_cannot_read(service: Service) -> None:
    poison = {"dynamodb": {"SequenceNumber": "9", "NewImage": {"kind": {"S": "job"}}}}

    assert service.invoke("notify", {"Records": [poison]}) == {"batchItemFailures": []}
    assert aside(service, "notify", "9") == ("unreadable", True)


def test_the_sweep_sends_what_is_overdue_to_the_worker(service: Service) -> None:
    token_id = service.hand_in(a_subject())
    service.table.update({"pk": f"JOB#{token_id}", "sk": "JOB"}, "SET due_at = :long_ago", long_ago=1)

    swept = service.invoke("sweep", SCHEDULED)
    (message,) = service.cloud.client("sqs").receive_message(QueueUrl=service.queue_url)["Messages"]
    worked = service.invoke("work", {"Records": [{"messageId": "m1", "body": message["Body"]}]})

    assert swept == {"sent": 1, "ended": 0, "left": 0, "failed": 0}
    assert worked == {"batchItemFailures": []}
    assert service.ask("GET", f"/jobs/{token_id}", HOOK).body["status"] == "SUCCEEDED"
