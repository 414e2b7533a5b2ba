"""Cold others: a fresh interpreter up to the first answer of each of the other functions, over TLS; bare and in the
runtime, as cold intake is.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import behind, fresh, login, tree
from bench.figures import LIMIT, OURS, PEER, Line, Target, compared, interleaved, middle
from bench.function import in_runtime, other, ours
from bench.server import server

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.figures import Scale
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
        measured = []
        for task in TASKS:
            functions = {
                OURS: ours(task.handler, finished, bare),
                PEER: other(f"peers.{task.name}", others, usual),
                LIMIT: other(f"limits.{task.name}", others, bare),
            }
            name = f"cold {task.name}"
            measured.append(_measured(name, task, functions, aws, scale))
            functions = {who: in_runtime(one) for who, one in functions.items()}
            measured.append(_measured(f"{name}, in Lambda's runtime", task, functions, aws, scale))
        return measured


def _measured(name: str, task: Task, functions: Mapping[str, Function], aws: Server, scale: Scale) -> Line:
    asked = {who: _operations(task, aws, function) for who, function in functions.items()}
    walls: dict[str, list[float]] = {who: [] for who in functions}
    samples = interleaved(
        scale.of(full=9, quick=1),
        {who: fresh.taking(function, task.event, walls[who]) for who, function in functions.items()},
        warm_up=0,  # seeing that it works has warmed it up
    )
    details = [
        f"wall time: {', '.join(f'{who} {middle(taken):.0f} ms' for who, taken in walls.items())}",
        *(f"{who} asks for {operations}" for who, operations in asked.items()),
    ]
    return compared(name, "ms of processor", samples, TARGET, details=details)


def _operations(task: Task, aws: Server, function: Function) -> str:
    """Start a function once, see that it did its task, and name what it asked for."""
    aws.forget()
    answer = fresh.start(function, task.event()).answer
    counted: dict[str, int] = aws.counts()["operations"]
    if task.proof not in counted or answer.get("batchItemFailures"):
        raise RuntimeError(f"{function.module}.{function.handler} did not do its task: {answer}, {counted}")
    return ", ".join(f"{times} {name}" if times > 1 else name for name, times in counted.items())
