"""What is handed in, as it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from chalicelib.model.values import Discreet

if TYPE_CHECKING:
    from chalicelib.model.job import Job
    from chalicelib.model.token import Token


class Deposit(Discreet, frozen=True, kw_only=True):
    """What `POST /tokens` stores: the job, the token's record, the sealed secret and the body's keyed mark.

    A token that an import stored has no mark: nobody can send it again under an Idempotency-Key of its own.
    """

    HIDDEN: ClassVar[tuple[str, ...]] = ("sealed", "body_mark")

    job: Job
    token: Token
    sealed: bytes | None
    body_mark: bytes | None = None
    key_version: int
