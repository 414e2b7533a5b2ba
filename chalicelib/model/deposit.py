"""What is handed in, as it is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.model.job import Job
    from chalicelib.model.token import Token


@dataclass(frozen=True, kw_only=True, slots=True)
class Deposit:
    """What `POST /tokens` stores: the job, the token's record, the sealed secret and the body's keyed mark.

    A token that an import stored has no mark: nobody can send it again under an Idempotency-Key of its own.
    """

    job: Job
    token: Token
    sealed: bytes | None = field(repr=False)
    body_mark: bytes | None = field(default=None, repr=False)
    key_version: int
