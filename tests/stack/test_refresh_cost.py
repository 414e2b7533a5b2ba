"""What a refresh costs, counted on the wire of the deployed stack; and a provider's limits, as it sees them kept."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from bench.prices import REFRESH
from devtool.between import environment_of
from devtool.meter import Ledger, Meter
from devtool.testing import LiveCloud, live_cloud, wait_for
from tests.oauth.played import PlayedProvider, played_provider
from tests.stack.figures import show, table
from tests.stack.http import Api, unique

if TYPE_CHECKING:
    from collections.abc import Iterator

FEW = 20
FUNCTIONS = ("api_handler", "authorize", "advance", "notify", "work")
STAGES = {"authorize": "authorize", "advance": "queue", "notify": "notify", "work": "work"}


@dataclass(frozen=True)
class Metered:
    cloud: LiveCloud
    api: Api
    ledger: Ledger


@pytest.fixture(scope="module")
def metered() -> Iterator[Metered]:
    with live_cloud() as cloud, ExitStack() as stack:
        ledger = Ledger(STAGES)
        for function in FUNCTIONS:
            meter = stack.enter_context(Meter(cloud.endpoint, function, ledger))
            stack.enter_context(environment_of(cloud, function, {"AWS_ENDPOINT_URL": meter.url}))
        yield Metered(cloud, Api(cloud), ledger)


def connect(api: Api, played: PlayedProvider, **changes: Any) -> str:
    name = f"played-{secrets.token_hex(6)}"
    settings = {
        "client_id": "cloakroom",
        "auth_method": "none",
        "token_endpoint": played.token_endpoint,
        "rotates": True,
    }
    made = api.put(f"/providers/{name}", api.admin, body={**settings, **changes})
    assert made.status == 200, made.body
    return name


def hand_in(metered: Metered, played: PlayedProvider, name: str, count: int) -> list[str]:
    """Hand tokens in, each with a refresh token, and settle them."""
    subjects = [unique("cost") for _ in range(count)]
    ids = [metered.api.hand_in(one, name, refresh_token=played.issue(), expires_in=600) for one in subjects]
    assert metered.cloud.settle(60)
    return ids


def refreshed(metered: Metered, ids: list[str], seconds: float) -> None:
    """Have tokens refreshed, and wait until they are."""
    metered.ledger.phase = "begin"
    for token_id in ids:
        assert metered.api.post(f"/tokens/{token_id}/refresh", metered.api.admin).status == 202
    metered.ledger.phase = "look"
    left = set(ids)

    def done() -> bool:
        for token_id in sorted(left):
            if metered.api.get(f"/tokens/{token_id}", metered.api.admin).json["generation"] == 2:
                left.discard(token_id)
        return not left

    assert wait_for(done, seconds), f"{len(left)} were not refreshed"


def test_what_a_refresh_costs(metered: Metered, capsys: pytest.CaptureFixture[str]) -> None:
    with played_provider() as played:
        name = connect(metered.api, played, per_second=1_000, at_once=10)
        refreshed(metered, hand_in(metered, played, name, 1), 60)
        ids = hand_in(metered, played, name, FEW)
        assert metered.cloud.settle(60)
        metered.ledger.rows()
        refreshed(metered, ids, 60)
        assert metered.cloud.settle(60)
        rows = {at: counted for at, counted in metered.ledger.rows().items() if at[0] != "look"}

    def of(stage: str, *units: str, purpose: str = "") -> float:
        found = [counted for (at, what), counted in rows.items() if at == stage and purpose in what]
        return sum(counted.get(unit, 0) for counted in found for unit in units) / FEW

    heads = ("stage", "what for", "calls", "write units", "index writes", "read units", "KMS")
    units = ("calls", "writes", "index_writes", "reads", "kms")
    body = [(stage, what, *(found.get(unit, 0) / FEW for unit in units)) for (stage, what), found in rows.items()]
    total = ("all", "", *(sum(row[column] for row in body) for column in range(2, 7)))
    show(capsys, f"a refresh (average of {FEW}):", *table(heads, [*body, total]))
    # Beginning: a transaction (double) of the job (1 KB), its token (1 KB) and the audit's entry (1 KB); the job's
    # entries in the indexes of open jobs, of its subject and of its type, the token's way out of the schedule, and the
    # entry's two.
    assert of("begin", "writes") == 2 * 1 + 2 * 1 + 2 * 1
    assert of("begin", "index_writes") == 6
    # Working: claim 1, place 1, turn 1 or 2, journal 1, the outcome's transaction twice 1 + 1 + 1, giving the place up.
    assert 11 <= of("work", "writes") <= 12
    # The claim moves the job in its index, the end takes it out; the token goes back on the schedule; the entry's two.
    assert of("work", "index_writes") == 6
    assert of("work", "kms") <= 1
    assert of("queue", "writes") == 0
    # What the bench reckons dollars with.
    written, read = (
        sum(of(stage, *units) for stage in ("begin", "queue", "work", "notify"))
        for units in (("writes", "index_writes"), ("reads",))
    )
    assert REFRESH.write_units <= written <= REFRESH.write_units + 1
    assert read <= REFRESH.read_units + 1


@pytest.mark.slow
def test_a_provider_that_bears_five_a_second_is_never_asked_more_by_three_workers(
    metered: Metered, capsys: pytest.CaptureFixture[str]
) -> None:
    with played_provider() as played:
        name = connect(metered.api, played, per_second=5, at_once=2)
        refreshed(metered, hand_in(metered, played, name, 30), 120)
        moments = sorted(one.at for one in played.asked)

    busiest = max(sum(start <= moment < start + 1 for moment in moments) for start in moments)
    took = moments[-1] - moments[0]
    show(
        capsys,
        f"30 refreshes of a provider that bears 5 a second and 2 at once, by 3 workers: {took:.1f} s, at most "
        f"{busiest} in any second and {played.most_at_once} at once; {played.reuses} reuses",
    )
    assert len(moments) == 30
    assert busiest <= 5
    assert played.most_at_once <= 2
    assert played.reuses == 0
