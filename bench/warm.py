"""Warm intakes side by side: ours, the three peers and the limit, each in a process that is kept."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench import login, tree
from bench.figures import LIMIT, OURS, PEER
from bench.function import other, ours
from bench.kept import Kept, kept
from bench.server import server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RESOLVER, FASTAPI = "Powertools' resolver", "FastAPI + Mangum"
_ACCEPTED = 202
_FIRST = 20
"""Requests that warm up: connections, keys, caches of their own."""


@contextmanager
def intakes(*, delay: float) -> Iterator[Mapping[str, Kept]]:
    """Keep them all warm, over TLS against a database that takes `delay` seconds."""
    finished, others = tree.finished(), tree.others()
    with ExitStack() as stack:
        aws = stack.enter_context(server(delay=delay, answers=login.answers()))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        bare, usual = login.environments(aws, Path(folder))
        functions = {
            OURS: ours("app", finished, bare),
            PEER: other("peers.usual", others, usual),
            RESOLVER: other("peers.resolver", others, usual),
            FASTAPI: other("peers.mangum_fastapi", others, usual),
            LIMIT: other("limits.warm", others, bare),
        }
        warm = {who: stack.enter_context(kept(function, login.event())) for who, function in functions.items()}
        for who, one in warm.items():
            aws.forget()
            answer = one.serve(_FIRST).answer
            stored = aws.counts()["operations"].get("PutItem", 0)
            if answer["statusCode"] != _ACCEPTED or stored != _FIRST:
                raise RuntimeError(f"{who} stored {stored} of {_FIRST}: {answer}")
        yield warm
