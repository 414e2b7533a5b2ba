"""`ops quarantine`: what was set aside, why, and doing it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.errors import NotFound
from devtool.errors import DevError
from devtool.ops import show
from devtool.ops.stage import now

if TYPE_CHECKING:
    from chalicelib.model.quarantine import Quarantined
    from devtool.ops.stage import Stage


def listed(stage: Stage, *, as_json: bool) -> None:
    """List what failed, newest first; `aside` says whether it was set aside or still comes again."""
    moment = now()
    found = sorted(stage.quarantine.listed(), key=lambda one: one.last_seen, reverse=True)
    show.rows([_row(one, moment) for one in found], as_json=as_json, nothing="the quarantine is empty")


def shown(stage: Stage, source: str, pointer: str, *, as_json: bool) -> None:
    """Print one."""
    one = _found(stage, source, pointer)
    facts = {**_row(one, now()), "first seen": show.when(one.first_seen), "last seen": show.when(one.last_seen)}
    if as_json:
        show.rows([facts], as_json=True, nothing="")
        return
    show.rows([{"attribute": name, "value": value} for name, value in facts.items()], as_json=False, nothing="")


def replayed(stage: Stage, source: str, pointer: str) -> str:
    """Send the job behind a quarantined record to the worker, and forget the note. Returns what was done.

    The worker does any type of job, and one that has ended it leaves alone.
    """
    one = _found(stage, source, pointer)
    if one.job_id is None:
        stage.quarantine.release(source, pointer)
        return "it belongs to no job: there is nothing to do again; the note is removed"
    stage.queue.send(one.job_id)
    stage.quarantine.release(source, pointer)
    return f"job {one.job_id} was sent to the worker; the note is removed"


def _found(stage: Stage, source: str, pointer: str) -> Quarantined:
    try:
        return stage.quarantine.find(source, pointer)
    except NotFound:
        raise DevError(f"there is no {source} {pointer} in the quarantine: see ./dev ops quarantine list") from None


def _row(one: Quarantined, moment: int) -> show.Row:
    return {
        "source": one.source,
        "pointer": one.pointer,
        "job": one.job_id,
        "reason": one.reason,
        "seen": one.seen,
        "first": show.ago(one.first_seen, moment),
        "last": show.ago(one.last_seen, moment),
        "aside": "yes" if one.is_aside else "no",
    }
