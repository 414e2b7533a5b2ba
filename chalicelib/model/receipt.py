"""What a receipt says, and which key said it."""

from __future__ import annotations

from msgspec import Struct


class Receipt(Struct, frozen=True, kw_only=True):
    """A body was accepted under this id at this moment, says this version of a domain's key.

    `accepted_at` is in microseconds and shown to the millisecond; `body` is the keyed hash of the body (32 bytes). Not
    who handed it in, nor for whom: who holds the body knows, and who does not need not.
    """

    environment: str
    domain: str
    version: int
    id: str
    accepted_at: int
    body: bytes


class Verdict(Struct, frozen=True, kw_only=True):
    """What became of a receipt and a body that were shown to us.

    `receipt` is None where the receipt is not ours, as it stands. `matches` is None where nobody can tell any more: the
    key was shredded.
    """

    receipt: Receipt | None
    matches: bool | None
