"""Settle a dispute: does this body belong to this receipt, and is the receipt ours."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from chalicelib.errors import KeyGone, NotFound
from chalicelib.intake.reading import canonical
from chalicelib.model.audit import concerning
from chalicelib.model.receipt import Verdict
from chalicelib.model.token import Place

if TYPE_CHECKING:
    from chalicelib.intake.bodies import HandIn
    from chalicelib.model.caller import Caller
    from chalicelib.model.deposit import Deposit
    from chalicelib.model.receipt import Receipt


class Deposits(Protocol):
    """Tokens by id."""

    def deposit(self, token_id: str) -> Deposit:
        """Raise NotFound if there is none."""


class Receipts(Protocol):
    """Our receipts."""

    def ours(self, text: str) -> Receipt | None:
        """Return what a receipt of ours says, or None for any other text."""


class Marker(Protocol):
    """How a body is recognised."""

    def mark(self, message: bytes, place: Place, version: int) -> bytes:
        """Return a keyed hash. Raises KeyGone."""


class Notary(Struct, frozen=True, kw_only=True):
    """The verb behind `POST /receipts/verify`."""

    deposits: Deposits
    receipts: Receipts
    marker: Marker

    def verdict(self, caller: Caller, text: str, body: HandIn) -> Verdict:
        """Tell whether a receipt is ours, and whether it is of this body.

        Raises NotFound for a receipt of ours about what the caller may not see: else whoever holds it could try bodies
        until one matches.
        """
        receipt = self.receipts.ours(text)
        if receipt is None:
            return Verdict(receipt=None, matches=None)
        self._check(caller, receipt, body)
        # Environment and domain choose the key, and the receipt names them; what the body says of them is in its hash.
        place = Place(environment=receipt.environment, domain=receipt.domain, subject=body.subject, provider="-")
        try:
            expected = self.marker.mark(canonical(body), place, receipt.version)
        except KeyGone:
            return Verdict(receipt=receipt, matches=None)
        return Verdict(receipt=receipt, matches=hmac.compare_digest(expected, receipt.body))

    def _check(self, caller: Caller, receipt: Receipt, body: HandIn) -> None:
        try:
            token = self.deposits.deposit(receipt.id).token
        except NotFound:  # its time to live is over: nobody knows whose it was, so the body must say whose it would be
            if not caller.may_see(_place(body), ""):
                raise NotFound from None
            return
        with concerning(token):
            if not caller.may_see(token.place, token.requester):
                raise NotFound


def _place(body: HandIn) -> Place:
    return Place(environment=body.environment, domain=body.domain, subject=body.subject, provider=body.provider)
