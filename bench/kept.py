"""Warm processes: one function each, kept, and asked for a number of requests at a time."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.function import Running, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.function import Function

# A process each: in one of all, the garbage collector would walk the peers' objects while it serves ours. What the
# function logs goes nowhere. Events are parsed before the clock starts, as Lambda's runtime does it for all alike.
_PROGRAM = """
import json, os, sys, time
told = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
given = sys.stdin.readline()
for line in iter(sys.stdin.readline, ""):
    count = int(line)
    events = [json.loads(given) for _ in range(count)]
    processor, wall = time.process_time(), time.perf_counter()
    for event in events:
        answer = handler(event, Context)
    processor, wall = time.process_time() - processor, time.perf_counter() - wall
    print(json.dumps({"processor": processor / count, "wall": wall / count, "answer": answer}), file=told, flush=True)
"""
_ENDS_WITHIN = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a request cost on the average of its block (seconds; of all threads), and the last answer."""

    processor: float
    wall: float
    answer: Any


@dataclass(frozen=True, slots=True)
class Kept:
    """A function that is warm."""

    _function: Function
    _running: Running

    def serve(self, requests: int) -> Spent:
        """Let it answer that many, one after the other. Raises RuntimeError where it fails."""
        self._running.asking.write(f"{requests}\n".encode())
        self._running.asking.flush()
        line = self._running.telling.readline()
        if not line:
            raise RuntimeError(f"{self._function.module}.{self._function.handler} failed: see its words above")
        return Spent(**json.loads(line))


@contextmanager
def kept(function: Function, event: Mapping[str, Any]) -> Iterator[Kept]:
    """Keep a function warm, which is asked the same each time. It ends with its standard input."""
    running = run(function, _PROGRAM)
    try:
        running.asking.write(json.dumps(event).encode() + b"\n")
        yield Kept(function, running)
    finally:
        running.asking.close()
        running.process.wait(_ENDS_WITHIN)
        running.telling.close()
