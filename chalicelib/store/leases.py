"""Claiming open jobs, and everything that only their claimant may write.

A claim is one conditional write: it takes the job with an owner, `lease_until`, and an attempt number that rises. Every
later write of that attempt is conditional on the number, so that a worker that wakes up late can change nothing.

    worker A   claim(1) ─── works ─── (killed, or frozen) ······· wakes: end(1) ✗ LeaseLost
                  │◄──────── LEASE ────────►│
    worker B                                claim(2) ─── works ─── end(2) ✓
               PENDING → IN_PROGRESS ......... IN_PROGRESS .......... SUCCEEDED
               attempts 0 → 1                  1 → 2

The window in which both work is real: A may be in the middle of a call to somebody else when B begins. So outcomes are
written in the transaction that ends the job, and calls to others carry what makes them harmless twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.errors import LeaseLost
from chalicelib.model.audit import Event, about_job
from chalicelib.model.job import BUDGETS, DISPATCH_GRACE, LEASE, Job, Status, Type, check_transition, due
from chalicelib.store import keys
from chalicelib.store.endings import LOG, LOG_AFRESH, LOGGED_ATTEMPTS, OURS, Outcome, ended, ended_ours, moved, ours
from chalicelib.store.items import job_from_item
from chalicelib.store.table import ConditionFailed, TransactionCancelled
from chalicelib.store.trail import Trail

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.model.audit import Who
    from chalicelib.store.table import Table

CLAIMABLE = "(#status = :pending OR (#status = :in_progress AND lease_until <= :now)) AND attempts = :seen"
"""The job waits, or its claimant's time is up; and nobody claimed it since we looked."""

REFRESHED_BY_THIS = "refresh_job = :job"
"""The token waits for this refresh and no other."""

AS_SEEN = "#status = :seen_status AND rev = :seen_rev"
"""Nothing happened to the job since we looked: of two sweeps, or a sweep and a worker, one wins."""


class Leases:
    """The open jobs of one table, as their claimants and the sweep write them."""

    def __init__(self, table: Table, trail: Trail | None = None) -> None:
        self._table = table
        self._trail = Trail(table) if trail is None else trail

    def claim(self, job: Job, owner: str, now: int) -> Job | None:
        """Claim a job for LEASE and return it as it is now; None when another was first."""
        attempt = job.attempts + 1
        is_long = job.checkpoint is not None and attempt % LOGGED_ATTEMPTS == 0
        claiming = moved(
            job,
            Status.IN_PROGRESS,
            now,
            condition=CLAIMABLE,
            also_set=", attempts = :attempt, #owner = :owner, lease_until = :until, due_at = :due",
            remove="not_before",
            names={"#owner": "owner"},
            operands={
                "pending": Status.PENDING,
                "in_progress": Status.IN_PROGRESS,
                "seen": job.attempts,
                "attempt": attempt,
                "owner": owner,
                "until": now + LEASE,
                "due": due(job, now + LEASE),
            },
            log=LOG_AFRESH if is_long else LOG,
            attempt=attempt,
            owner=owner,
        )
        return self._again(job.id) if self._write(claiming) else None

    def renew(
        self, job: Job, now: int, progress: Mapping[str, object], checkpoint: Mapping[str, object] | None = None
    ) -> None:
        """Keep a claimed job for another LEASE and say how far it is. Raises LeaseLost.

        With a `checkpoint` whoever claims it next goes on from there, and it has its whole budget of attempts again.
        """
        also, more = _checkpointed(job, checkpoint)
        self._write_ours(
            {
                "key": keys.job_key(job.id),
                "change": "SET lease_until = :until, due_at = :due, #progress = :progress, updated_at = :now,"
                f" rev = rev + :one{also}",
                "condition": OURS,
                "names": {"#status": "status", "#progress": "progress"},
                "until": now + LEASE,
                "due": due(job, now + LEASE),
                "progress": dict(progress),
                "now": now,
                "one": 1,
                **more,
                **ours(job),
            }
        )

    def pause(
        self, job: Job, not_before: int, now: int, progress: Mapping[str, object], checkpoint: Mapping[str, object]
    ) -> None:
        """Give a claimed job back, to go on from `checkpoint` at `not_before`; no attempt is lost. Raises LeaseLost."""
        also, more = _checkpointed(job, checkpoint)
        self._write_ours(
            moved(
                job,
                Status.PENDING,
                now,
                condition=OURS,
                also_set=f", not_before = :later, due_at = :due, #progress = :progress{also}",
                remove="#owner, lease_until",
                names={"#owner": "owner", "#progress": "progress"},
                operands={
                    "later": not_before,
                    "due": due(job, not_before + DISPATCH_GRACE),
                    "progress": dict(progress),
                    **more,
                    **ours(job),
                },
                attempt=job.attempts,
                reason="paused",
            )
        )

    def wait(self, job: Job, not_before: int, now: int, reason: str, *, allowed: int | None = None) -> None:
        """Give a claimed job back, to be tried again at `not_before`, and up to `allowed` times. Raises LeaseLost."""
        more: dict[str, object] = {} if allowed is None else {"allowed": allowed}
        self._write_ours(
            moved(
                job,
                Status.PENDING,
                now,
                condition=OURS,
                also_set=", not_before = :later, due_at = :due" + "".join(f", {name} = :{name}" for name in more),
                remove="#owner, lease_until",
                names={"#owner": "owner"},
                operands={"later": not_before, "due": due(job, not_before + DISPATCH_GRACE), **more, **ours(job)},
                attempt=job.attempts,
                reason=reason,
            )
        )

    def end(self, job: Job, to: Status, now: int, outcome: Outcome) -> None:
        """End a claimed job with its `result` or `error`. Raises LeaseLost."""
        if not self._write_with(ended_ours(job, to, now, outcome), self._trail.ended(job, to, now, outcome)):
            raise LeaseLost

    def end_as_seen(self, job: Job, to: Status, now: int, outcome: Outcome, *, by: Who | None = None) -> bool:
        """End a job from outside, whoever holds it; False when something happened to it since it was read.

        The audit says that it ended so for who asked for it, unless it was `by` somebody.
        A token whose storing is cancelled is taken from its readers, and its secret erased, in the same write.
        """
        also = {}
        if to is Status.CANCELLED and job.type is Type.STORE:
            also = {"also_set": ", revoked_at = :now", "also_remove": ", sealed"}
        ending = ended(job, to, now, outcome, condition=AS_SEEN, operands=_seen(job), **also)
        entry = self._trail.ended(job, to, now, outcome, by)
        return self._release(ending, job, now, entry) if job.type is Type.REFRESH else self._write_with(ending, entry)

    def put_off(self, job: Job, due_at: int, now: int, reason: str) -> bool:
        """Make an overdue job PENDING and due again later; False when something happened to it since it was read."""
        return self._write(
            moved(
                job,
                Status.PENDING,
                now,
                condition=AS_SEEN,
                also_set=", due_at = :due",
                remove="#owner, lease_until, not_before",
                names={"#owner": "owner"},
                operands={"due": due_at, **_seen(job)},
                reason=reason,
            )
        )

    def retry(self, job: Job, now: int, *, allowed: int, deadline_at: int, by: Who | None = None) -> bool:
        """Send a FAILED job round again with a fresh budget; False when something happened to it since it was read."""
        check_transition(job.status, Status.PENDING)
        return self._write_with(
            moved(
                job,
                Status.PENDING,
                now,
                condition=AS_SEEN,
                also_set=", due_at = :due, open_shard = :shard, allowed = :allowed, deadline_at = :deadline",
                remove="#error, not_before, unsuccessful_shard",
                names={"#error": "error"},
                operands={
                    "due": now + DISPATCH_GRACE,
                    "shard": keys.open_shard(job.subject),
                    "allowed": allowed,
                    "deadline": deadline_at,
                    **_seen(job),
                },
                reason="retry",
            ),
            self._trail.operation(about_job(job, Event.RETRIED, now, who=by)),
        )

    def _release(self, ending: dict[str, Any], refresh: Job, now: int, entry: dict[str, Any]) -> bool:
        """End a refresh from outside, and let its token be refreshed by another; the journal stays."""
        releasing = self._table.update_operation(
            keys.job_key(refresh.about_token),
            "SET last_refresh = :last REMOVE refresh_job, refreshing_since",
            condition=REFRESHED_BY_THIS,
            job=refresh.id,
            last={"outcome": "ended", "at": now},
        )
        try:
            self._table.transact([self._table.update_operation(**ending), releasing, entry])
        except TransactionCancelled as cancelled:
            return not cancelled.failed[0] and self._write_with(ending, entry)  # the token went on without it
        return True

    def _write_with(self, update: dict[str, Any], entry: dict[str, Any]) -> bool:
        """Do an update and write its entry of the audit, both or neither; tell whether the update's condition held."""
        try:
            self._table.transact([self._table.update_operation(**update), entry])
        except TransactionCancelled as cancelled:
            if not cancelled.failed[0]:
                raise
            return False
        return True

    def _write(self, update: dict[str, Any]) -> bool:
        """Do an update and tell whether its condition held."""
        try:
            self._table.update(**update)
        except ConditionFailed:
            return False
        return True

    def _write_ours(self, update: dict[str, Any]) -> None:
        if not self._write(update):
            raise LeaseLost

    def _again(self, job_id: str) -> Job | None:
        item = self._table.get(keys.job_key(job_id))
        return None if item is None else job_from_item(item)


def _checkpointed(job: Job, checkpoint: Mapping[str, object] | None) -> tuple[str, dict[str, object]]:
    if checkpoint is None:
        return "", {}
    allowed = job.attempts + BUDGETS[job.type].attempts
    return ", checkpoint = :checkpoint, allowed = :allowed", {"checkpoint": dict(checkpoint), "allowed": allowed}


def _seen(job: Job) -> dict[str, object]:
    return {"seen_status": job.status, "seen_rev": job.rev}
