"""How a job changes its status, and how it ends: one update, alone or in a transaction with the outcome."""

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

LOG_AFRESH = "history = :entry"
"""The history of a job that goes on for thousands of attempts begins anew now and then: an item holds 400 KB."""

LOGGED_ATTEMPTS = 50
"""How many attempts of such a job its history holds: about 100 lines of 100 bytes."""


def ended_ours(job: Job, to: Status, now: int, outcome: Outcome) -> dict[str, Any]:
    """Return the update that ends a job which this attempt holds."""
    return ended(job, to, now, outcome, condition=OURS, operands=ours(job))


def ours(job: Job) -> dict[str, object]:
    """Return the operands of OURS."""
    return {"in_progress": Status.IN_PROGRESS, "attempt": job.attempts}


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
    """Return the update that ends a job under `condition`, with a `result` or an `error`.

    It leaves the index of open jobs, and where it did not succeed it enters that of unsuccessful ones.
    """
    check_transition(job.status, to)
    values: dict[str, object] = {name: dict(value) for name, value in outcome.items()}
    if to in keys.UNSUCCESSFUL:
        values["unsuccessful_shard"] = keys.unsuccessful_shard(to, job.id)
    return moved(
        job,
        to,
        now,
        condition=condition,
        also_set="".join(f", #{name} = :{name}" for name in values) + also_set,
        remove=f"open_shard, due_at, #owner, lease_until, not_before{also_remove}",
        names={"#owner": "owner", **{f"#{name}": name for name in values}},
        operands={**operands, **values},
    )


def moved(
    job: Job,
    to: Status,
    now: int,
    *,
    condition: str,
    also_set: str,
    remove: str,
    names: Mapping[str, str],
    operands: Mapping[str, object],
    log: str = LOG,
    **noted: object,
) -> dict[str, Any]:
    """Return the update that makes a job `to` under `condition`: every change of status is one of these.

    It raises the job's `rev` and adds a line to its history, with what is `noted`.
    """
    return {
        "key": keys.job_key(job.id),
        "change": f"SET #status = :to, updated_at = :now, rev = rev + :one, {log}{also_set} REMOVE {remove}",
        "condition": condition,
        "names": {"#status": "status", **names},
        "to": to,
        "now": now,
        "one": 1,
        **({"none": []} if log == LOG else {}),
        "entry": [history_entry(to, now, **noted)],
        **operands,
    }
