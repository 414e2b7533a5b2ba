"""Settle a token as its provider is set up: when it is refreshed by itself, and what becomes of the one it replaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from chalicelib.model.audit import SERVICE
from chalicelib.model.job import Job, Status, Type, first_job
from chalicelib.model.renewal import scheduled
from chalicelib.model.settlement import Settlement

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.model.provider import Provider
    from chalicelib.model.token import Token


class Jobs(Protocol):
    """Where tokens are settled: see `store.jobs`."""

    def settle(self, job: Job, token: Token, now: int, refresh_at: int | None) -> Status | None: ...  # noqa: D102
    def settle_instead(  # noqa: D102
        self, job: Job, token: Token, now: int, *, refresh_at: int | None, revoking: Callable[[Token], Job]
    ) -> Status | None: ...


class Providers(Protocol):
    """Providers by name."""

    def known(self, name: str) -> Provider | None:
        """Return None for one that nobody configured."""


class Plans(Struct, frozen=True, kw_only=True):
    """What a token's provider wants of it: for imports and the stream, which settle many at once."""

    providers: Providers

    def settlement(self, job: Job, token: Token) -> Settlement | None:
        """Return how a token is settled among others; None where the one that it replaces is to be revoked."""
        if self.replaces(token):
            return None
        return Settlement(job=job, token=token, refresh_at=self.refresh_at(token))

    def refresh_at(self, token: Token) -> int | None:
        """Return when a token is refreshed by itself (epoch seconds), None for never."""
        return scheduled(token, self._provider(token))

    def replaces(self, token: Token) -> bool:
        """Tell whether the token that this one replaces is to be revoked."""
        provider = self._provider(token)
        return provider is not None and provider.revoke_replaced

    def _provider(self, token: Token) -> Provider | None:
        return self.providers.known(token.place.provider) if token.has_refresh_token else None


class Settling(Struct, frozen=True, kw_only=True):
    """How the stream and the worker settle tokens."""

    jobs: Jobs
    providers: Providers
    new_id: Callable[[], str]

    def __call__(self, job: Job, token: Token, now: int) -> Status | None:
        """Make a token current; None when the job had ended before.

        A token without a refresh token costs no look at its provider: nothing there would concern it.
        """
        provider = self.providers.known(token.place.provider) if token.has_refresh_token else None
        refresh_at = scheduled(token, provider)
        if provider is None or not provider.revoke_replaced:
            return self.jobs.settle(job, token, now, refresh_at)

        def revoking(replaced: Token) -> Job:
            return first_job(self.new_id(), Type.REVOKE, replaced, requester=SERVICE, now=now)

        return self.jobs.settle_instead(job, token, now, refresh_at=refresh_at, revoking=revoking)
