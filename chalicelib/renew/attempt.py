"""One attempt at a refresh: look, journal, call, write what came of it.

look      a newer generation, a deleted token: nothing is left to do
unknown   an attempt before this one called and was not heard: see `model.renewal.after_unknown`
journal   from here on the call may have been made
call      one, within CALL_SECONDS
write     the next generation and the job's end in one transaction; tried for as long as the lease allows, for what
the provider gave is nowhere else
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.errors import AddressRefused, AnswerLost, KeyGone, NotFound, NotSent, Unavailable
from chalicelib.model.clock import SECOND
from chalicelib.model.job import Status, age_ms
from chalicelib.model.renewal import Journal, Next, after_unknown, quiet_from, scheduled
from chalicelib.model.token import Secret, TokenStatus, jwt_expiry
from chalicelib.renew.answers import Busy, Refused, Renewed, Unclear

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.model.deposit import Deposit
    from chalicelib.model.job import Job
    from chalicelib.model.provider import Credential, Provider
    from chalicelib.model.token import Place, Token
    from chalicelib.renew.answers import Meaning

LARGEST_EXTRA = 8_192
"""Bytes of JSON, as in what is handed in: more than that is not kept."""

WRITING = 20 * SECOND
"""How long the answer's write is tried (microseconds): with the call, well inside the worker's 60 s."""

AGAIN = 900
"""Seconds until a token whose refresh came to nothing for now is tried once more on schedule."""

PAUSE = 1.0
"""Seconds between two tries."""

REAUTH = "The provider takes this refresh token no more: the customer has to log in again."
UNKNOWN = "A refresh was sent and its answer lost; to send it again would look like theft. The customer has to log in."


class Tokens(Protocol):
    """Tokens by id."""

    def deposit(self, token_id: str) -> Deposit:
        """Raise NotFound if there is none."""


class Renewals(Protocol):
    """How refreshes are written: see `store.renewals`."""

    def journal(self, token: Token, entry: Journal) -> None: ...  # noqa: D102
    def take_back(self, token: Token, entry: Journal) -> None: ...  # noqa: D102
    def renewed(  # noqa: D102, PLR0917
        self, job: Job, before: Token, after: Deposit, entry: Journal, now: int, refresh_at: int | None
    ) -> None: ...
    def needs_reauth(self, job: Job, token: Token, now: int, *, code: str, message: str) -> None: ...  # noqa: D102
    def put_down(  # noqa: D102
        self, job: Job, token: Token, now: int, *, code: str, message: str, again: int
    ) -> None: ...
    def overtaken(  # noqa: D102
        self, job: Job, now: int, outcome: Mapping[str, Mapping[str, object]], *, to: Status
    ) -> None: ...
    def keep_place(self, token: Token) -> None: ...  # noqa: D102


class Sealer(Protocol):
    """How secrets are opened and sealed."""

    def open(self, sealed: bytes, place: Place, token_id: str) -> bytes: ...  # noqa: D102
    def seal(self, plaintext: bytes, place: Place, token_id: str) -> tuple[bytes, int]: ...  # noqa: D102
    def fingerprint(self, access_token: str, place: Place) -> str: ...  # noqa: D102


class Providers(Protocol):
    """Providers with what proves who we are."""

    def of(self, name: str) -> tuple[Provider, Credential | None] | None:
        """Return None for one that nobody configured."""


class Endpoints(Protocol):
    """What a provider is asked: see `renew.oauth`."""

    def refresh(self, provider: Provider, credential: Credential | None, refresh_token: str) -> Meaning: ...  # noqa: D102
    def is_active(self, provider: Provider, credential: Credential | None, refresh_token: str) -> bool | None: ...  # noqa: D102
    def revoke(self, provider: Provider, credential: Credential | None, token: str, hint: str) -> bool: ...  # noqa: D102


class Limits(Protocol):
    """What a provider bears, held by all workers together."""

    def enter(self, provider: Provider, owner: str) -> Callable[[], None]:
        """Return what gives the place up again. Raise Throttled, with `retry_after`, when there is none now."""


class Refresh(Struct, frozen=True, kw_only=True):
    """The worker's step for `token.refresh`. `now` in microseconds, `pause` in seconds."""

    tokens: Tokens
    renewals: Renewals
    sealer: Sealer
    providers: Providers
    endpoints: Endpoints
    limits: Limits
    now: Callable[[], int]
    pause: Callable[[float], None]
    fact: Callable[..., None]

    def __call__(self, job: Job) -> None:
        """Refresh the generation that the job is about, or find that nothing is left to do.

        Raises LeaseLost, and Unavailable for what may be tried again.
        """
        try:
            deposit = self.tokens.deposit(job.about_token)
        except NotFound:
            return self._overtaken(job, Status.CANCELLED, {"reason": "token_gone"})
        token = deposit.token
        if token.status_at(self.now()) is TokenStatus.REVOKED or deposit.sealed is None:
            return self._overtaken(job, Status.CANCELLED, {"reason": "token_deleted"})
        if token.generation != (job.input or {}).get("generation"):
            return self._overtaken(job, Status.SUCCEEDED, {"generation": token.generation, "by": "another"})
        found = self.providers.of(token.place.provider)
        if found is None or found[0].token_url is None:
            why = "Nobody has configured how this provider refreshes: PUT /providers/{name}."
            return self._put_down(job, token, "provider_unknown", why)
        return self._with_secret(job, deposit, deposit.sealed, found)

    def _with_secret(
        self, job: Job, deposit: Deposit, sealed: bytes, found: tuple[Provider, Credential | None]
    ) -> None:
        token = deposit.token
        try:
            secret = Secret.from_bytes(self.sealer.open(sealed, token.place, token.id))
        except KeyGone as gone:  # said once: on schedule it would fail again every quarter of an hour
            return self._needs_reauth(job, token, gone.code, "Its key was shredded: the customer has to log in again.")
        if secret.refresh_token is None:
            return self._needs_reauth(job, token, "no_refresh_token", "There is no refresh token.")
        return self._with_provider(job, deposit, secret, *found)

    def _with_provider(
        self, job: Job, deposit: Deposit, secret: Secret, provider: Provider, credential: Credential | None
    ) -> None:
        token = deposit.token
        leave = self.limits.enter(provider, job.id)
        try:
            if not self._may_call(job, token, secret, provider, credential):
                return
            entry = self._journalled(job, token)
            meaning = self._call(token, secret, provider, credential, entry)
            match meaning:
                case Renewed():
                    self._write(job, deposit, secret, meaning, provider, credential, entry)
                case Refused(for_good=True):
                    self._grant_gone(job, token)
                case Refused(code=code):
                    self.renewals.take_back(token, entry)
                    message = f"The provider refuses us, not the customer: {code}. Its configuration has to be mended."
                    self._put_down(job, token, "provider_refused", message)
                case Busy(why=why, retry_after=seconds):
                    self.renewals.take_back(token, entry)
                    raise Unavailable(f"the provider is busy: {why}", retry_after=seconds)
                case Unclear(why=why):  # the journal stays: what follows is the next attempt's to decide
                    raise AnswerLost(f"the provider's answer says nothing: {why}")
        finally:
            leave()

    def _may_call(
        self, job: Job, token: Token, secret: Secret, provider: Provider, credential: Credential | None
    ) -> bool:
        """Tell whether to call, given what an earlier attempt wrote down; False when the job was ended instead."""
        journal = token.renewal.journal
        decision = after_unknown(journal, provider, self.now())
        if decision is Next.CALL or journal is None:
            return True
        if decision is Next.INTROSPECT:
            wait = quiet_from(journal) - self.now()
            if wait > 0:
                raise Unavailable("an unheard call may still be at work", retry_after=-(-wait // SECOND))
            active = self.endpoints.is_active(provider, credential, str(secret.refresh_token))
            self.fact("refresh.introspected", job=job.id, token=token.id, active=active)
            if active:
                return True
        self._needs_reauth(job, token, "refresh_outcome_unknown", UNKNOWN)
        return False

    def _journalled(self, job: Job, token: Token) -> Journal:
        before = token.renewal.journal
        repeats = 0 if before is None else before.repeats + 1
        entry = Journal(job_id=job.id, attempt=job.attempts, at=self.now(), repeats=repeats)
        self.renewals.journal(token, entry)
        return entry

    def _call(
        self, token: Token, secret: Secret, provider: Provider, credential: Credential | None, entry: Journal
    ) -> Meaning:
        try:
            return self.endpoints.refresh(provider, credential, str(secret.refresh_token))
        except (NotSent, AddressRefused):
            self.renewals.take_back(token, entry)
            raise

    def _write(  # noqa: PLR0917  what an answer needs to become the next generation
        self,
        job: Job,
        deposit: Deposit,
        secret: Secret,
        answer: Renewed,
        provider: Provider,
        credential: Credential | None,
        entry: Journal,
    ) -> None:
        """Write the next generation, and try again while the table is away: nobody else has what the provider gave."""
        until = self.now() + WRITING
        merged = merge(secret, answer)
        after = None
        while True:
            try:
                after = after or self._sealed(deposit, merged, answer, provider)
                self.renewals.renewed(job, deposit.token, after, entry, self.now(), scheduled(after.token, provider))
            except Unavailable:
                if self.now() >= until:
                    raise
                self.pause(PAUSE)
            except NotFound:
                return self._abandon(job, merged, provider, credential)
            else:
                break
        if _day(after.token) != _day(deposit.token):  # not with each refresh: see `keep_place`
            self.renewals.keep_place(after.token)
        self.fact(
            "token.refreshed",
            job=job.id,
            type=job.type,
            token=after.token.id,
            generation=after.token.generation,
            after_ms=age_ms(job, self.now()),
        )
        return None

    def _sealed(self, before: Deposit, secret: Secret, answer: Renewed, provider: Provider) -> Deposit:
        token, now = before.token, self.now()
        after = replace(
            token,
            generation=token.generation + 1,
            fingerprint=self.sealer.fingerprint(secret.access_token, token.place),
            token_type=answer.token_type or token.token_type,
            scope=answer.scope if answer.scope is not None else token.scope,
            expires_at=next_expiry(answer, token, provider, now),
            has_refresh_token=True,
            renewal=replace(token.renewal, obtained_at=now, job_id=None, journal=None),
        )
        sealed, _ = self.sealer.seal(secret.to_bytes(), token.place, token.id)
        return replace(before, token=after, sealed=sealed)

    def _abandon(self, job: Job, secret: Secret, provider: Provider, credential: Credential | None) -> None:
        """Give back what a deleted token's provider gave: nobody would ever revoke it."""
        if provider.revocation_url and secret.refresh_token:
            self.endpoints.revoke(provider, credential, secret.refresh_token, "refresh_token")
        self._overtaken(job, Status.CANCELLED, {"reason": "token_deleted"})

    def stopped(self, job: Job, code: str, message: str, retry_after: int) -> None:
        """End a refresh that was tried often enough, and say so on its token. Raises LeaseLost.

        `retry_after` is what the provider asked for, in seconds.
        """
        try:
            token = self.tokens.deposit(job.about_token).token
        except NotFound:
            return self._overtaken(job, Status.CANCELLED, {"reason": "token_gone"})
        return self._put_down(job, token, code, message, retry_after=retry_after)

    def _grant_gone(self, job: Job, token: Token) -> None:
        present = self.tokens.deposit(token.id).token
        if present.generation > token.generation:  # somebody was faster: theirs is the answer
            result = {"generation": present.generation, "by": "another"}
            return self._overtaken(job, Status.SUCCEEDED, result)
        return self._needs_reauth(job, token, "invalid_grant", REAUTH)

    def _needs_reauth(self, job: Job, token: Token, code: str, message: str) -> None:
        self.renewals.needs_reauth(job, token, self.now(), code=code, message=message)
        self._failed(job, token, code)

    def _put_down(self, job: Job, token: Token, code: str, message: str, *, retry_after: int = 0) -> None:
        again = max(AGAIN, retry_after)
        self.renewals.put_down(job, token, self.now(), code=code, message=message, again=again)
        self._failed(job, token, code)

    def _failed(self, job: Job, token: Token, code: str) -> None:
        after = age_ms(job, self.now())
        self.fact("job.failed", job=job.id, type=job.type, code=code, token=token.id, after_ms=after)

    def _overtaken(self, job: Job, to: Status, result: Mapping[str, object]) -> None:
        self.renewals.overtaken(job, self.now(), {"result": result}, to=to)
        self.fact("refresh.overtaken", job=job.id, type=job.type, status=to)


def merge(before: Secret, answer: Renewed) -> Secret:
    """Return the next secret: what the provider left out goes on as it was (RFC 6749 section 6)."""
    extra = {**(before.extra or {}), **answer.extra}
    if len(json.dumps(extra)) > LARGEST_EXTRA:
        extra = dict(before.extra or {})
    return Secret(
        access_token=answer.access_token,
        refresh_token=answer.refresh_token or before.refresh_token,
        id_token=answer.id_token or before.id_token,
        extra=extra or None,
    )


def next_expiry(answer: Renewed, token: Token, provider: Provider, now: int) -> int | None:
    """Return when a refreshed token expires (epoch seconds): `expires_in`, else a JWT's `exp`, else what the provider's
    configuration says, else what rejections have taught, else None.
    """
    if answer.expires_in is not None:
        return now // SECOND + answer.expires_in
    stated = jwt_expiry(answer.access_token)
    if stated is not None:
        return stated
    life = provider.default_expires_in or token.renewal.learned_life
    return None if life is None else now // SECOND + life


def _day(token: Token) -> int:
    return token.obtained_at // (86_400 * SECOND)
