"""Cold others: a fresh interpreter up to the first answer of each of the other functions, over TLS; bare and in the
runtime, as cold intake is.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import behind, cold, fresh, login, tree
from bench.figures import LIMIT, OURS, PEER, Target
from bench.function import other, ours
from bench.server import server

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.figures import Line, Scale
    from bench.function import Function
    from bench.server import Server

TARGET = Target(limit_at_most=2)


@dataclass(frozen=True, slots=True)
class Task:
    """One function's first event. `proof` is what AWS must have been asked once it was done."""

    name: str
    handler: str
    event: Callable[[], dict[str, Any]]
    proof: str


TASKS = (
    Task("authorizer", "authorize", behind.authorizer_event, "BatchGetItem"),
    Task("settle", "advance", behind.stream_event, "TransactWriteItems"),
    Task("worker", "work", behind.queue_event, "TransactWriteItems"),
    Task("notify", "notify", behind.stream_event, "@connections"),
    Task("join", "connect", behind.connect_event, "PutItem"),
)


def measure(scale: Scale) -> list[Line]:
    """Start each anew, in turn, task by task."""
    finished, others = tree.finished(), tree.others()
    with server(answers=behind.answers()) as aws, tempfile.TemporaryDirectory() as folder:
        bare, usual = login.environments(aws, Path(folder))
        # Whoever fetches keys from the issuer believes what Python does; here that is this server as well.
        usual |= {"SSL_CERT_FILE": usual["AWS_CA_BUNDLE"], "JWKS_URL": f"{aws.url}/jwks.json"}
        measured: list[Line] = []
        for task in TASKS:
            functions = {
                OURS: ours(task.handler, finished, bare),
                PEER: other(f"peers.{task.name}", others, usual),
                LIMIT: other(f"limits.{task.name}", others, bare),
            }
            measured += cold.lines(
                f"cold {task.name}",
                functions,
                task.event,
                partial(_operations, task, aws),
                TARGET,
                rounds=scale.of(full=9, quick=1),
            )
        return measured


def _operations(task: Task, aws: Server, function: Function) -> str:
    """Start a function once, see that it did its task, and name what it asked for."""
    aws.forget()
    answer = fresh.start(function, task.event()).answer
    counted: dict[str, int] = aws.counts()["operations"]
    if task.proof not in counted or answer.get("batchItemFailures"):
        raise RuntimeError(f"{function.module}.{function.handler} did not do its task: {answer}, {counted}")
    return ", ".join(f"{times} {name}" if times > 1 else name for name, times in counted.items())
