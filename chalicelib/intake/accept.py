"""Take a token in: one durable write, then the answer."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from chalicelib.errors import IdempotencyKeyReused, KeyGone
from chalicelib.intake.reading import canonical
from chalicelib.model import clock
from chalicelib.model.deposit import Deposit
from chalicelib.model.ids import hashed_id
from chalicelib.model.job import Job, Type, first_job
from chalicelib.model.receipt import Receipt
from chalicelib.model.token import Place, Secret, Token, expiry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.intake.bodies import HandIn, TokenIn
    from chalicelib.model.audit import Who


class Depository(Protocol):
    """Where deposits are kept."""

    def accept(self, deposit: Deposit, *, meanwhile: Callable[[], None]) -> Deposit | None:
        """Store with one write; return what stands there already, or None.

        `meanwhile` may be called, also more than once, while the answer is under way.
        """


class Sealing(Protocol):
    """One version of a domain's key: how secrets are sealed and named."""

    @property
    def version(self) -> int:
        """The version of the key."""

    def seal(self, plaintext: bytes, place: Place, token_id: str) -> bytes:
        """Return the sealed form."""

    def fingerprint(self, access_token: str) -> str:
        """Return a public name of the secret."""


class Witness(Sealing, Protocol):
    """How, besides, a body is recognised and its acceptance attested."""

    def mark(self, message: bytes) -> bytes:
        """Return a keyed hash."""

    def signer(self) -> Callable[[Receipt], str]:
        """Return what writes receipts as text, without asking anybody."""


class Sealer(Protocol):
    """The domains' keys."""

    def newest(self, environment: str, domain: str) -> Witness:
        """Return the key that seals now."""

    def of_version(self, environment: str, domain: str, version: int) -> Witness:
        """Return one version. Raises KeyGone."""


class Intake(Struct, frozen=True, kw_only=True):
    """The verb behind `POST /tokens`. `now` is in microseconds; `new_id` mints a random id."""

    deposits: Depository
    sealer: Sealer
    now: Callable[[], int]
    new_id: Callable[[], str]

    def accept(self, body: HandIn, *, by: Who, idempotency_key: str | None) -> tuple[Job, bool, str]:
        """Store the token and return its job, whether it is new, and the receipt.

        The same key and body returns the job and the receipt of the first time; so does our own write whose answer was
        lost and that the client library sent again. Raises IdempotencyKeyReused for the same key with another body,
        or where the first one was shredded; Unavailable when nothing was stored.
        """
        token_id = self.new_id() if idempotency_key is None else idempotent_id(by.principal, idempotency_key)
        key, canonical_body = self.sealer.newest(body.environment, body.domain), canonical(body)
        mark = key.mark(canonical_body)
        deposit = deposit_of(body, key, token_id=token_id, by=by, now=self.now(), mark=mark)
        sign = key.signer()  # before the write: what can fail of a receipt has stored nothing then
        receipt = ""

        def attest() -> None:
            nonlocal receipt
            receipt = receipt or sign(_receipt(deposit, mark))

        stored = self.deposits.accept(deposit, meanwhile=attest)
        if stored is None:
            attest()
            return deposit.job, True, receipt
        try:
            place = stored.token.place
            first = self.sealer.of_version(place.environment, place.domain, stored.key_version)
            expected = first.mark(canonical_body)
            if stored.body_mark is None or not hmac.compare_digest(expected, stored.body_mark):
                raise IdempotencyKeyReused
            return stored.job, False, first.signer()(_receipt(stored, expected))
        except KeyGone:  # shredded: nothing can be compared any more, and what was stored never opens again
            raise IdempotencyKeyReused from None


def deposit_of(
    body: HandIn,
    key: Sealing,
    *,
    token_id: str,
    by: Who,
    now: int,
    mark: bytes | None = None,
    asked: Mapping[str, object] | None = None,
) -> Deposit:
    """Return a body as it is kept: accepted at `now`, sealed, its job still to be done."""
    given = body.token
    place = Place(environment=body.environment, domain=body.domain, subject=body.subject, provider=body.provider)
    token = Token(
        id=token_id,
        place=place,
        requester=by.principal,
        accepted_at=now,
        fingerprint=key.fingerprint(given.access_token),
        token_type=given.token_type,
        scope=given.scope,
        expires_at=_expiry(given, now),
        has_refresh_token=given.refresh_token is not None,
        metadata=body.metadata,
    )
    return Deposit(
        job=first_job(token_id, Type.STORE, token, requester=by.principal, now=now, asked=asked, origin=by.origin()),
        token=token,
        sealed=key.seal(_secret(given).to_bytes(), place, token_id),
        body_mark=mark,
        key_version=key.version,
    )


def idempotent_id(requester: str, idempotency_key: str) -> str:
    """Return the id that a requester's key always stands for.

    From the key alone, so that a second use meets the first in the table without a read. A plain hash: neither name
    is a secret, and an id opens nothing.
    """
    return hashed_id(b"cloakroom/1/idempotency", requester, idempotency_key)


def _receipt(deposit: Deposit, mark: bytes) -> Receipt:
    place = deposit.token.place
    return Receipt(
        environment=place.environment,
        domain=place.domain,
        version=deposit.key_version,
        id=deposit.job.id,
        accepted_at=deposit.token.accepted_at,
        body=mark,
    )


def _secret(token: TokenIn) -> Secret:
    return Secret(
        access_token=token.access_token,
        refresh_token=token.refresh_token,
        id_token=token.id_token,
        extra=token.extra,
    )


def _expiry(token: TokenIn, now: int) -> int | None:
    return expiry(
        accepted_at=now,
        expires_at=None if token.expires_at is None else clock.micros(token.expires_at) // clock.SECOND,
        expires_in=None if token.expires_in is None else int(token.expires_in),
        access_token=token.access_token,
    )
