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

from typing import TYPE_CHECKING

from chalicelib.errors import LeaseLost
from chalicelib.model.job import DISPATCH_GRACE, LEASE, Job, Status, Type, check_transition, due
from chalicelib.store import keys
from chalicelib.store.endings import LOG, OURS, Outcome, ended, ended_ours
from chalicelib.store.items import history_entry, job_from_item
from chalicelib.store.table import ConditionFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.store.table import Table

CLAIMABLE = "(#status = :pending OR (#status = :in_progress AND lease_until <= :now)) AND attempts = :seen"
"""The job waits, or its claimant's time is up; and nobody claimed it since we looked."""

AS_SEEN = "#status = :seen_status AND rev = :seen_rev"
"""Nothing happened to the job since we looked: of two sweeps, or a sweep and a worker, one wins."""

_STATUS = {"#status": "status"}


class Leases:
    """The open jobs of one table, as their claimants and the sweep write them."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def claim(self, job: Job, owner: str, now: int) -> Job | None:
        """Claim a job for LEASE and return it as it is now; None when another was first."""
        attempt = job.attempts + 1
        try:
            self._table.update(
                keys.job_key(job.id),
                "SET #status = :in_progress, attempts = :attempt, #owner = :owner, lease_until = :until,"
                f" due_at = :due, rev = rev + :one, updated_at = :now, {LOG} REMOVE not_before",
                condition=CLAIMABLE,
                names={**_STATUS, "#owner": "owner"},
                pending=Status.PENDING,
                in_progress=Status.IN_PROGRESS,
                seen=job.attempts,
                attempt=attempt,
                owner=owner,
                until=now + LEASE,
                due=due(job, now + LEASE),
                one=1,
                now=now,
                none=[],
                entry=[history_entry(Status.IN_PROGRESS, now, attempt=attempt, owner=owner)],
            )
        except ConditionFailed:
            return None
        return self._again(job.id)

    def renew(self, job: Job, now: int, progress: Mapping[str, object]) -> None:
        """Keep a claimed job for another LEASE and say how far it is. Raises LeaseLost."""
        self._write_ours(
            job,
            "SET lease_until = :until, due_at = :due, #progress = :progress, updated_at = :now, rev = rev + :one",
            names={**_STATUS, "#progress": "progress"},
            until=now + LEASE,
            due=due(job, now + LEASE),
            progress=dict(progress),
            now=now,
            one=1,
        )

    def wait(self, job: Job, not_before: int, now: int, reason: str) -> None:
        """Give a claimed job back, to be tried again at `not_before`. Raises LeaseLost."""
        self._write_ours(
            job,
            "SET #status = :to, not_before = :later, due_at = :due, updated_at = :now, rev = rev + :one,"
            f" {LOG} REMOVE #owner, lease_until",
            names={**_STATUS, "#owner": "owner"},
            to=Status.PENDING,
            later=not_before,
            due=due(job, not_before + DISPATCH_GRACE),
            now=now,
            one=1,
            none=[],
            entry=[history_entry(Status.PENDING, now, attempt=job.attempts, reason=reason)],
        )

    def end(self, job: Job, to: Status, now: int, outcome: Outcome) -> None:
        """End a claimed job with its `result` or `error`. Raises LeaseLost."""
        try:
            self._table.update(**ended_ours(job, to, now, outcome))
        except ConditionFailed:
            raise LeaseLost from None

    def end_as_seen(self, job: Job, to: Status, now: int, outcome: Outcome) -> bool:
        """End a job from outside, whoever holds it; False when something happened to it since it was read.

        A token whose storing is cancelled is taken from its readers, and its secret erased, in the same write.
        """
        seen = {"seen_status": job.status, "seen_rev": job.rev}
        also = {}
        if to is Status.CANCELLED and job.type is Type.STORE:
            also = {"also_set": ", revoked_at = :now", "also_remove": ", sealed"}
        try:
            self._table.update(**ended(job, to, now, outcome, condition=AS_SEEN, operands=seen, **also))
        except ConditionFailed:
            return False
        return True

    def put_off(self, job: Job, due_at: int, now: int, reason: str) -> bool:
        """Make an overdue job PENDING and due again later; False when something happened to it since it was read."""
        try:
            self._table.update(
                keys.job_key(job.id),
                "SET #status = :to, due_at = :due, updated_at = :now, rev = rev + :one,"
                f" {LOG} REMOVE #owner, lease_until, not_before",
                condition=AS_SEEN,
                names={**_STATUS, "#owner": "owner"},
                to=Status.PENDING,
                due=due_at,
                now=now,
                one=1,
                none=[],
                entry=[history_entry(Status.PENDING, now, reason=reason)],
                seen_status=job.status,
                seen_rev=job.rev,
            )
        except ConditionFailed:
            return False
        return True

    def retry(self, job: Job, now: int, *, allowed: int, deadline_at: int) -> bool:
        """Send a FAILED job round again with a fresh budget; False when something happened to it since it was read."""
        check_transition(job.status, Status.PENDING)
        try:
            self._table.update(
                keys.job_key(job.id),
                "SET #status = :to, due_at = :due, open_shard = :shard, allowed = :allowed, deadline_at = :deadline,"
                f" updated_at = :now, rev = rev + :one, {LOG} REMOVE #error, not_before",
                condition=AS_SEEN,
                names={**_STATUS, "#error": "error"},
                to=Status.PENDING,
                due=now + DISPATCH_GRACE,
                shard=keys.open_shard(job.subject),
                allowed=allowed,
                deadline=deadline_at,
                now=now,
                one=1,
                none=[],
                entry=[history_entry(Status.PENDING, now, reason="retry")],
                seen_status=job.status,
                seen_rev=job.rev,
            )
        except ConditionFailed:
            return False
        return True

    def _write_ours(self, job: Job, change: str, *, names: dict[str, str], **operands: object) -> None:
        try:
            self._table.update(
                keys.job_key(job.id),
                change,
                condition=OURS,
                names=names,
                in_progress=Status.IN_PROGRESS,
                attempt=job.attempts,
                **operands,
            )
        except ConditionFailed:
            raise LeaseLost from None

    def _again(self, job_id: str) -> Job | None:
        item = self._table.get(keys.job_key(job_id))
        return None if item is None else job_from_item(item)
