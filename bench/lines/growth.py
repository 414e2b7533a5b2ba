"""Whether a token costs more because there are many, or a message because many hear it.

A sample of tokens lives at each size of the table: handed in, settled, told to its watcher, collected, listed. Request
units are counted on the wire and must be the same to the last one. Processor time is that of our functions' processes,
in calls of the bare function that are made in between: so a machine that slows down slows both. The local cloud's own
time is told and not held: it keeps a table in a dict, and looks through all of it for a list.
"""

from __future__ import annotations

import secrets
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from bench.bed import bed
from bench.changes import change, forget
from bench.client import Client
from bench.figures import Line, Scale, Target
from bench.filling import fill, mould_of, register
from bench.living import Cost, life
from bench.metered import metered
from bench.watchers import Watchers
from chalicelib.store.attributes import to_attributes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.bed import Bed
    from bench.living import Life
    from bench.metered import Metered, Units

SAME = Target(limit_at_most=1.0, limit_at_least=1.0)
FLAT = Target(limit_at_most=1.25)
_PUSHED = 5
"""Changes at each number of watchers."""
_CROWD = 10
"""From so many watchers on a message costs what it costs: with fewer it bears the cost of the whole call."""


def measure(scale: Scale) -> list[Line]:
    """Return a line each for units and processor time by tokens, units by others' watchers, time by own watchers."""
    is_full = scale is Scale.FULL
    sizes = (1_000, 10_000, 100_000) if is_full else (100, 1_000)
    watchers = (1, 10, 100, 1_000) if is_full else (1, 10, 20)
    count = scale.of(full=40, quick=8)
    found = bed()
    with ExitStack() as stack:
        meters = stack.enter_context(metered(found.cloud))
        # Before the table is full: whoever does not take a frame within two seconds is hung up on, and so long a full
        # local cloud collects its garbage.
        messages = dict(_by_watchers(found, meters, watchers))
        living = stack.enter_context(life(found, meters))
        sizes_seen = dict(_by_size(found, living, sizes, count))
        first, last = sizes_seen[sizes[0]], sizes_seen[sizes[-1]]
        register(found.cloud, living.producer, watchers[-1])
        crowded = living.live(count)
    told = [f"{size:>7,} tokens: {cost}" for size, cost in sizes_seen.items()]
    crowd = [f"{watchers[-1]:,} watchers of others: {crowded}"]
    heard = [
        f"{number:>5,} watchers: {seconds * 1e6:.0f} µs of processor a message, {units.reads / number:.2f} read units, "
        f"{wall * 1e3:.0f} ms to the last frame"
        for number, (seconds, units, wall) in messages.items()
    ]
    by_time = messages[watchers[-1]][0] * 1e6, messages[_CROWD][0] * 1e6
    return [
        _line("growth, units by tokens", "units", (last.units.total, first.units.total), SAME, told),
        _line("growth, time by tokens", "bare calls", (last.bare_calls, first.bare_calls), FLAT),
        _line("growth, units by others' watchers", "units", (crowded.units.total, last.units.total), SAME, crowd),
        _line("growth, time by own watchers", "µs", by_time, FLAT, heard),
    ]


def _by_size(found: Bed, living: Life, sizes: Sequence[int], count: int) -> Iterator[tuple[int, Cost]]:
    living.live(3)  # what is paid once a process: a key, policies, connections
    mould = mould_of(found.cloud, *living.one(collected=0, listed=0))
    there = 0
    for size in sizes:
        fill(found.cloud, mould, size - there)
        there = size
        yield size, living.live(count)


def _by_watchers(
    found: Bed, meters: Metered, watchers: Sequence[int]
) -> Iterator[tuple[int, tuple[float, Units, float]]]:
    """Yield, for each number of watchers of one person, a message's seconds of processor, units and wall time."""
    subject, job_id = f"auth0|{secrets.token_hex(6)}", secrets.token_hex(13)
    notify = found.cloud.function_name("notify")
    caller = Client(found.cloud.api_url, found.cloud.token(subject, ["consumer"]))
    revision = 0
    with Watchers(caller) as sockets:
        for number in watchers:
            sockets.grow(number)
            found.cloud.settle()
            meters.units()
            worked, wall = found.cloud.processor_time(notify), 0.0
            for _ in range(_PUSHED):
                revision += 1
                heard, began = sockets.heard, time.perf_counter()
                found.table.put(found.cloud.table, to_attributes(change(job_id, subject, revision)))
                sockets.wait_for(heard + number)
                wall += time.perf_counter() - began
                found.cloud.settle()
            forget(found.table, found.cloud.table, job_id)
            seconds = (found.cloud.processor_time(notify) - worked) / (_PUSHED * number)
            yield number, (seconds, meters.units().each(_PUSHED), wall / _PUSHED)


def _line(name: str, unit: str, figures: tuple[float, float], target: Target, details: Sequence[str] = ()) -> Line:
    """Return the line of what was counted at the largest size and, as its limit, at the smallest."""
    ours, limit = figures
    met = target.is_met(to_limit=ours / limit, to_peer=None)
    return Line(name=name, unit=unit, ours=ours, limit=limit, target=str(target), passed=met, details=details)
