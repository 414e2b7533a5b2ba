"""The shapes of answers about receipts, as `shapes` has the others."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  msgspec evaluates the annotations
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from chalicelib.web.shapes import Id  # noqa: TC001  msgspec evaluates the annotations


class ReceiptKey(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A public key that verifies receipts (RFC 7517; RFC 8037, section 2)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    use: Literal["sig"]
    alg: Literal["EdDSA"]
    kid: Annotated[str, Meta(description="`<environment>/<domain>/<version>`")]
    x: str


class ReceiptKeys(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A JWKS: a domain's keys of all versions, also of those that were shredded; none where nothing was handed in."""

    keys: list[ReceiptKey]


class Verdict(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Whether a receipt is ours, and of this body. The rest is there where it is ours."""

    genuine: bool
    id: Id | msgspec.UnsetType = msgspec.UNSET
    accepted_at: datetime | msgspec.UnsetType = msgspec.UNSET
    matches: (
        Annotated[bool | None, Meta(description="Null where the domain's key was shredded: nobody can tell any more.")]
        | msgspec.UnsetType
    ) = msgspec.UNSET
