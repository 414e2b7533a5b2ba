"""Cold starts: a fresh interpreter up to its handler's first answer."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.function import run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.function import Function

# `os._exit`: Lambda freezes a function behind its answer, it does not end it.
_PROGRAM = """
import json, os, sys
answer = handler(json.loads(sys.stdin.buffer.read()), Context)
sys.stdout.write("\\n" + json.dumps(answer) + "\\n")
sys.stdout.flush()
os._exit(0)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a cold start cost (milliseconds), and what the handler answered."""

    processor: float
    wall: float
    answer: Any


def start(function: Function, event: Mapping[str, Any]) -> Start:
    """Start a function and let it answer one event. Raises RuntimeError where it fails.

    Processor time is what the system charged the process with: loading, running, and the kernel's part of both.
    """
    given = json.dumps(event).encode()
    began = time.perf_counter()
    running = run(function, _PROGRAM)
    with running.asking, running.telling:
        running.asking.write(given)
        running.asking.close()
        written = running.telling.read()
        _, status, usage = os.wait4(running.process.pid, 0)
    wall = time.perf_counter() - began
    running.process.returncode = os.waitstatus_to_exitcode(status)
    if running.process.returncode != 0:
        raise RuntimeError(f"{function.module}.{function.handler} failed: see its words above")
    answer = json.loads(written.splitlines()[-1])
    return Start(processor=(usage.ru_utime + usage.ru_stime) * 1_000, wall=wall * 1_000, answer=answer)


def taking(function: Function, event: Callable[[], Mapping[str, Any]], walls: list[float]) -> Callable[[], float]:
    """Return what starts a function and returns its processor time, and keeps its wall time in `walls`."""

    def measured() -> float:
        cost = start(function, event())
        walls.append(cost.wall)
        return cost.processor

    return measured
