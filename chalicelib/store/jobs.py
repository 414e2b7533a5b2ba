"""Jobs in the table: accept, look up, settle, revoke, finish. Each condition has a name and a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from chalicelib.errors import Conflict, LeaseLost, NotFound
from chalicelib.model.audit import Event, asker_of
from chalicelib.model.clock import SECOND
from chalicelib.model.job import Job, Status, Type
from chalicelib.model.token import KEEP_RECORD
from chalicelib.store import keys, settling
from chalicelib.store.deposits import NEW, Deposits
from chalicelib.store.endings import ended_ours
from chalicelib.store.items import (
    TOKEN_ATTRIBUTES,
    current_from_item,
    current_to_item,
    deposit_from_item,
    job_from_item,
    job_to_item,
    token_from_image,
)
from chalicelib.store.settling import NEWER
from chalicelib.store.settling_together import settle_together
from chalicelib.store.table import TransactionCancelled
from chalicelib.store.trail import Trail

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from chalicelib.model.deposit import Deposit
    from chalicelib.model.settlement import Settlement
    from chalicelib.model.token import Place, Token
    from chalicelib.store.table import Table

NOT_YET_REVOKED_AS_SEEN = "attribute_exists(pk) AND attribute_not_exists(revoked_at) AND #status = :seen"
"""Nobody deleted the token, and it was not settled between our reading of its place and this write."""

REVOKED_BY_THIS = "revocation = :job"
"""It is still the token that this job is about: an Idempotency-Key that is used again after the first token's time to
live makes another token of the same id, which a message that was redriven late must not erase."""

STILL_CURRENT = "token_id = :id"
"""The place still shows the token that is being deleted."""

_STATUS = {"#status": "status"}
_RANK = {"#rank": "rank"}
RACES = 5
"""How often a deletion is tried against writers that change what it has just read."""


class Jobs(Deposits):
    """The jobs of one table, the deposits among them."""

    def __init__(self, table: Table, trail: Trail | None = None) -> None:
        super().__init__(table)
        self._trail = Trail(table) if trail is None else trail

    def job(self, job_id: str) -> Job:
        """Return a job of any type. Raises NotFound."""
        return job_from_item(self._item(job_id))

    def deposit(self, token_id: str) -> Deposit:
        """Return a token with its job and sealed secret. Raises NotFound, also for a job that stores no token."""
        item = self._item(token_id)
        if item.get("type") != Type.STORE:
            raise NotFound
        return deposit_from_item(item)

    def settle(self, job: Job, token: Token, now: int, refresh_at: int | None = None) -> Status | None:
        """Make the token its place's current one and end the job, in one transaction.

        At `refresh_at` (epoch seconds) the schedule looks after it.
        Returns the status that the job ended in: SUCCEEDED (also when a newer token stands there already, which
        the result says), CANCELLED when the token was deleted meanwhile; None when it had ended before.
        """
        return settling.settle(self._table, job, token, now, refresh_at, trail=self._trail)

    def settle_instead(
        self, job: Job, token: Token, now: int, *, refresh_at: int | None, revoking: Callable[[Token], Job]
    ) -> Status | None:
        """Settle as `settle` does, and delete the token that stood in the place, all in one transaction.

        `revoking` returns the job that revokes it.
        """
        return settling.settle_instead(
            self._table, job, token, now, refresh_at=refresh_at, revoking=revoking, trail=self._trail
        )

    def settle_together(self, wanted: Sequence[Settlement], now: int) -> dict[str, Status | None]:
        """Settle tokens of different places in one transaction, as `settle` does; return by job id how jobs ended.

        What is not in it was left as it is: it is for `settle`. Raises Unavailable, Throttled: nothing is known then.
        """
        return settle_together(self._table, wanted, now, trail=self._trail)

    def revoke(self, deposit: Deposit, revocation: Job, now: int) -> Job:
        """Take the token from its readers and leave a job to do the rest, in one transaction.

        Returns the revocation's job: an earlier one where the token had been deleted before (a new one if that was
        cancelled), the token's own where its storing was cancelled.
        Raises NotFound when the token is gone, Conflict when other writers were in the way too often.
        """
        token_id = deposit.token.id
        for _ in range(RACES):
            item = self._item(token_id)
            if "revoked_at" in item:
                earlier = self.job(item.get("revocation", token_id))  # without one: its storing was cancelled
                if earlier.type is not Type.REVOKE or earlier.status is not Status.CANCELLED:
                    return earlier
                event, marking = Event.DELETED_AGAIN, [self._mark_again(token_id, earlier, revocation)]
            else:
                marking = [self._mark(item, token_id, revocation, now), *self._tombstone(deposit.token, now)]
                event = Event.DELETED
            ttl = max(item["ttl"], now // SECOND + KEEP_RECORD)
            putting = self._table.put_operation(job_to_item(revocation, ttl=ttl), condition=NEW)
            who = asker_of(revocation)
            entry = self._trail.about_token(deposit.token, event, now, who, job_id=revocation.id)
            try:
                self._table.transact([*marking, putting, entry])
            except TransactionCancelled:
                continue  # settled, replaced or deleted since we looked: look again
            return revocation
        raise Conflict("the token changed too often while it was being deleted")

    def erase(self, revocation: Job, now: int, told: Mapping[str, object]) -> None:
        """Erase the secret of a deleted token and end its revocation, in one transaction. Raises LeaseLost.

        The result says what the provider was `told`.
        """
        outcome = {"result": {"erased": True, **told}}
        ending = self._table.update_operation(**ended_ours(revocation, Status.SUCCEEDED, now, outcome))
        entry = self._trail.ended(revocation, Status.SUCCEEDED, now, outcome)
        erasing = self._table.update_operation(
            keys.job_key(revocation.about_token), "REMOVE sealed", condition=REVOKED_BY_THIS, job=revocation.id
        )
        try:
            self._table.transact([ending, erasing, entry])
        except TransactionCancelled as cancelled:
            lost, token_gone, _ = cancelled.failed
            if lost:
                raise LeaseLost from None
            if not token_gone:
                raise
            self._end_alone([ending, entry])  # the table's time to live was first; nothing is left to erase

    def tokens(self, token_ids: Sequence[str]) -> dict[str, Token]:
        """Return those of the tokens that there are, by id: half a read unit per 4 KB of each item."""
        wanted = [keys.job_key(token_id) for token_id in dict.fromkeys(token_ids)]
        items = self._table.get_many(wanted, only=TOKEN_ATTRIBUTES)
        tokens = [token_from_image(item) for item in items if item.get("type") == Type.STORE]
        return {token.id: token for token in tokens}

    def current(self, place: Place) -> Token | None:
        """Return the newest token of a place, or None."""
        item = self._table.get(keys.current_key(place))
        return None if item is None else current_from_item(item)

    def _item(self, job_id: str) -> dict[str, Any]:
        item = self._table.get(keys.job_key(job_id))
        if item is None:
            raise NotFound
        return item

    def _mark(self, item: dict[str, Any], token_id: str, revocation: Job, now: int) -> dict[str, Any]:
        return self._table.update_operation(
            keys.job_key(token_id),
            "SET revoked_at = :now, revocation = :revocation",
            condition=NOT_YET_REVOKED_AS_SEEN,
            names=_STATUS,
            now=now,
            revocation=revocation.id,
            seen=item["status"],
        )

    def _mark_again(self, token_id: str, cancelled: Job, revocation: Job) -> dict[str, Any]:
        """Return what puts a new revocation in the place of one that was cancelled: the secret is still there."""
        return self._table.update_operation(
            keys.job_key(token_id),
            "SET revocation = :revocation",
            condition=REVOKED_BY_THIS,
            revocation=revocation.id,
            job=cancelled.id,
        )

    def _tombstone(self, token: Token, now: int) -> list[dict[str, Any]]:
        """Return what marks the token's place, so that no older token becomes current again, settled or not.

        Nothing where a newer one stands.
        """
        current = self.current(token.place)
        if current is not None and current.id == token.id:
            key = keys.current_key(token.place)
            return [
                self._table.update_operation(
                    key, "SET revoked_at = :now", condition=STILL_CURRENT, now=now, id=token.id
                )
            ]
        if current is not None and current.rank > token.rank:
            return []
        marked = current_to_item(replace(token, revoked_at=now))
        return [self._table.put_operation(marked, condition=NEWER, names=_RANK, rank=token.rank)]

    def _end_alone(self, ending: list[dict[str, Any]]) -> None:
        try:
            self._table.transact(ending)
        except TransactionCancelled as cancelled:
            if not cancelled.failed[0]:
                raise
            raise LeaseLost from None
