"""What becomes of a batch after an invocation. Pure: Lambda's retry, bisect and checkpoint rules as data.

A portion is a run of records that is delivered together. An outcome says how its invocation ended. `after`
answers with the portions that are still to do, in order, and with what is given up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

Record = Mapping[str, Any]

NO_LIMIT = -1
# A worker that dies is a function error on Lambda and spends a retry. Here tests kill workers by the dozen, so
# some deaths of one portion are free; a record that kills its worker each time is still given up in the end.
FREE_DEATHS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """The part of a mapping that decides. NO_LIMIT stands for "for ever", as in Lambda's API."""

    batch_size: int = 100
    window_seconds: float = 0
    lanes: int = 1
    reports_failures: bool = False
    bisects: bool = False
    max_retries: int = NO_LIMIT
    max_age_seconds: int = NO_LIMIT


@dataclass(frozen=True, kw_only=True, slots=True)
class Portion:
    """Records delivered together, with the retries that they have spent."""

    records: tuple[Record, ...]
    retries: int = 0
    deaths: int = 0


@dataclass(frozen=True, slots=True)
class Succeeded:
    """Every record is done."""


@dataclass(frozen=True, slots=True)
class FailedFrom:
    """The function reported failures; the record at `index` is the first that has to come again."""

    index: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The function raised, ran out of time, or answered with something that is no report."""

    error: str


@dataclass(frozen=True, slots=True)
class Died:
    """The worker was gone before it answered."""

    error: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Nobody ran the function: throttled, a 5xx, no connection. It spends no retry."""

    error: str


Outcome = Succeeded | FailedFrom | Failed | Died | Unavailable


@dataclass(frozen=True, kw_only=True, slots=True)
class Discard:
    """Records that are given up, and Lambda's name for the reason."""

    portion: Portion
    condition: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What to do next: portions in order, what to give up, and whether to wait before going on."""

    todo: tuple[Portion, ...] = ()
    discard: Discard | None = None
    back_off: bool = False


def after(portion: Portion, outcome: Outcome, rules: Rules) -> Verdict:
    """Decide what becomes of a portion whose invocation ended so."""
    match outcome:
        case Succeeded():
            return Verdict()
        case Unavailable():
            return Verdict(todo=(portion,), back_off=True)
        case Died() if portion.deaths < FREE_DEATHS:
            return Verdict(todo=(replace(portion, deaths=portion.deaths + 1),), back_off=True)
        case FailedFrom(index) if index > 0:
            # The checkpoint moved: what is left is a new batch with its retries before it.
            return Verdict(todo=(Portion(records=portion.records[index:]),), back_off=True)
        case _:
            return _failed(portion, rules)


def _failed(portion: Portion, rules: Rules) -> Verdict:
    count = len(portion.records)
    if rules.bisects and count > 1:
        # "Splitting a batch does not consume the retry quota."
        halves = portion.records[: count // 2], portion.records[count // 2 :]
        todo = tuple(Portion(records=half, retries=portion.retries) for half in halves)
        return Verdict(todo=todo, back_off=True)
    if rules.max_retries != NO_LIMIT and portion.retries >= rules.max_retries:
        return Verdict(discard=Discard(portion=portion, condition="RetryAttemptsExhausted"))
    return Verdict(todo=(replace(portion, retries=portion.retries + 1),), back_off=True)


def too_old(portion: Portion, rules: Rules, now: float) -> Verdict | None:
    """Give up the records in front that are past the mapping's maximum age; None if there are none."""
    if rules.max_age_seconds == NO_LIMIT:
        return None
    horizon = now - rules.max_age_seconds
    # In order of arrival, so that the old ones are in front.
    fresh_from = next(
        (index for index, record in enumerate(portion.records) if arrived(record) >= horizon),
        len(portion.records),
    )
    if fresh_from == 0:
        return None
    expired = replace(portion, records=portion.records[:fresh_from])
    rest = portion.records[fresh_from:]
    return Verdict(
        todo=(replace(portion, records=rest),) if rest else (),
        discard=Discard(portion=expired, condition="RecordAgeExceeded"),
    )


def read_answer(body: bytes, portion: Portion, rules: Rules) -> Outcome:
    """Read what a function returned that did not raise.

    With ReportBatchItemFailures an empty answer, null, `{}` or an empty list is success. The lowest reported
    sequence number is the checkpoint. Anything that is no report, or an id that is not in the batch, fails
    the whole batch.
    """
    if not rules.reports_failures:
        return Succeeded()
    try:
        answer = json.loads(body or b"null")
        failures = (answer or {}).get("batchItemFailures") or []
        reported = [failure["itemIdentifier"] for failure in failures]
        positions = {sequence_number(record): index for index, record in enumerate(portion.records)}
        lowest = min((positions[name] for name in reported), default=None)
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        return Failed(f"the answer is no report of batch item failures ({type(error).__name__})")
    return Succeeded() if lowest is None else FailedFrom(lowest)


def sequence_number(record: Record) -> str:
    """Return the record's place in its shard, by which a function reports it."""
    return str(record["dynamodb"]["SequenceNumber"])


def arrived(record: Record) -> float:
    """Tell when a record was written, in seconds since 1970."""
    return float(record["dynamodb"]["ApproximateCreationDateTime"])
