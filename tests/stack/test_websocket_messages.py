"""What a client may say on its socket, and what it is answered: never nothing, never an error of ours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.stack.watching import Caller, Watcher, connection, registry, somebody

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtool.testing import LiveCloud


@pytest.fixture(scope="module")
def watcher(cloud: LiveCloud) -> Iterator[Watcher]:
    with Caller.of(cloud, somebody("auth0"), "consumer").join() as joined:
        joined.snapshot()
        yield joined


def test_a_ping_is_answered_by_a_pong(watcher: Watcher) -> None:
    answer = watcher.say({"action": "ping"})

    assert answer == {"type": "pong"}


def test_a_snapshot_may_be_asked_for_again(watcher: Watcher) -> None:
    answer = watcher.say({"action": "snapshot"})

    assert (answer["type"], answer["jobs"], answer["more"]) == ("snapshot", [], False)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param("ping", id="no JSON"),
        pytest.param("{", id="half a document"),
        pytest.param("[]", id="an array"),
        pytest.param("null", id="null"),
        pytest.param('"ping"', id="a string"),
        pytest.param("7", id="a number"),
        pytest.param({}, id="no action"),
        pytest.param({"action": "resume", "since": 1}, id="an action of another version"),
        pytest.param({"action": None}, id="an action that is null"),
        pytest.param({"action": ["ping"]}, id="an action that is a list"),
        pytest.param({"action": {"ping": 1}}, id="an action that is an object"),
        pytest.param({"action": "PING"}, id="an action in capitals"),
        pytest.param({"action": "ping", "more": "x" * 4_096}, id="more than 4 KB"),
        pytest.param("[" * 4_000, id="deep nesting"),
        pytest.param("x" * 100_000, id="100 KB of nothing"),
        pytest.param('{"action": "\\ud800"}', id="half a surrogate pair"),
        pytest.param(b"\x00\xff\xfe", id="bytes that are no text"),
        pytest.param("\U0001f511" * 100, id="keys"),
    ],
)
def test_what_is_not_understood_is_answered_by_an_error_and_the_socket_stays(watcher: Watcher, said: Any) -> None:
    answer = watcher.say(said)

    assert answer["type"] == "error"
    assert answer["code"] == "unknown_action"
    assert watcher.say({"action": "ping"}) == {"type": "pong"}


def test_a_message_that_names_the_gateways_own_routes_joins_nobody_and_breaks_nothing(cloud: LiveCloud) -> None:
    alice = somebody("auth0")
    with Caller.of(cloud, alice, "consumer").join() as watcher:
        watcher.snapshot()
        # API Gateway takes these for $default; the local cloud calls the routes, whose answer a client does not see.
        watcher.socket.send('{"action": "$connect"}')
        watcher.socket.send('{"action": "$connect", "ticket": "unknown"}')
        watcher.socket.send('{"action": "ping"}')
        answers = [watcher.next()]
        while answers[-1]["type"] == "error":
            answers.append(watcher.next())

    assert answers[-1] == {"type": "pong"}


def test_a_message_of_a_connection_that_was_forgotten_says_to_connect_again(cloud: LiveCloud) -> None:
    alice = somebody("auth0")
    table = cloud.client("dynamodb")
    with Caller.of(cloud, alice, "consumer").join() as watcher:
        watcher.snapshot()
        for item in registry(cloud, alice):
            table.delete_item(TableName=cloud.table, Key={"pk": item["pk"], "sk": item["sk"]})
        answers = [watcher.say({"action": action}) for action in ("snapshot", "ping")]

    assert [(answer["type"], answer["code"]) for answer in answers] == [("error", "not_joined")] * 2
    assert registry(cloud, alice) == []
    assert connection(cloud, "unknown") is None


def test_nothing_that_was_said_made_a_socket_function_fail(cloud: LiveCloud, watcher: Watcher) -> None:
    watcher.say("{")

    log = cloud.emulator_log()

    assert "socket.failed" not in log
    assert not re.findall(r'File "[^"]*-cloakroom-Websocket[^"]*"', log)  # as a traceback of one would begin
