"""Take a token from its readers at once, and leave the rest to a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from chalicelib.errors import NotFound
from chalicelib.model.audit import concerning, who_of
from chalicelib.model.job import Job, Type, first_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.model.caller import Caller
    from chalicelib.model.deposit import Deposit


class Revocable(Protocol):
    """Where tokens are found and revoked."""

    def deposit(self, token_id: str) -> Deposit:
        """Raise NotFound if there is none."""

    def revoke(self, deposit: Deposit, revocation: Job, now: int) -> Job:
        """Return the job that does the rest: the first one's, however often it is asked."""


class Deletion(Struct, frozen=True, kw_only=True):
    """The verb behind `DELETE /tokens/{id}`."""

    tokens: Revocable
    now: Callable[[], int]
    new_id: Callable[[], str]

    def delete(self, caller: Caller, token_id: str) -> Job:
        """Revoke a token and return its revocation's job. Raises NotFound also for a token that is not the caller's."""
        deposit = self.tokens.deposit(token_id)
        with concerning(deposit.token):
            if not caller.may_collect(deposit.token.place):
                raise NotFound
        now, who = self.now(), who_of(caller)
        revocation = first_job(
            self.new_id(), Type.REVOKE, deposit.token, requester=who.principal, now=now, origin=who.origin()
        )
        return self.tokens.revoke(deposit, revocation, now)
