"""Cold intake: a fresh interpreter up to its first stored item, over TLS; bare, and with what Lambda's has loaded."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench import cold, fresh, login, tree
from bench.figures import LIMIT, OURS, PEER, Target
from bench.function import other, ours
from bench.server import server

if TYPE_CHECKING:
    from bench.figures import Line, Scale
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
        return cold.lines(
            "cold intake",
            functions,
            login.event,
            partial(_operations, aws),
            TARGET,
            rounds=scale.of(full=15, quick=3),
            notes=[
                "beyond the limit ours checks the body and what the caller may do, finds and unwraps the domain's key,",
                "derives the record's from it, marks the body and signs a receipt",
            ],
        )


def _operations(aws: Server, function: Function) -> str:
    """Start a function once, see that it stored, and name what it asked for."""
    aws.forget()
    answer = fresh.start(function, login.event()).answer
    counted = aws.counts()["operations"]
    if answer["statusCode"] != _ACCEPTED or counted.get("PutItem") != 1:
        raise RuntimeError(f"{function.module} stored nothing: {answer['statusCode']}, {counted}")
    return ", ".join(counted)
