"""Have a token refreshed: because a reader needs it longer, because somebody asks, because it was rejected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from chalicelib.errors import Conflict, NotFound, NotRefreshable, TokenRevoked
from chalicelib.model.audit import Event, about_token, concerning, who_of
from chalicelib.model.clock import SECOND
from chalicelib.model.job import Type, first_job
from chalicelib.model.renewal import REJECTED
from chalicelib.model.token import TokenStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.model.audit import Entry, Who
    from chalicelib.model.caller import Caller
    from chalicelib.model.deposit import Deposit
    from chalicelib.model.job import Job
    from chalicelib.model.provider import Provider
    from chalicelib.model.token import Token

RACES = 5
SHORTEST_LIFE = 60
"""Seconds: a token that was rejected sooner than this was not good for so short a time, but revoked."""


class Tokens(Protocol):
    """Tokens by id."""

    def deposit(self, token_id: str) -> Deposit:
        """Raise NotFound if there is none."""

    def job(self, job_id: str) -> Job:
        """Raise NotFound if there is none."""


class Renewals(Protocol):
    """How refreshes are begun: see `store.renewals`."""

    def begin(self, token: Token, job: Job, now: int) -> Job: ...  # noqa: D102
    def learned(self, token: Token, life: int) -> None: ...  # noqa: D102
    def dead(self, token: Token, now: int, code: str) -> None: ...  # noqa: D102


class Providers(Protocol):
    """Providers by name."""

    def known(self, name: str) -> Provider | None:
        """Return None for one that nobody configured."""


class Audit(Protocol):
    """Where what was done is written down."""

    def write(self, entry: Entry) -> None:
        """Raise Unavailable when it was not."""


class Refresher(Struct, frozen=True, kw_only=True):
    """The verbs behind `POST /tokens/{id}/refresh` and `/rejected`, and what a reader's `min_ttl` sets off."""

    tokens: Tokens
    renewals: Renewals
    providers: Providers
    audit: Audit
    now: Callable[[], int]
    new_id: Callable[[], str]

    def refresh(self, caller: Caller, token_id: str) -> Job:
        """Begin a refresh, or return the one that is under way. Raises NotFound, TokenRevoked, NotRefreshable."""
        for _ in range(RACES):
            token = self._visible(caller, token_id)
            with concerning(token):
                job = self.begin(token, by=who_of(caller))
            if job is not None:
                return job
        raise Conflict("the token was refreshed by others each time")

    def rejected(self, caller: Caller, token_id: str, generation: int) -> tuple[Token, Job | None]:
        """Take a consumer's word that the provider refused `generation`.

        Returns the token, and the job that refreshes it; no job where a newer generation is there already. A token that
        cannot be refreshed NEEDS_REAUTH from now on. Raises NotFound, TokenRevoked.
        """
        token = self._visible(caller, token_id)
        with concerning(token):
            return self._rejected(token, generation, who_of(caller))

    def _rejected(self, token: Token, generation: int, who: Who) -> tuple[Token, Job | None]:
        if token.status_at(self.now()) is TokenStatus.REVOKED:
            raise TokenRevoked
        self.audit.write(about_token(token, Event.REJECTED, self.now(), who, by_id=self.new_id()))
        if token.generation > generation:
            return token, None
        life = (self.now() - token.obtained_at) // SECOND
        if token.expires_at is None and life >= SHORTEST_LIFE:
            self.renewals.learned(token, life)
        try:
            job = self.begin(token, by=who)
        except NotRefreshable:
            self.renewals.dead(token, self.now(), REJECTED)
            job = None
        return (token, job) if job else (self.tokens.deposit(token.id).token, None)

    def can(self, token: Token) -> bool:
        """Tell whether a token can be refreshed, as far as is known without asking its provider."""
        if not token.has_refresh_token or token.renewal.reauth is not None:
            return False
        provider = self.providers.known(token.place.provider)
        return provider is not None and provider.token_url is not None

    def begin(self, token: Token, *, by: Who) -> Job | None:
        """Begin the refresh of this generation of `token`, or return the one that is under way; None if a newer came.

        Raises NotFound, TokenRevoked, NotRefreshable, Conflict.
        """
        generation = token.generation
        for _ in range(RACES):
            if token.generation != generation:
                return None
            if token.status_at(self.now()) is TokenStatus.REVOKED:
                raise TokenRevoked
            if not self.can(token):
                raise NotRefreshable
            under_way = self._under_way(token)
            if under_way is not None:
                return under_way
            now = self.now()
            asked = {"generation": token.generation}
            job = first_job(
                self.new_id(),
                Type.REFRESH,
                token,
                requester=by.principal,
                now=now,
                asked=asked,
                origin=by.origin(),
            )
            try:
                return self.renewals.begin(token, job, now)
            except Conflict:
                token = self.tokens.deposit(token.id).token
        raise Conflict("the token changed too often while its refresh was being begun")

    def _under_way(self, token: Token) -> Job | None:
        """Return the refresh that the token names, if it is open: a transaction that fails would cost more."""
        if token.renewal.job_id is None or not token.renewal.is_under_way(self.now()):
            return None
        try:
            job = self.tokens.job(token.renewal.job_id)
        except NotFound:
            return None
        return job if job.is_open else None

    def _visible(self, caller: Caller, token_id: str) -> Token:
        token = self.tokens.deposit(token_id).token
        with concerning(token):
            if not caller.may_collect(token.place):
                raise NotFound
        return token
