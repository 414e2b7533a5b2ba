"""Take a token in: one durable write, then the answer."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from chalicelib.errors import IdempotencyKeyReused, KeyGone
from chalicelib.intake.reading import canonical
from chalicelib.model import clock
from chalicelib.model.deposit import Deposit
from chalicelib.model.job import Job, Type, first_job
from chalicelib.model.token import Place, Secret, Token, expiry

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.intake.bodies import HandIn, TokenIn

_ID_BYTES = 16


class Depository(Protocol):
    """Where deposits are kept."""

    def accept(self, deposit: Deposit) -> Deposit | None:
        """Store with one write; return what stands there already, or None."""


class Sealer(Protocol):
    """How secrets are sealed and marked."""

    def seal(self, plaintext: bytes, place: Place, token_id: str) -> tuple[bytes, int]:
        """Return the sealed form and the version of the key."""

    def fingerprint(self, access_token: str, place: Place) -> str:
        """Return a public name of the secret."""

    def mark(self, message: bytes, place: Place, version: int) -> bytes:
        """Return a keyed hash."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Intake:
    """The verb behind `POST /tokens`. `now` is in microseconds; `new_id` mints a random id."""

    deposits: Depository
    sealer: Sealer
    now: Callable[[], int]
    new_id: Callable[[], str]

    def accept(self, body: HandIn, *, requester: str, idempotency_key: str | None) -> tuple[Job, bool]:
        """Store the token and return its job, and whether it is new.

        The same key and body returns the job of the first time; so does our own write whose answer was lost and
        that the client library sent again. Raises IdempotencyKeyReused for the same key with another body,
        or where the first one was shredded; Unavailable when nothing was stored.
        """
        token_id = self.new_id() if idempotency_key is None else idempotent_id(requester, idempotency_key)
        deposit = self._deposit(body, requester=requester, token_id=token_id)
        stored = self.deposits.accept(deposit)
        if stored is None:
            return deposit.job, True
        try:
            expected = self.sealer.mark(canonical(body), stored.token.place, stored.key_version)
        except KeyGone:  # shredded: nothing can be compared any more, and what was stored never opens again
            raise IdempotencyKeyReused from None
        if not hmac.compare_digest(expected, stored.body_mark):
            raise IdempotencyKeyReused
        return stored.job, False

    def _deposit(self, body: HandIn, *, requester: str, token_id: str) -> Deposit:
        now = self.now()
        place = Place(environment=body.environment, domain=body.domain, subject=body.subject, provider=body.provider)
        sealed, version = self.sealer.seal(_secret(body.token).to_bytes(), place, token_id)
        token = Token(
            id=token_id,
            place=place,
            requester=requester,
            accepted_at=now,
            fingerprint=self.sealer.fingerprint(body.token.access_token, place),
            token_type=body.token.token_type,
            scope=body.token.scope,
            expires_at=_expiry(body.token, now),
            has_refresh_token=body.token.refresh_token is not None,
            metadata=body.metadata,
        )
        return Deposit(
            job=first_job(token_id, Type.STORE, token, requester=requester, now=now),
            token=token,
            sealed=sealed,
            body_mark=self.sealer.mark(canonical(body), place, version),
            key_version=version,
        )


def idempotent_id(requester: str, idempotency_key: str) -> str:
    """Return the id that a requester's key always stands for.

    From the key alone, so that a second use meets the first in the table without a read. A plain hash: neither name
    is a secret, and an id opens nothing.
    """
    names = requester.encode(), idempotency_key.encode()
    digest = hashlib.sha256(b"cloakroom/1/idempotency" + b"".join(len(n).to_bytes(4, "big") + n for n in names))
    return id_from(digest.digest()[:_ID_BYTES])


def id_from(random: bytes) -> str:
    """Write 16 bytes as an id: 26 characters of a-z and 2-7."""
    return base64.b32encode(random).decode().rstrip("=").lower()


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
