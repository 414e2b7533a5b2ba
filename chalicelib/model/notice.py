"""What a browser is told, as bytes. Each fits a WebSocket frame of 32 KB: nothing has to be cut."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from chalicelib.model.clock import rfc3339
from chalicelib.model.job import job_view

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.model.job import Job

MOST_JOBS = 30
"""How many jobs a snapshot holds at the most; a job takes up to 1 KB."""


def job_updated(job: Job) -> bytes:
    """Write one change of a job. `seq` rises with the job's changes: a client drops what is older than it has."""
    return _text({"id": f"{job.id}:{job.rev}", "seq": job.rev, "type": "job.updated", "job": job_view(job)})


def snapshot(jobs: Sequence[Job], *, more: bool, now: int) -> bytes:
    """Write what is open, for a client that has just joined or asks again."""
    return _text({"type": "snapshot", "at": rfc3339(now), "jobs": [job_view(job) for job in jobs], "more": more})


def pong() -> bytes:
    """Write the answer to a ping, which keeps an idle socket open."""
    return _text({"type": "pong"})


def fault(code: str, detail: str) -> bytes:
    """Write why a client's message was not understood."""
    return _text({"type": "error", "code": code, "detail": detail})


def _text(message: Mapping[str, object]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()
