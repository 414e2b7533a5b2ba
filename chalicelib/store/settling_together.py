"""Settle tokens of different places in one transaction: one round trip for what would be 33.

    first     all of them
    then      those that nothing was in the way of, once more
    left      whoever something was in the way of, and the rest if that failed again: `settling` takes each by itself,
              and knows every case

A cancelled transaction is paid for. So before it is taken by itself a token costs its writes twice at the most, and one
that was settled before costs them once, as it would by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.model.job import Status
from chalicelib.store import keys, settling

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from chalicelib.model.settlement import Settlement
    from chalicelib.store.table import Obstacle, Table
    from chalicelib.store.trail import Trail

TRIES = 2
WRITES = 3
"""Operations of a settlement, as `settling.operations` gives them: the first is its job's end."""


def settle_together(table: Table, wanted: Sequence[Settlement], now: int, *, trail: Trail) -> dict[str, Status | None]:
    """Settle tokens and return by job id how those jobs ended; None for one that had ended before.

    A job that is not in it was left as it is. Raises what the table says of the whole request: nothing is known then.
    """
    ends: dict[str, Status | None] = {}
    waiting = _apart(wanted)
    for _ in range(TRIES):
        if not waiting:
            break
        obstacles = table.transact_apart([write for one in waiting for write in _writes(table, one, now, trail)])
        if not obstacles:
            ends |= {one.job.id: Status.SUCCEEDED for one in waiting}
            break
        ends |= {one.job.id: None for one, met in _paired(waiting, obstacles) if _had_ended(one, met[0])}
        waiting = [one for one, met in _paired(waiting, obstacles) if not any(met)]
    return ends


def _apart(wanted: Iterable[Settlement]) -> list[Settlement]:
    """Return those that share no item with one before them: DynamoDB refuses a transaction that names an item twice.

    By the keys as they are written, not by what they are made of: a record that nobody of ours wrote may hold any name.
    An entry of the audit is its job's alone, for its id is the job's hashed.
    """
    taken: set[tuple[object, ...]] = set()
    apart = []
    for one in wanted:
        items = {tuple(key.values()) for key in (keys.job_key(one.job.id), keys.current_key(one.token.place))}
        if taken.isdisjoint(items):
            taken |= items
            apart.append(one)
    return apart


def _writes(table: Table, one: Settlement, now: int, trail: Trail) -> list[dict[str, Any]]:
    return settling.operations(table, one.job, one.token, now, one.refresh_at, trail=trail)


def _paired(
    waiting: Sequence[Settlement], obstacles: Sequence[Obstacle | None]
) -> Iterable[tuple[Settlement, Sequence[Obstacle | None]]]:
    return ((one, obstacles[at * WRITES : (at + 1) * WRITES]) for at, one in enumerate(waiting))


def _had_ended(one: Settlement, met: Obstacle | None) -> bool:
    """Tell whether a job's end is in its way, and nothing that is still to be done."""
    if met is None or not met.is_condition:
        return False
    return met.item is None or not settling.was_deleted(one.job, met.item)
