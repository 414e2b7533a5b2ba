"""How a job ends, whoever ends it: one update, alone or in a transaction with the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.model.job import Job, Status, check_transition
from chalicelib.store import keys
from chalicelib.store.items import history_entry

OURS = "#status = :in_progress AND attempts = :attempt"
"""The job is still this attempt's: not claimed again, not cancelled, not ended."""

Outcome = Mapping[str, Mapping[str, object]]
"""`{"result": {...}}` or `{"error": {...}}`."""

LOG = "history = list_append(if_not_exists(history, :none), :entry)"
"""A job's item keeps its own history. Each entry is one write; attempts and the deadline bound their number."""


def ended_ours(job: Job, to: Status, now: int, outcome: Outcome) -> dict[str, Any]:
    """Return the update that ends a job which this attempt holds."""
    operands = {"in_progress": Status.IN_PROGRESS, "attempt": job.attempts}
    return ended(job, to, now, outcome, condition=OURS, operands=operands)


def ended(
    job: Job,
    to: Status,
    now: int,
    outcome: Outcome,
    *,
    condition: str,
    operands: Mapping[str, object],
    also_set: str = "",
    also_remove: str = "",
) -> dict[str, Any]:
    """Return the update that ends a job under `condition`, with a `result` or an `error`: it leaves the index, too."""
    check_transition(job.status, to)
    set_outcome = "".join(f", #{name} = :{name}" for name in outcome)
    return {
        "key": keys.job_key(job.id),
        "change": (
            f"SET #status = :to, updated_at = :now, rev = rev + :one, {LOG}{set_outcome}{also_set}"
            f" REMOVE open_shard, due_at, #owner, lease_until, not_before{also_remove}"
        ),
        "condition": condition,
        "names": {"#status": "status", "#owner": "owner", **{f"#{name}": name for name in outcome}},
        "to": to,
        "now": now,
        "one": 1,
        "none": [],
        "entry": [history_entry(to, now)],
        **operands,
        **{name: dict(value) for name, value in outcome.items()},
    }
