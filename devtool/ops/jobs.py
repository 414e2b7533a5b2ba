"""`ops jobs`: what is stuck and why; one job's whole history."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from chalicelib.errors import NotFound, Unreadable
from chalicelib.model.overdue import Fail, overdue
from chalicelib.store import keys
from chalicelib.store.items import history_of
from devtool.errors import DevError
from devtool.ops import show
from devtool.ops.stage import now

if TYPE_CHECKING:
    from chalicelib.model.job import Job
    from devtool.ops.stage import Stage

NEVER_SHOWN = ("sealed", "body_mark")
"""Attributes that an operator has no use for: a secret that he cannot open, a hash that he cannot check."""

WHY = {
    "not_dispatched": "the stream or the queue never brought it to a worker",
    "waited": "its wait is over, the queue did not bring it back",
    "lease_lost": "its worker died, or does not renew its lease",
    "deadline_exceeded": "its time is up; the next sweep ends it",
    "worker_lost": "its workers died as often as it may be begun; the next sweep ends it",
}


def stuck(stage: Stage, *, as_json: bool) -> None:
    """List the open jobs that are overdue, longest first."""
    moment = now()
    jobs, unreadable = overdue_jobs(stage, moment)
    found = [_row(job, moment) for job in jobs]
    if unreadable:
        sys.stderr.write(f"{unreadable} more that this version cannot read: a later one wrote them\n")
    show.rows(found, as_json=as_json, nothing="nothing is stuck: no open job is overdue")


def history(stage: Stage, job_id: str, *, as_json: bool) -> None:
    """Print everything that the table knows of one job. Raises DevError if there is none."""
    item = stage.table.get(keys.job_key(job_id))
    if item is None:
        raise DevError(f"there is no job {job_id}: mistyped, or past its time to live")
    facts: dict[str, Any] = {name: value for name, value in item.items() if name not in (*NEVER_SHOWN, "history")}
    entries = [
        {"at": show.when(entry["at"]), "status": str(entry["status"]), **_rest(entry)} for entry in history_of(item)
    ]
    if as_json:
        show.rows([{**facts, "history": entries}], as_json=True, nothing="")
        return
    show.rows([{"attribute": name, "value": facts[name]} for name in sorted(facts)], as_json=False, nothing="")
    columns = ("at", "status", "attempt", "owner", "reason")
    show.rows([{name: entry.get(name) for name in columns} for entry in entries], as_json=False, nothing="no history")


def overdue_jobs(stage: Stage, moment: int) -> tuple[list[Job], int]:
    """Return the open jobs that were due at `moment`, the oldest first, and how many more cannot be read."""
    due = [job for shard in stage.open_jobs.shards() for job in stage.open_jobs.due(shard, moment)]
    jobs = sorted((job for job in due if not isinstance(job, Unreadable)), key=lambda job: job.accepted_at)
    return jobs, len(due) - len(jobs)


def type_of(stage: Stage, job_id: str) -> str | None:
    """Return a job's type, None for one that is gone."""
    try:
        return str(stage.jobs.job(job_id).type)
    except NotFound:
        return None


def _row(job: Job, moment: int) -> show.Row:
    decision = overdue(job, moment)
    reason = decision.code if isinstance(decision, Fail) else decision.reason
    return {
        "id": job.id,
        "type": str(job.type),
        "status": str(job.status),
        "attempts": f"{job.attempts}/{job.allowed}",
        "age": show.ago(job.accepted_at, moment),
        "overdue": show.ago(job.due_at, moment),
        "subject": job.subject,
        "reason": reason,
        "why": WHY[reason],
    }


def _rest(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in ("at", "status")}
