"""What a million tokens cost over their life, beside Secrets Manager and Step Functions doing the same job.

Units, calls and invocations of ours are counted on the wire of the local cloud; a refresh's are the tests'. The rest is
arithmetic, in bench/prices.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.bed import bed
from bench.figures import Line, Scale, Target
from bench.filling import Item, items_of
from bench.living import life
from bench.metered import metered
from bench.prices import (
    A_DAY,
    A_MONTH,
    FRONT,
    ONE_PUT,
    REFRESH,
    Life,
    Use,
    invoked,
    secrets_manager,
    step_functions,
)
from devtool.meter import item_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

UNIT = "$ a million"
CHEAPER = Target(peer_at_least=1.0)
TOLD = Target()
"""Express is a tenth of standard, and does not do the job: it is told, and nothing is asked for."""
_GB = 1_000_000_000
_DAYS_KEPT = {"audit": 400.0}
"""Of other items: as long as the token lives."""
_COPIES = {"audit": 2}
"""Indexes that hold an item whole; the others hold keys."""
_OVERHEAD = 100
"""Bytes that DynamoDB adds to each item, and to each entry of an index."""


def measure(scale: Scale) -> list[Line]:
    """Return a line for each of the others, of a token that lives a day; those of a month are told."""
    found = bed()
    count = scale.of(full=20, quick=4)
    with metered(found.cloud) as meters, life(found, meters) as living:
        living.live(2)
        cost = living.live(count, collected=2, listed=0)
        kept = items_of(found.cloud, *living.one(collected=2, listed=0))
    counted = Use(write_units=cost.units.written, read_units=cost.units.reads) + invoked(cost.invocations)
    day, month = (ours_over(lived, counted, kept) for lived in (A_DAY, A_MONTH))
    units = f"{cost.units.written:g} write and {cost.units.reads:g} read units, {cost.invocations:g} invocations"
    details = [
        f"a token, counted behind the API: {units}, no KMS call; {len(kept)} items of {_bytes(kept):,} bytes",
        f"in none of these: the API's own share, ${FRONT.dollars():.2f} for three requests and their functions",
        f"ours, of a day: {_written(day.bill())}",
        *_months(month),
    ]
    return [
        _line("cost to Secrets Manager", day, secrets_manager(A_DAY), CHEAPER, details),
        _line("cost to Step Functions, standard", day, step_functions(A_DAY, express=False), CHEAPER),
        _line("cost to Step Functions, express", day, step_functions(A_DAY, express=True), TOLD),
    ]


def ours_over(lived: Life, counted: Use, kept: Iterable[Item]) -> Use:
    """Return what a token of ours uses over its life, given what was counted of one that is not refreshed."""
    return counted + Use(messages=lived.messages) + stored(kept, lived) + REFRESH.times(lived.refreshes)


def stored(kept: Iterable[Item], lived: Life) -> Use:
    """Return what keeping these items costs: in the table, its indexes and its point-in-time recovery."""
    table = copies = 0.0
    for item in kept:
        kind = item["kind"]["S"]
        months = _DAYS_KEPT.get(kind, lived.days) / 30
        table += (item_size(item) + _OVERHEAD) * months / _GB
        copies += _COPIES.get(kind, 0) * (item_size(item) + _OVERHEAD) * months / _GB
    return Use(stored_gb_months=table + copies, recoverable_gb_months=table)


def _months(ours: Use) -> list[str]:
    others = {
        "Secrets Manager": secrets_manager(A_MONTH),
        "Step Functions, standard": step_functions(A_MONTH, express=False),
        "Step Functions, express": step_functions(A_MONTH, express=True),
    }
    told = ", ".join(f"{name} ${use.dollars():,.0f}" for name, use in others.items())
    return [f"of a month with a refresh a day: ours ${ours.dollars():,.0f}, {told}"]


def _line(name: str, ours: Use, peer: Use, target: Target, details: Iterable[str] = ()) -> Line:
    return Line(
        name=name,
        unit=UNIT,
        ours=ours.dollars(),
        peer=peer.dollars(),
        limit=ONE_PUT.dollars(),
        target=str(target),
        passed=target.is_met(to_limit=None, to_peer=peer.dollars() / ours.dollars()),
        details=[*details, f"{name.removeprefix('cost to ')}, of a day: {_written(peer.bill())}"],
    )


def _written(bill: Mapping[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} ${dollars:,.2f}" for name, dollars in bill.items())


def _bytes(kept: Iterable[Item]) -> int:
    return sum(item_size(item) for item in kept)
