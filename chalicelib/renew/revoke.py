"""Revoke a deleted token at its provider, then erase it: the worker's step for `token.revoke` (RFC 7009)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from chalicelib.errors import AddressRefused, KeyGone, NotFound
from chalicelib.model.token import Secret

if TYPE_CHECKING:
    from chalicelib.model.deposit import Deposit
    from chalicelib.model.job import Job
    from chalicelib.renew.attempt import Endpoints, Limits, Providers, Sealer


class Tokens(Protocol):
    """Tokens by id."""

    def deposit(self, token_id: str) -> Deposit:
        """Raise NotFound if there is none."""


class Revocation(Struct, frozen=True, kw_only=True):
    """What a provider is told of a token that was deleted."""

    tokens: Tokens
    sealer: Sealer
    providers: Providers
    endpoints: Endpoints
    limits: Limits

    def __call__(self, job: Job) -> dict[str, object]:
        """Revoke the job's token at its provider and return what the job's result says of that.

        The refresh token first: with it goes what was made from it (RFC 7009 section 2.1), and while it lives, a new
        access token is a moment away. Said twice it does no harm. Empty where there is nothing to revoke, or nobody to
        tell; `revoked` is false where the provider refuses for good, or the token was shredded. Raises Unavailable for
        what may be tried again.
        """
        try:
            deposit = self.tokens.deposit(job.about_token)
        except NotFound:
            return {}
        found = self.providers.of(deposit.token.place.provider)
        if deposit.sealed is None or found is None or found[0].revocation_url is None:
            return {}
        provider, credential = found
        try:
            secret = Secret.from_bytes(self.sealer.open(deposit.sealed, deposit.token.place, deposit.token.id))
        except KeyGone:
            return {"revoked": False}
        tokens = {"refresh_token": secret.refresh_token, "access_token": secret.access_token}
        leave = self.limits.enter(provider, job.id)
        try:
            told = [self.endpoints.revoke(provider, credential, text, hint) for hint, text in tokens.items() if text]
        except AddressRefused:
            return {"revoked": False}
        finally:
            leave()
        return {"revoked": told[0]}
