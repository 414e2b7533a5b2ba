"""`POST /tokens` through the local cloud's gateway, authorizer and function, as a login hook on one connection sees it.

What the gateway keeps for a bearer is kept for all three: the authorizer is asked once. What happens behind the
202 is held back meanwhile, or ours would slow down whoever comes behind it.
"""

from __future__ import annotations

import json
import secrets
import statistics
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from bench.bed import bed
from bench.client import Client
from bench.figures import LIMIT, OURS, PEER, Line, Scale, Target, compared, interleaved

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

TARGET = Target(limit_at_most=1.2)
SECRET = 1_024
"""Characters of an access token: what a JWT of a provider has."""
_BLOCKS = 5
"""Parts of a run of which each gives a 99th percentile (the worst but one in a hundred): their median is the line's,
so that one pause of the machine decides nothing."""


def measure(scale: Scale) -> list[Line]:
    """Return the medians' line and the 99th percentiles'."""
    found = bed()
    bearer = found.cloud.token("login-hook", ["producer"])
    urls = {OURS: found.cloud.api_url, PEER: found.usual_url, LIMIT: found.bare_url}
    measures = {who: _hand_in(Client(url, bearer)) for who, url in urls.items()}
    with found.cloud.holding():
        samples = interleaved(scale.of(full=1_000, quick=60), measures, warm_up=10)
    found.cloud.settle(60)
    details = [
        f"{who}: p50 {statistics.median(figures):.1f} ms, p99 {percentile(figures, 99):.1f} ms of {len(figures)}"
        for who, figures in samples.items()
    ]
    tails = {who: [percentile(block, 99) for block in blocks(figures, _BLOCKS)] for who, figures in samples.items()}
    return [
        compared("end to end, p50", "ms", samples, TARGET, details=details),
        compared("end to end, p99", "ms", tails, TARGET),
    ]


def percentile(figures: Sequence[float], percent: int) -> float:
    """Return the figure that so many percent of them do not exceed; no figure is made up between two."""
    ordered = sorted(figures)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def blocks(figures: Sequence[float], count: int) -> list[Sequence[float]]:
    """Deal figures into blocks of one size, in turn: each block is of the whole run."""
    return [figures[start::count] for start in range(count)]


def _hand_in(client: Client) -> Callable[[], float]:
    def once() -> float:
        body = json.dumps(_body()).encode()
        client.rest()
        began = time.perf_counter()
        answer = client.ask("POST", "/tokens", body)
        took = (time.perf_counter() - began) * 1_000
        if answer.status != HTTPStatus.ACCEPTED:
            raise RuntimeError(f"{answer.status} instead of 202: {answer.body[:200]!r}")
        return took

    return once


def _body() -> Mapping[str, object]:
    token = {"access_token": secrets.token_hex(SECRET // 2), "token_type": "Bearer", "expires_in": 3_599}
    return {"subject": f"auth0|{secrets.token_hex(8)}", "provider": "google", "token": token}
