"""Metrics in CloudWatch's embedded format: the log line of an outcome is its metric, too.

A line carries `_aws` where its event stands in METRICS; CloudWatch Logs makes the metrics of it, and nothing has to be
called. Dimensions are the stage, the job's type and an error's code: never an id, for each value of a dimension is a
metric of its own, and paid for.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMESPACE = "Cloakroom"


class Metric(Struct, frozen=True, kw_only=True, dict=True):  # no slots: its directive is kept with it
    """A metric made of an event: counted, or read from the line's `field`."""

    name: str
    dimensions: tuple[str, ...] = ("stage",)
    field: str | None = None
    unit: str = "Count"

    @cached_property
    def directive(self) -> dict[str, object]:
        """What CloudWatch is told of it."""
        return {
            "Namespace": NAMESPACE,
            "Dimensions": [list(self.dimensions)],
            "Metrics": [{"Name": self.name, "Unit": self.unit}],
        }


_BY_TYPE = ("stage", "type")
_ENDED = Metric(name="AcceptedToEnded", dimensions=_BY_TYPE, field="after_ms", unit="Milliseconds")

METRICS: Mapping[str, tuple[Metric, ...]] = {
    "token.accepted": (Metric(name="Accepted"),),
    "job.settled": (Metric(name="Settled", dimensions=_BY_TYPE), _ENDED),
    "token.erased": (Metric(name="Settled", dimensions=_BY_TYPE), _ENDED),
    "token.refreshed": (Metric(name="Settled", dimensions=_BY_TYPE), _ENDED),
    "tokens.imported": (
        Metric(name="Settled", dimensions=_BY_TYPE),
        Metric(name="Imported", field="stored"),
        Metric(name="RefusedLines", field="refused"),
        _ENDED,
    ),
    "job.failed": (Metric(name="Failed", dimensions=("stage", "type", "code")), _ENDED),
    "job.cancelled": (Metric(name="Cancelled", dimensions=_BY_TYPE), _ENDED),
    "job.waits": (Metric(name="Retried", dimensions=_BY_TYPE),),
    "lease.lost": (Metric(name="LeaseLost", dimensions=_BY_TYPE),),
    "job.swept": (Metric(name="Swept", dimensions=_BY_TYPE),),
    "record.quarantined": (Metric(name="Quarantined", dimensions=("stage", "source")),),
    "sweep.done": (
        Metric(name="OldestOverdueJob", field="oldest_s", unit="Seconds"),
        Metric(name="OldestOpenJob", field="oldest_open_s", unit="Seconds"),
    ),
}
"""Which events are metrics. docs/operations.md says what to make of each."""


def embedded(event: str, line: Mapping[str, object], timestamp: int) -> dict[str, object]:
    """Return what makes a log line a metric, empty for one that is none. `timestamp` in milliseconds.

    A metric whose dimension or field the line lacks is left out: CloudWatch would refuse the whole line.
    """
    directives = []
    values: dict[str, object] = {}
    for metric in METRICS.get(event, ()):
        field_missing = metric.field is not None and metric.field not in line
        if field_missing or not line.keys() >= {*metric.dimensions}:
            continue
        values[metric.name] = 1 if metric.field is None else line[metric.field]
        directives.append(metric.directive)
    if directives:
        values["_aws"] = {"Timestamp": timestamp, "CloudWatchMetrics": directives}
    return values
