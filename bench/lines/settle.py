"""Settle: records a second that the stream's consumer moves on, against a database that takes 4 ms."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from bench import login, settling, tree
from bench.figures import LIMIT, OURS, PEER, Line, Target, compared, interleaved, middle
from bench.function import bundles, other, ours
from bench.kept import kept
from bench.server import server

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.figures import Scale
    from bench.kept import Kept

TARGET = Target(limit_at_least=0.7)
DELAY = 0.004
_WARM = 3
"""Batches before anything is counted: connections, threads, caches."""


def measure(scale: Scale) -> list[Line]:
    """Let each do batches of a hundred, in turn. The limit is computed: connections, each with a record an answer."""
    finished, others = tree.finished(), tree.others()
    with ExitStack() as stack:
        aws = stack.enter_context(server(delay=DELAY))
        ours_believe, boto_believes = bundles(aws, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        settings = login.settings(aws)
        mine = ours("advance", finished, {**settings, "AWS_CA_BUNDLE": str(ours_believe)})
        usual = other("peers.settling", others, {**settings, "AWS_CA_BUNDLE": str(boto_believes)})
        batch = settling.event()
        warm = {OURS: stack.enter_context(kept(mine, batch)), PEER: stack.enter_context(kept(usual, batch))}
        warm[OURS].serve(_WARM)
        aws.forget()
        spent = warm[OURS].serve(1)
        counts = aws.counts()
        requests, connections = counts["operations"]["TransactWriteItems"], counts["most_open"]
        if counts["requests"] != requests or spent.answer != {"batchItemFailures": []}:
            raise RuntimeError(f"ours did not settle the batch: {counts}, {spent.answer}")
        warm[PEER].serve(1)
        batches = {OURS: scale.of(full=5, quick=2), PEER: 1}  # a batch takes the peer as long as ten take ours
        rates = {who: _rate(one, batches[who]) for who, one in warm.items()}
        samples = interleaved(scale.of(full=20, quick=5), {**rates, LIMIT: lambda: connections / DELAY}, warm_up=1)
        processor = {who: one.serve(scale.of(full=5, quick=1)).processor for who, one in warm.items()}
    together = settling.RECORDS / requests
    best = together * connections / DELAY
    details = [
        f"ours: {requests} requests a batch, {together:.0f} records each, over {connections} connections",
        f"processor a record: ours {_micro(processor[OURS])}, peer {_micro(processor[PEER])}",
        f"that many connections and records could make {best:,.0f}: ours is {middle(samples[OURS]) / best:.2f} of it",
    ]
    return [compared("settle", "records a second", samples, TARGET, details=details, more_is_better=True)]


def _micro(batch: float) -> str:
    return f"{batch / settling.RECORDS * 1_000_000:.0f} µs"


def _rate(one: Kept, batches: int) -> Callable[[], float]:
    return lambda: settling.RECORDS / one.serve(batches).wall
