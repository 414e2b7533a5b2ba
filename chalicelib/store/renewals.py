"""A token's refresh in the table: begun once, journalled before the call, its outcome written once.

Every write is conditional on the token's generation: of two refreshers of one generation, one can begin, and only the
attempt that wrote the journal's entry can write what came of it.

    token   generation 3 ── begin ── journal ── (the call) ── generation 4
    job              put PENDING   IN_PROGRESS, attempt n      SUCCEEDED, in the same transaction
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from chalicelib.errors import Conflict, LeaseLost, NotFound
from chalicelib.model.audit import Event, about_token_by
from chalicelib.model.clock import SECOND
from chalicelib.model.job import Job, Status
from chalicelib.model.token import KEEP_RECORD, Token, keep_until
from chalicelib.store import keys
from chalicelib.store.endings import ended_ours
from chalicelib.store.items import job_from_item, job_to_item
from chalicelib.store.renewal_items import journal_to_map
from chalicelib.store.table import ConditionFailed, TransactionCancelled
from chalicelib.store.trail import Trail

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.model.deposit import Deposit
    from chalicelib.model.renewal import Journal
    from chalicelib.store.endings import Outcome
    from chalicelib.store.table import Table

NEW = "attribute_not_exists(pk)"
"""Nobody stored a job under this id before."""

KEPT = "attribute_not_exists(revoked_at)"
"""Nobody deleted the token."""

REFRESHABLE = "attribute_not_exists(reauth)"
"""The provider has not refused for good."""

NOBODY_REFRESHES = "attribute_not_exists(refresh_job)"
"""No refresh of this generation was begun."""

THAT_ONE_ENDED = "refresh_job = :ended"
"""The refresh that was begun is the one whose job has ended without telling the token: nobody replaced it since."""

BY_US = "journal.#job = :job AND journal.attempt = :attempt"
"""The journal's entry is this attempt's: whatever the provider did, nobody else has called it since."""

RACES = 5


class Renewals:
    """The refreshes of one table's tokens."""

    def __init__(self, table: Table, trail: Trail | None = None) -> None:
        self._table = table
        self._trail = Trail(table) if trail is None else trail

    def begin(self, token: Token, job: Job, now: int) -> Job:
        """Store the job that refreshes this generation of `token`, or return the one that is under way.

        Raises Conflict when the token is no longer of this generation, was deleted, or cannot be refreshed any more:
        look at it again.
        """
        instead_of: Job | None = None
        for _ in range(RACES):
            condition, operands = _same(token, NOBODY_REFRESHES if instead_of is None else THAT_ONE_ENDED)
            if instead_of is not None:
                operands["ended"] = instead_of.id
            beginning = self._table.update_operation(
                keys.job_key(token.id),
                "SET refresh_job = :job, refreshing_since = :now REMOVE refresh_shard, refresh_at",
                condition=f"{condition} AND {REFRESHABLE}",
                job=job.id,
                now=now,
                **operands,
            )
            ttl = now // SECOND + KEEP_RECORD
            putting = self._table.put_operation(job_to_item(job, ttl=ttl), condition=NEW)
            entry = self._trail.operation(about_token_by(job, token, Event.REFRESH_ASKED, now))
            try:
                self._table.transact([beginning, putting, entry])
            except TransactionCancelled as cancelled:
                earlier = self._under_way(token, cancelled.items[0])
                if earlier is None:
                    raise Conflict("the token changed while its refresh was being begun") from None
                if earlier.is_open:
                    return earlier
                instead_of = earlier
                continue
            return job
        raise Conflict("the token changed too often while its refresh was being begun")

    def journal(self, token: Token, entry: Journal) -> None:
        """Write down that the provider is called now. Raises LeaseLost when the token is not as it was read."""
        condition, operands = _same(token, "refresh_job = :job")
        before = token.renewal.journal
        if before is None:
            condition += " AND attribute_not_exists(journal)"
        else:
            condition += " AND journal.#job = :before_job AND journal.attempt = :before_attempt"
            operands |= {"before_job": before.job_id, "before_attempt": before.attempt}
        names = {} if before is None else {"names": {"#job": "job"}}
        try:
            self._table.update(
                keys.job_key(token.id),
                "SET journal = :entry",
                condition=condition,
                entry=journal_to_map(entry),
                job=entry.job_id,
                **names,
                **operands,
            )
        except ConditionFailed:
            raise LeaseLost from None

    def take_back(self, token: Token, entry: Journal) -> None:
        """Take the journal's entry back: nothing reached the provider, or it said that it did nothing."""
        condition, operands = _same(token, BY_US)
        try:
            self._table.update(
                keys.job_key(token.id),
                "REMOVE journal",
                condition=condition,
                names={"#job": "job"},
                job=entry.job_id,
                attempt=entry.attempt,
                **operands,
            )
        except ConditionFailed:
            raise LeaseLost from None

    def renewed(  # noqa: PLR0917  the generation before and after, and whose doing it is
        self, job: Job, before: Token, after: Deposit, entry: Journal, now: int, refresh_at: int | None
    ) -> None:
        """Write the next generation and end its job, in one transaction; at `refresh_at` (seconds) the next is due.

        A job that was ended meanwhile (cancelled, or taken by another that has not called yet) keeps nobody from
        writing: while the journal's entry is ours, nobody else has what the provider gave. Raises LeaseLost when it is
        not, NotFound when the token was deleted meanwhile.
        """
        condition, operands = _same(before, BY_US)
        token = after.token
        facts: dict[str, object] = {
            "sealed": after.sealed,
            "fingerprint": token.fingerprint,
            "has_refresh_token": True,
            "generation": token.generation,
            "obtained_at": now,
            "last_refresh": {"outcome": "refreshed", "at": now},
            "ttl": _ttl(token),
            "token_type": token.token_type,
            "scope": token.scope,
            "expires_at": token.expires_at,
            **schedule_attributes(token.id, refresh_at),
        }
        setting, names, values, gone = _written(facts)
        renewing = self._table.update_operation(
            keys.job_key(token.id),
            f"SET {setting} REMOVE {', '.join(['refresh_job', 'refreshing_since', 'journal', *gone])}",
            condition=condition,
            names={"#job": "job", **names},
            job=job.id,
            attempt=entry.attempt,
            **values,
            **operands,
        )
        result = {"generation": token.generation, "expires_at": token.expires_at}
        given = {name: value for name, value in result.items() if value is not None}
        ending = self._table.update_operation(**ended_ours(job, Status.SUCCEEDED, now, {"result": given}))
        told = about_token_by(job, token, Event.REFRESHED, now)
        audited = self._trail.operation(replace(told, kept_until=_ttl(token)))
        try:
            self._table.transact([renewing, ending, audited])
        except TransactionCancelled as cancelled:
            stood = cancelled.items[0]
            if cancelled.failed[0] and (stood is None or "revoked_at" in stood):
                raise NotFound from None
            if cancelled.failed[0]:
                raise LeaseLost from None
            if not cancelled.failed[1]:
                raise
            self._write_alone([renewing, audited])

    def needs_reauth(self, job: Job, token: Token, now: int, *, code: str, message: str) -> None:
        """End a refresh as FAILED and say on the token that the customer has to log in. Raises LeaseLost."""
        condition, operands = _same(token, "refresh_job = :job")
        marking = self._table.update_operation(
            keys.job_key(token.id),
            "SET last_refresh = :last, reauth = :reauth REMOVE refresh_job, refreshing_since, journal",
            condition=condition,
            job=job.id,
            last={"outcome": code, "at": now},
            reauth={"code": code, "at": now},
            **operands,
        )
        self._end_with(job, marking, now, {"error": {"code": code, "message": message}})

    def put_down(self, job: Job, token: Token, now: int, *, code: str, message: str, again: int) -> None:
        """End a refresh as FAILED for now, and have the token looked at `again` seconds later. Raises LeaseLost.

        The journal stays: an unheard call is as unheard for the next refresh.
        """
        condition, operands = _same(token, "refresh_job = :job")
        marking = self._table.update_operation(
            keys.job_key(token.id),
            "SET last_refresh = :last, refresh_shard = :shard, refresh_at = :at REMOVE refresh_job, refreshing_since",
            condition=condition,
            job=job.id,
            last={"outcome": code, "at": now},
            shard=keys.refresh_shard(token.id),
            at=now // SECOND + again,
            **operands,
        )
        self._end_with(job, marking, now, {"error": {"code": code, "message": message}})

    def overtaken(self, job: Job, now: int, outcome: Outcome, *, to: Status) -> None:
        """End a refresh that has nothing left to do: its token has a newer generation, or is gone. Raises LeaseLost."""
        ending = self._table.update_operation(**ended_ours(job, to, now, outcome))
        try:
            self._table.transact([ending, self._trail.ended(job, to, now, outcome)])
        except TransactionCancelled as cancelled:
            if not cancelled.failed[0]:
                raise
            raise LeaseLost from None

    def learned(self, token: Token, life: int) -> None:
        """Keep how long this generation was good (seconds); nothing if it is no longer the present one."""
        condition, operands = _same(token, REFRESHABLE)
        change = "SET learned_life = :life"
        try:
            self._table.update(keys.job_key(token.id), change, condition=condition, life=life, **operands)
        except ConditionFailed:
            return

    def dead(self, token: Token, now: int, code: str) -> None:
        """Say that a token cannot be refreshed any more; nothing if something happened to it since it was read."""
        condition, operands = _same(token, NOBODY_REFRESHES)
        try:
            self._table.update(
                keys.job_key(token.id),
                "SET reauth = :reauth",
                condition=condition,
                reauth={"code": code, "at": now},
                **operands,
            )
        except ConditionFailed:
            return

    def keep_place(self, token: Token) -> None:
        """Keep the place's entry for as long as the token that it shows; nothing if it shows another."""
        try:
            self._table.update(
                keys.current_key(token.place),
                "SET #ttl = :ttl",
                condition="token_id = :id",
                names={"#ttl": "ttl"},
                ttl=_ttl(token),
                id=token.id,
            )
        except ConditionFailed:
            return

    def _write_alone(self, renewing: list[dict[str, Any]]) -> None:
        try:
            self._table.transact(renewing)
        except TransactionCancelled as cancelled:
            if not cancelled.failed[0]:
                raise
            raise LeaseLost from None

    def _end_with(self, job: Job, marking: dict[str, Any], now: int, outcome: Outcome) -> None:
        ending = self._table.update_operation(**ended_ours(job, Status.FAILED, now, outcome))
        entry = self._trail.ended(job, Status.FAILED, now, outcome)
        try:
            self._table.transact([marking, ending, entry])
        except TransactionCancelled as cancelled:
            if cancelled.failed[1]:
                raise LeaseLost from None
            if not cancelled.failed[0]:
                raise
            self.overtaken(job, now, outcome, to=Status.FAILED)  # the token went on without this refresh

    def _under_way(self, token: Token, stored: Mapping[str, Any] | None) -> Job | None:
        """Return the job of the refresh that stood in the way; None where something else did."""
        if stored is None or "revoked_at" in stored or "reauth" in stored:
            return None
        if stored.get("generation", 1) != token.generation or "refresh_job" not in stored:
            return None
        item = self._table.get(keys.job_key(stored["refresh_job"]))
        return None if item is None else job_from_item(item)


def _same(token: Token, more: str) -> tuple[str, dict[str, object]]:
    """Return the condition that a token is still of its generation, and not deleted, and `more`."""
    if token.generation == 1:
        return f"attribute_not_exists(generation) AND attribute_exists(pk) AND {KEPT} AND {more}", {}
    return f"generation = :generation AND {KEPT} AND {more}", {"generation": token.generation}


def schedule_attributes(token_id: str, refresh_at: int | None) -> dict[str, object]:
    """Write when a token is to be refreshed on schedule (epoch seconds); nothing, and out of the index, for None."""
    if refresh_at is None:
        return {"refresh_shard": None, "refresh_at": None}
    return {"refresh_shard": keys.refresh_shard(token_id), "refresh_at": refresh_at}


def _written(facts: Mapping[str, object]) -> tuple[str, dict[str, str], dict[str, object], list[str]]:
    """Return what sets these attributes, the names and values that it needs, and which are to be removed (None)."""
    given = {name: value for name, value in facts.items() if value is not None}
    names = {f"#{name}": name for name in facts}
    setting = ", ".join(f"#{name} = :new_{name}" for name in given)
    values = {f"new_{name}": value for name, value in given.items()}
    return setting, names, values, [f"#{name}" for name in facts if name not in given]


def _ttl(token: Token) -> int:
    return keep_until(
        accepted_at=token.obtained_at, expires_at=token.expires_at, has_refresh_token=token.has_refresh_token
    )
