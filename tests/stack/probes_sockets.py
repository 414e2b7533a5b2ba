"""The same of what reaches a socket, and what comes from one. See `probes`."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from websockets.exceptions import ConnectionClosed

from devtool.testing import wait_for
from tests.stack.bench import PATIENCE, Bench
from tests.stack.http import unique
from tests.stack.watching import Caller, connection, refusal

if TYPE_CHECKING:
    from tests.stack import stored
    from tests.stack.watching import Watcher

EXPIRED = {"exp": {"N": "1"}}


def push(bench: Bench) -> str:
    subject = unique("right")
    with bench.join(subject) as watcher:
        if _next(bench, watcher) == "nothing":  # it is not known whose access was ended
            return "nothing"
        bench.hand_in(subject)
        return _next(bench, watcher)


def greet(bench: Bench) -> str:
    with bench.join(unique("right")) as watcher:
        return _next(bench, watcher)


def greet_who_watches_a_job(bench: Bench) -> str:
    token_id, subject = bench.stored_token()
    with bench.join(subject, job=token_id) as watcher:
        return _next(bench, watcher)


def forget_who_is_gone(bench: Bench) -> str:
    subject = unique("right")
    entry = _who_left(bench, subject) | {"since": {"N": "1"}}
    _put(bench, {**entry, **_by_its_id(entry)})
    _put(bench, {**entry, "kind": {"S": "left"}})
    bench.hand_in(subject)
    return "forgotten" if bench.unless_refused(lambda: not _watching(bench, subject)) else "kept"


def hang_up(bench: Bench) -> str:
    """Push to a client that takes nothing."""
    subject, recorder = unique("right"), bench.recorders["notify"]
    with bench.join(subject) as watcher:
        watcher.snapshot()
        recorder.takes_pushes = False
        try:
            bench.hand_in(subject)
            bench.unless_refused(lambda: bench.asked("notify", ("execute-api:ManageConnections", "*/DELETE/*")))
        finally:
            recorder.takes_pushes = True
        return "closed" if watcher.is_closed_within(2) else "open"


def shake_hands(bench: Bench) -> int:
    return min(refusal(Caller.of(bench.cloud, unique("right"), "consumer").ticket()["url"]), 400)


def shake_hands_in_a_new_process(bench: Bench) -> int:
    """Open a socket at a process that knows nothing yet of whose access was ended."""
    bench.start_anew("websocket_connect")
    return shake_hands(bench)


def ask_for_a_snapshot(bench: Bench) -> str:
    with bench.join(unique("right")) as watcher:
        watcher.snapshot()
        watcher.socket.send('{"action": "snapshot"}')
        return _next(bench, watcher)


def ask_in_a_new_process(bench: Bench) -> str:
    bench.start_anew("websocket_message")
    return ask_for_a_snapshot(bench)


def ask_beyond_the_end(bench: Bench) -> str:
    """Ask on a socket whose bearer has expired."""
    subject, right = unique("right"), ("execute-api:ManageConnections", "*/DELETE/*")
    with bench.join(subject) as watcher:
        watcher.snapshot()
        (entry,) = _watching(bench, subject)
        _put(bench, {**entry, **_by_its_id(entry), **EXPIRED})
        watcher.socket.send('{"action": "ping"}')
        bench.unless_refused(lambda: bench.asked("websocket_message", right))
        return "closed" if watcher.is_closed_within(2) else "open"


def forget_who_asks_beyond_the_end(bench: Bench) -> str:
    """The same where the socket is closed already, so that its disconnecting does not forget it, too."""
    entry = _who_left(bench, unique("right"))
    _put(bench, {**entry, **_by_its_id(entry), **EXPIRED})
    connection_id = entry["connection"]["S"]
    context = {"connectionId": connection_id, "apiId": "x", "domainName": "browsers.example", "stage": "api"}
    bench.invoke("websocket_message", {"requestContext": context, "body": '{"action": "ping"}'})
    gone = bench.unless_refused(lambda: not connection(bench.cloud, connection_id))
    return "forgotten" if gone else "kept"


def ask_for_a_snapshot_of_a_job(bench: Bench) -> str:
    token_id, subject = bench.stored_token()
    with bench.join(subject, job=token_id) as watcher:
        watcher.snapshot()
        watcher.socket.send('{"action": "snapshot"}')
        return _next(bench, watcher)


def leave(bench: Bench) -> str:
    subject = unique("right")
    with bench.join(subject) as watcher:
        watcher.snapshot()
        (entry,) = _watching(bench, subject)
    gone = bench.unless_refused(lambda: not connection(bench.cloud, entry["connection"]["S"]))
    return "forgotten" if gone else "kept"


def _next(bench: Bench, watcher: Watcher) -> str:
    """Return the type of the next message, `nothing` when a right is missed before it comes, or it closes."""
    heard: list[str] = []

    def came() -> bool:
        with contextlib.suppress(TimeoutError, ConnectionClosed):
            heard.append(str(watcher.next(0.05).get("type", "error")))
        return bool(heard)

    return heard[0] if bench.unless_refused(came) else "nothing"


def _who_left(bench: Bench, person: str) -> stored.Item:
    """Join and leave; return the entry that was there meanwhile."""
    with bench.join(person) as watcher:
        watcher.snapshot()
        (entry,) = _watching(bench, person)
    wait_for(lambda: not _watching(bench, person), PATIENCE)  # what disconnecting does
    return entry


def _by_its_id(entry: stored.Item) -> stored.Item:
    """Return what makes an entry the one that a connection is found by when it speaks or closes."""
    pk = f"CONNECTION#{entry['connection']['S']}"
    return {"pk": {"S": pk}, "sk": {"S": "CONNECTION"}, "kind": {"S": "connection"}}


def _put(bench: Bench, item: stored.Item) -> None:
    bench.cloud.client("dynamodb").put_item(TableName=bench.cloud.table, Item=item)


def _watching(bench: Bench, person: str) -> list[stored.Item]:
    found = bench.cloud.client("dynamodb").query(
        TableName=bench.cloud.table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"WATCH#{person}"}},
        ConsistentRead=True,
    )
    return list(found["Items"])
