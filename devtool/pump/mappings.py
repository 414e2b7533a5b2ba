"""Event-source mappings as they are deployed: read, deduplicated, kept away from MiniStack's own poller."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from devtool.pump.batches import NO_LIMIT, Rules
from devtool.pump.filters import Pattern, check

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamMapping:
    """One DynamoDB stream connected to one function."""

    uuid: str
    stream: str
    function: str
    rules: Rules
    patterns: tuple[Pattern, ...]
    on_failure: str | None

    @property
    def name(self) -> str:
        """Return the function's name."""
        return self.function.rpartition(":function:")[2]

    @property
    def table(self) -> str:
        """Return the name of the table whose stream it is."""
        return self.stream.split("/")[1]


def from_lambda(answer: Mapping[str, Any]) -> StreamMapping:
    """Read a mapping as ListEventSourceMappings describes it; absent options have Lambda's defaults."""
    filters = (answer.get("FilterCriteria") or {}).get("Filters") or []
    destination = ((answer.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    return StreamMapping(
        uuid=answer["UUID"],
        stream=answer["EventSourceArn"],
        function=answer["FunctionArn"],
        rules=Rules(
            batch_size=int(answer.get("BatchSize") or 100),
            window_seconds=float(answer.get("MaximumBatchingWindowInSeconds") or 0),
            lanes=int(answer.get("ParallelizationFactor") or 1),
            reports_failures="ReportBatchItemFailures" in (answer.get("FunctionResponseTypes") or []),
            bisects=bool(answer.get("BisectBatchOnFunctionError")),
            max_retries=_limit(answer.get("MaximumRetryAttempts")),
            max_age_seconds=_limit(answer.get("MaximumRecordAgeInSeconds")),
        ),
        patterns=tuple(check(json.loads(item["Pattern"])) for item in filters),
        on_failure=destination,
    )


def _limit(value: int | None) -> int:
    return NO_LIMIT if value is None else int(value)


def is_stream(answer: Mapping[str, Any]) -> bool:
    """Tell whether a mapping reads a DynamoDB stream."""
    source = str(answer.get("EventSourceArn", ""))
    return ":dynamodb:" in source and "/stream/" in source


def without_doubles(answers: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Keep the newest mapping of each pair of stream and function.

    Lambda refuses a second one; MiniStack takes it and delivers twice.
    """
    newest: dict[tuple[str, str], Mapping[str, Any]] = {}
    for answer in answers:
        pair = answer["EventSourceArn"], answer["FunctionArn"]
        known = newest.get(pair)
        if known is None or answer["LastModified"] >= known["LastModified"]:
            newest[pair] = answer
    return list(newest.values())


def take_over(functions: Any) -> list[StreamMapping]:
    """Disable MiniStack's poller for every stream mapping and return what the pump is to deliver."""
    pages = functions.get_paginator("list_event_source_mappings").paginate()
    found = [answer for page in pages for answer in page["EventSourceMappings"] if is_stream(answer)]
    for answer in found:
        # Whatever it reads as: MiniStack shows "Enabled" for what a template disabled.
        functions.update_event_source_mapping(UUID=answer["UUID"], Enabled=False)
    return [from_lambda(answer) for answer in without_doubles(found)]
