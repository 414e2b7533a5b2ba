"""Cold intake: a fresh interpreter up to its first stored item, over TLS; bare, and with what Lambda's has loaded."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench import fresh, login, tree
from bench.figures import LIMIT, OURS, PEER, Line, Target, compared, interleaved, middle
from bench.function import in_runtime, other, ours
from bench.server import server

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.figures import Scale
    from bench.function import Function
    from bench.server import Server

TARGET = Target(limit_at_most=1.6, peer_at_least=6)
_ACCEPTED = 202


def measure(scale: Scale) -> list[Line]:
    """Start each anew, in turn."""
    finished, others = tree.finished(), tree.others()
    with server(answers=login.answers()) as aws, tempfile.TemporaryDirectory() as folder:
        bare, usual = login.environments(aws, Path(folder))
        functions = {
            OURS: ours("app", finished, bare),
            PEER: other("peers.usual", others, usual),
            LIMIT: other("limits.intake", others, bare),
        }
        return [
            _measured("cold intake", functions, aws, scale),
            _measured(
                "cold intake, in Lambda's runtime", {who: in_runtime(one) for who, one in functions.items()}, aws, scale
            ),
        ]


def _measured(name: str, functions: Mapping[str, Function], aws: Server, scale: Scale) -> Line:
    asked = {who: _operations(aws, function) for who, function in functions.items()}
    walls: dict[str, list[float]] = {who: [] for who in functions}
    samples = interleaved(
        scale.of(full=15, quick=3),
        {who: fresh.taking(function, login.event, walls[who]) for who, function in functions.items()},
    )
    details = [
        f"wall time: {', '.join(f'{who} {middle(taken):.0f} ms' for who, taken in walls.items())}",
        *(f"{who} asks AWS for {operations}" for who, operations in asked.items()),
        "beyond the limit ours checks the body and what the caller may do, finds and unwraps the domain's key,",
        "derives the record's from it, marks the body and signs a receipt",
    ]
    return compared(name, "ms of processor", samples, TARGET, details=details)


def _operations(aws: Server, function: Function) -> str:
    """Start a function once, see that it stored, and name what it asked for."""
    aws.forget()
    answer = fresh.start(function, login.event()).answer
    counted = aws.counts()["operations"]
    if answer["statusCode"] != _ACCEPTED or counted.get("PutItem") != 1:
        raise RuntimeError(f"{function.module} stored nothing: {answer['statusCode']}, {counted}")
    return ", ".join(counted)
