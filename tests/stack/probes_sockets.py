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


def push(bench: Bench) -> str:
    subject = unique("right")
    with bench.join(subject) as watcher:
        watcher.snapshot()
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
    with bench.join(subject) as watcher:
        watcher.snapshot()
        (entry,) = _watching(bench, subject)
    wait_for(lambda: not _watching(bench, subject), PATIENCE)  # what disconnecting does
    entry["since"]["N"] = "1"
    other = {**entry, "pk": {"S": f"CONNECTION#{entry['connection']['S']}"}, "sk": {"S": "CONNECTION"}}
    for item in (other | {"kind": {"S": "connection"}}, entry | {"kind": {"S": "left"}}):
        bench.cloud.client("dynamodb").put_item(TableName=bench.cloud.table, Item=item)
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


def ask_beyond_the_end(bench: Bench) -> tuple[str, str]:
    """Ask on a socket whose bearer has expired; tell whether it was closed, and what the log says became of it."""
    subject = unique("right")
    with bench.join(subject) as watcher:
        watcher.snapshot()
        (entry,) = _watching(bench, subject)
        connection_id = entry["connection"]["S"]
        bench.cloud.client("dynamodb").update_item(
            TableName=bench.cloud.table,
            Key={"pk": {"S": f"CONNECTION#{connection_id}"}, "sk": {"S": "CONNECTION"}},
            UpdateExpression="SET #exp = :past",
            ExpressionAttributeNames={"#exp": "exp"},
            ExpressionAttributeValues={":past": {"N": "1"}},
        )
        watcher.socket.send('{"action": "ping"}')
        over = bench.unless_refused(lambda: _is_over(bench, connection_id))
        return "closed" if watcher.is_closed_within(2) else "open", "over" if over else "not over"


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


def _is_over(bench: Bench, connection_id: str) -> bool:
    told = bench.cloud.logs("websocket_message").splitlines()
    return any('"event":"connection.ended"' in line and connection_id in line for line in told)


def _watching(bench: Bench, person: str) -> list[stored.Item]:
    found = bench.cloud.client("dynamodb").query(
        TableName=bench.cloud.table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"WATCH#{person}"}},
        ConsistentRead=True,
    )
    return list(found["Items"])
