"""Hand out: records, secrets, lists and jobs, each to whom it belongs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from chalicelib.errors import Forbidden, NeedsReauth, NotFound, TokenExpired, TokenRevoked, TooShortLived
from chalicelib.model.audit import Event, about_token, concerning, who_of
from chalicelib.model.clock import SECOND, rfc3339
from chalicelib.model.renewal import REJECTED
from chalicelib.model.token import Owner, Place, Secret, Token, TokenStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from chalicelib.model.audit import Entry, Who
    from chalicelib.model.caller import Caller
    from chalicelib.model.deposit import Deposit
    from chalicelib.model.job import Job


JUST_NOW = 60 * SECOND
"""How long a refreshed token counts as new (microseconds)."""

Collected = tuple[Token, Secret]
"""A token, and what its provider gave."""


class Jobs(Protocol):
    """Jobs and deposits by id, and the newest token of a place."""

    def job(self, job_id: str) -> Job:
        """Raise NotFound if there is none."""

    def deposit(self, token_id: str) -> Deposit:
        """Raise NotFound if there is none."""

    def current(self, place: Place) -> Token | None:
        """Return None if there is none."""

    def tokens(self, token_ids: Sequence[str]) -> Mapping[str, Token]:
        """Return those that there are, by id."""


class CurrentTokens(Protocol):
    """A subject's tokens, listed."""

    def page(self, owner: Owner, *, limit: int, after: str | None) -> tuple[list[Token], str | None]:
        """Return a page, and the provider that the next begins behind."""


class Opener(Protocol):
    """How sealed secrets are opened."""

    def open(self, sealed: bytes, place: Place, token_id: str) -> bytes:
        """Return the plaintext."""


class Refresher(Protocol):
    """How a token is kept good."""

    def can(self, token: Token) -> bool:
        """Tell whether a token can be refreshed."""

    def begin(self, token: Token, *, by: Who) -> Job | None:
        """Return the job that refreshes a token's present generation, None where a newer one came."""


class Audit(Protocol):
    """Where it is written down who was given a secret."""

    def write(self, entry: Entry) -> None:
        """Raise Unavailable when it was not."""


class Counter(Struct, frozen=True, kw_only=True):
    """The verbs of the reading routes. `now` is in microseconds.

    What is not the caller's is NotFound, like what does not exist: an answer that told them apart would tell which
    ids and subjects exist.
    """

    jobs: Jobs
    tokens: CurrentTokens
    opener: Opener
    refresher: Refresher
    audit: Audit
    now: Callable[[], int]
    new_id: Callable[[], str]

    def record(self, caller: Caller, token_id: str) -> Token:
        """Return a token's record by its id."""
        return self._deposit(caller, token_id).token

    def secret(self, caller: Caller, token_id: str, *, min_ttl: int) -> Collected | Job:
        """Return a token with its secret, good for `min_ttl` more seconds, or the job that refreshes it first.

        Raises NotFound, TokenRevoked, NeedsReauth, TokenExpired, TooShortLived, SealBroken. A token of unknown expiry
        is given for any `min_ttl`: nobody knows better.
        """
        deposit = self.jobs.deposit(token_id)
        with concerning(deposit.token):
            if not caller.may_collect(deposit.token.place):
                raise NotFound
            return self._collected(caller, deposit, min_ttl)

    def job(self, caller: Caller, job_id: str) -> Job:
        """Return a job by its id."""
        job = self.jobs.job(job_id)
        if not caller.may_see_job(job):
            raise NotFound
        return job

    def current_record(self, caller: Caller, place: Place) -> Token:
        """Return the newest token of a place. Raises Forbidden, NotFound."""
        if not caller.reach.holds(place):
            raise Forbidden
        _allow(caller, f"/subjects/{place.subject}/tokens/{place.provider}", place)
        return self._current(place).token

    def current_secret(self, caller: Caller, place: Place, *, min_ttl: int) -> Collected | Job:
        """Return the newest token of a place with its secret, or the job that refreshes it first."""
        if not caller.may_collect(place):
            raise Forbidden
        deposit = self._current(place)
        with concerning(deposit.token):
            return self._collected(caller, deposit, min_ttl)

    def listed(self, caller: Caller, owner: Owner, *, limit: int, after: str | None) -> tuple[list[Token], str | None]:
        """Return a page of a subject's newest tokens, one a provider, by provider name. Raises Forbidden.

        Those outside the caller's limits are left out, so a page may hold fewer than `limit` and not be the last.
        """
        _allow(caller, f"/subjects/{owner.subject}/tokens")
        listed, more = self.tokens.page(owner, limit=limit, after=after)
        listed = [token for token in listed if caller.reach.holds(token.place)]
        present = self.jobs.tokens([token.id for token in listed])
        return [present[token.id] for token in listed if token.id in present], more

    def _current(self, place: Place) -> Deposit:
        """Return the newest token of a place. Two reads: the place names it, what is known of it is kept with it."""
        token = self.jobs.current(place)
        if token is None:
            raise NotFound
        return self.jobs.deposit(token.id)

    def _deposit(self, caller: Caller, token_id: str) -> Deposit:
        deposit = self.jobs.deposit(token_id)
        with concerning(deposit.token):
            if not caller.may_see(deposit.token.place, deposit.token.requester):
                raise NotFound
        return deposit

    def _collected(self, caller: Caller, deposit: Deposit, min_ttl: int) -> Collected | Job:
        token = deposit.token
        if not token.lasts(self.now(), min_ttl) and self._would_help(token, min_ttl):
            job = self.refresher.begin(token, by=who_of(caller))
            if job is not None:
                return job
            deposit = self.jobs.deposit(token.id)  # a newer generation came while we looked
        return self._opened(caller, deposit, min_ttl)

    def _would_help(self, token: Token, min_ttl: int) -> bool:
        """Tell whether a refresh is the answer.

        Not for more seconds than the provider's last answer gave in all, and not when that came just now: it is as good
        as it gets, and each reader would have the next one made.
        """
        now = self.now()
        if token.status_at(now) is TokenStatus.REVOKED or not self.refresher.can(token):
            return False
        if token.generation == 1 or token.expires_at is None:
            return True
        is_fresh = now < token.obtained_at + JUST_NOW
        return not is_fresh and token.expires_at - token.obtained_at // SECOND >= min_ttl

    def _opened(self, caller: Caller, deposit: Deposit, min_ttl: int) -> Collected:
        """Open a secret, and write down who gets it before it is handed out; what cannot be written down is not."""
        token = deposit.token
        self._check(token, min_ttl)
        if deposit.sealed is None:  # erased after a deletion that this read does not show; gone either way
            raise TokenRevoked
        secret = Secret.from_bytes(self.opener.open(deposit.sealed, token.place, token.id))
        self.audit.write(about_token(token, Event.READ, self.now(), who_of(caller), by_id=self.new_id()))
        self._check(token, min_ttl)  # once more: table and KMS may have taken seconds
        return token, secret

    def _check(self, token: Token, min_ttl: int) -> None:
        now = self.now()
        if token.status_at(now) is TokenStatus.REVOKED:
            raise TokenRevoked
        reauth = token.renewal.reauth
        if not token.is_good_at(now):
            if reauth is not None:
                raise NeedsReauth(reason=reauth.code)
            raise TokenExpired(expires_at=_expires_at(token))
        if reauth is not None and reauth.code == REJECTED:
            raise NeedsReauth(reason=reauth.code)
        if not token.lasts(now, min_ttl):
            raise TooShortLived(expires_at=_expires_at(token), min_ttl=min_ttl)


def secret_view(token: Token, secret: Secret, now: int) -> dict[str, object]:
    """Return what a collector gets: the token response again, as the provider gave it, with the time that is left."""
    view: dict[str, object] = {
        "id": token.id,
        "access_token": secret.access_token,
        "refresh_token": secret.refresh_token,
        "id_token": secret.id_token,
        "token_type": token.token_type,
        "scope": token.scope,
        "generation": token.generation,
        "extra": None if secret.extra is None else dict(secret.extra),
    }
    given = {name: value for name, value in view.items() if value is not None}
    if token.expires_at is None:
        return {**given, "expires_at": None}
    return {**given, "expires_in": max(0, token.expires_at - now // SECOND), "expires_at": _expires_at(token)}


def _allow(caller: Caller, path: str, within: Place | None = None) -> None:
    """Raise Forbidden unless the caller may GET a path: the gateway decided so too, on the path as it came."""
    if not caller.may("GET", path, within):
        raise Forbidden


def _expires_at(token: Token) -> str | None:
    return None if token.expires_at is None else rfc3339(token.expires_at * SECOND)
