"""Tickets: used once, for a minute, for what they were given for; everything else is a refused handshake."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.stack.watching import Caller, Watcher, everything, refusal, registry, somebody, ticket_key

if TYPE_CHECKING:
    from devtool.testing import LiveCloud

JOINED = 101


@pytest.fixture(scope="module")
def producer(cloud: LiveCloud) -> Caller:
    return Caller.of(cloud, somebody("hook"), "producer")


def test_a_ticket_that_sixteen_use_at_the_same_time_lets_one_in(cloud: LiveCloud) -> None:
    alice = somebody("auth0")
    url = Caller.of(cloud, alice, "consumer").ticket()["url"]
    together = threading.Barrier(16)

    def use() -> int:
        together.wait(10)
        return refusal(url)

    with ThreadPoolExecutor(16) as pool:
        answers = sorted(future.result() for future in [pool.submit(use) for _ in range(16)])

    assert answers == [JOINED] + [403] * 15


def test_a_used_ticket_opens_nothing_even_after_its_connection_has_left(cloud: LiveCloud) -> None:
    url = Caller.of(cloud, somebody("auth0"), "consumer").ticket()["url"]
    with Watcher(url) as watcher:
        watcher.snapshot()

    answer = refusal(url)

    assert answer == 403


def test_a_ticket_is_good_for_sixty_seconds_and_not_for_longer(cloud: LiveCloud) -> None:
    consumer = Caller.of(cloud, somebody("auth0"), "consumer")
    ticket = consumer.ticket()
    table, key = cloud.client("dynamodb"), ticket_key(ticket["ticket"])
    item = table.get_item(TableName=cloud.table, Key=key)["Item"]
    ends = int(item["expires_at"]["N"])

    table.update_item(
        TableName=cloud.table,
        Key=key,
        UpdateExpression="SET expires_at = :then",
        ExpressionAttributeValues={":then": {"N": str(ends - 60_000_000)}},
    )

    assert refusal(ticket["url"]) == 403
    assert item["ttl"] == {"N": str(ends // 1_000_000)}, "DynamoDB deletes it soon after"


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("", id="no query"),
        pytest.param("?ticket=", id="an empty ticket"),
        pytest.param("?ticket", id="a ticket without a value"),
        pytest.param("?token=abc", id="another parameter"),
        pytest.param("?ticket=unknown", id="an unknown ticket"),
        pytest.param("?ticket=" + "a" * 43, id="an unknown ticket of the right length"),
        pytest.param("?ticket=" + "a" * 129, id="a ticket that is too long"),
        pytest.param("?ticket=" + "a" * 4_000, id="a ticket that is much too long"),
        pytest.param("?ticket=%00%ff%F0%9F%92%A9", id="a ticket that is no text"),
        pytest.param("?ticket=*", id="a wildcard"),
    ],
)
def test_a_handshake_without_a_good_ticket_is_refused(cloud: LiveCloud, query: str) -> None:
    answer = refusal(cloud.ws_url + query)

    assert answer == 403


def test_a_bearer_token_is_no_ticket(cloud: LiveCloud) -> None:
    bearer = cloud.token(somebody("ops"), ["admin"])

    answer = refusal(f"{cloud.ws_url}?ticket={bearer}")

    assert answer == 403


def test_a_ticket_for_somebody_elses_job_or_subject_is_answered_as_if_there_were_none(
    cloud: LiveCloud, producer: Caller
) -> None:
    alice, mallory = somebody("auth0"), Caller.of(cloud, somebody("auth0"), "consumer")
    job = producer.hand_in(alice)
    answers = [
        mallory.ask("POST", "/tickets", {"job": job}),
        mallory.ask("POST", "/tickets", {"job": "a" * 26}),
        mallory.ask("POST", "/tickets", {"subject": alice}),
        mallory.ask("POST", "/tickets", {"subject": somebody("nobody")}),
        producer.ask("POST", "/tickets", {"subject": alice}),
        Caller.of(cloud, somebody("hook"), "producer").ask("POST", "/tickets", {"job": job}),
    ]

    assert {answer.status for answer in answers} == {404}
    assert len({json.dumps(answer.body, sort_keys=True) for answer in answers}) == 1, "they tell nothing apart"


def test_a_ticket_is_bound_to_whom_and_what_it_was_given_for(cloud: LiveCloud, producer: Caller) -> None:
    alice, bob = somebody("auth0"), somebody("auth0")
    consumer = Caller.of(cloud, alice, "consumer")
    job = producer.hand_in(alice)
    urls = [consumer.ticket()["url"], consumer.ticket(job=job)["url"], consumer.ticket(subject=alice)["url"]]

    # Nothing that a client adds to the address widens what the ticket was given for.
    with ExitStack() as joined:
        for url in urls:
            widened = f"{url}&subject={bob}&person={bob}&job={'b' * 26}&scope=person"
            joined.enter_context(Watcher(widened)).snapshot()
        entries = [item for item in registry(cloud, alice) if item["kind"]["S"] == "watch"]
        strangers = registry(cloud, bob)

    assert sorted(entry["scope"]["S"] for entry in entries) == ["job", "person", "subject"]
    assert {entry["principal"]["S"] for entry in entries} == {alice}
    assert [entry["job_id"]["S"] for entry in entries if "job_id" in entry] == [job]
    assert strangers == []


def test_a_tickets_text_is_neither_in_the_table_nor_in_a_log(cloud: LiveCloud) -> None:
    consumer = Caller.of(cloud, somebody("auth0"), "consumer")
    used, unused = consumer.ticket(), consumer.ticket()
    with Watcher(used["url"]) as watcher:
        watcher.snapshot()
        refusal(used["url"])
        items = json.dumps(everything(cloud), default=str)
    functions = ("api_handler", "authorize", "notify", "advance")
    logs = "".join(cloud.logs(function) for function in functions)

    assert logs
    for ticket in (used, unused):
        assert ticket["ticket"] not in items
        assert ticket["ticket"] not in logs


def test_whoever_may_post_no_tickets_gets_none(cloud: LiveCloud) -> None:
    answer = Caller.of(cloud, somebody("auth0")).ask("POST", "/tickets", {})

    assert answer.status == 403
