"""Do a batch so that one bad record stops nobody, and say which failed in the way that the event source hears."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar

from chalicelib.errors import CloakroomError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor

R = TypeVar("R")


class BatchFailed(CloakroomError):
    """Part of a batch failed, and the event source takes no partial answer: all of it comes again."""

    code = "batch_failed"


def each(
    records: Sequence[R],
    handle: Callable[[R], object],
    *,
    group_of: Callable[[R], object],
    order_of: Callable[[R], object],
    pool: Executor,
    set_aside: Callable[[R, Exception], bool],
) -> list[R]:
    """Call `handle` for each record and return those that must come again.

    Groups run side by side, the records of one group one after the other. `set_aside` hears of each failure and tells
    whether that record is out of the way. If it is not, the later records of the same order wait for the next delivery
    with it, or a later change would overtake an earlier one; the rest of the group goes on.
    """
    groups: dict[object, list[R]] = {}
    for record in records:
        groups.setdefault(group_of(record), []).append(record)

    def run(group: list[R]) -> list[R]:
        left: dict[object, list[R]] = {}
        for record in group:
            order = order_of(record)
            if order in left:
                left[order].append(record)
                continue
            try:
                handle(record)
            except Exception as error:  # noqa: BLE001  a record may fail in any way; the rest must go on
                if not set_aside(record, error):
                    left[order] = [record]
        return [record for waiting in left.values() for record in waiting]

    return [record for leftover in pool.map(run, groups.values()) for record in leftover]


def report(identifiers: Sequence[str], *, mode: Literal["report", "raise"]) -> dict[str, Any]:
    """Return Lambda's partial batch response, or raise BatchFailed where nobody reads one.

    An event source without ReportBatchItemFailures takes any answer for success: a failure reported there is a
    record lost. One with it takes an exception for the whole batch's failure, which is only slower. So `raise` is
    the default of the setting, and the template that turns reporting on says `report`.
    """
    if identifiers and (mode == "raise" or "" in identifiers):
        raise BatchFailed(f"{len(identifiers)} failed")
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}
