"""From the put of a job's change to the frame in a browser's socket.

The local cloud's stream is read by a pump that looks every 10 ms and gathers for 5: that is nobody's code here, so it
is in all three, and the limit is a bare function behind the same stream, which knows its socket and posts at once. The
second line has none of it: its limit is a put and a direct post by one client, and what the bare function takes longer
than that is taken off ours and the peer's.
"""

from __future__ import annotations

import itertools
import json
import secrets
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from bench.bed import BARE_PUSHES, BARE_TABLE, USUAL_PUSHES, Bed, bed
from bench.changes import change, forget, joined
from bench.figures import LIMIT, OURS, PEER, Line, Scale, Target, compared, interleaved, middle
from bench.limits.bare import Bare
from chalicelib.store.attributes import to_attributes
from devtool import environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.sync.client import ClientConnection


TARGET = Target(limit_at_most=2.5)
DIRECT = "no stream"
_PATIENCE = 20.0


def measure(scale: Scale) -> list[Line]:
    """Return the line."""
    found = bed()
    with ExitStack() as stack:
        measures = {
            OURS: _ours(found, stack),
            PEER: _usual(found, stack),
            LIMIT: _bare(found, stack),
            DIRECT: _direct(found, stack),
        }
        found.cloud.settle()
        samples = interleaved(scale.of(full=100, quick=12), measures, warm_up=3)
    stream = middle(samples[LIMIT]) - middle(samples[DIRECT])
    bare = {who: [figure - stream for figure in samples[who]] for who in (OURS, PEER)} | {LIMIT: samples[DIRECT]}
    told = f"the stream, the pump and the call of a function: {stream:.1f} ms, taken off ours and the peer's"
    return [
        compared("push", "ms", samples, TARGET),
        compared("push, without the stream", "ms", bare, TARGET, details=[told]),
    ]


def _ours(found: Bed, stack: ExitStack) -> Callable[[], float]:
    """Put a job's next change into our table; its subject watches."""
    subject = f"auth0|{secrets.token_hex(6)}"
    socket, _ = joined(found.cloud, subject, stack)
    table, numbers = found.table, itertools.count(1)
    job_id = secrets.token_hex(13)
    stack.callback(forget, table, found.cloud.table, job_id)

    def once() -> float:
        item = to_attributes(change(job_id, subject, next(numbers)))
        return _timed(socket, lambda: table.put(found.cloud.table, item))

    return once


def _usual(found: Bed, stack: ExitStack) -> Callable[[], float]:
    """The same into the peer's table, in whose registry the watcher stands."""
    subject = f"auth0|{secrets.token_hex(6)}"
    socket, connection = joined(found.cloud, subject, stack)
    table, numbers = found.table, itertools.count(1)
    watch = {"pk": f"WATCH#{subject}", "sk": f"CONNECTION#{connection}", "kind": "watch", "connection": connection}
    table.put(USUAL_PUSHES, to_attributes(watch))
    job_id = secrets.token_hex(13)

    def once() -> float:
        item = to_attributes(change(job_id, subject, next(numbers)))
        return _timed(socket, lambda: table.put(USUAL_PUSHES, item))

    return once


def _bare(found: Bed, stack: ExitStack) -> Callable[[], float]:
    """An item that says itself what is posted where."""
    socket, connection = joined(found.cloud, f"auth0|{secrets.token_hex(6)}", stack)
    table, numbers = found.table, itertools.count(1)

    def once() -> float:
        text = json.dumps(change("bare", "bare", next(numbers)))
        item = to_attributes({"pk": "JOB#bare", "sk": "JOB", "connection": connection, "text": text})
        return _timed(socket, lambda: table.put(BARE_PUSHES, item))

    return once


def _direct(found: Bed, stack: ExitStack) -> Callable[[], float]:
    """A put, and a post by whoever put."""
    socket, connection = joined(found.cloud, f"auth0|{secrets.token_hex(6)}", stack)
    table, numbers = found.table, itertools.count(1)
    sockets = Bare(found.management_url, "execute-api", environment.fixed_credentials())

    def both() -> None:
        told = change("direct", "direct", next(numbers))
        table.put(BARE_TABLE, to_attributes(told))
        sockets.post(connection, json.dumps(told).encode())

    return lambda: _timed(socket, both)


def _timed(socket: ClientConnection, put: Callable[[], object]) -> float:
    """Return the milliseconds from a put to the frame."""
    began = time.perf_counter()
    put()
    socket.recv(timeout=_PATIENCE)
    return (time.perf_counter() - began) * 1_000
