"""A token that waits to be its place's current one, and how many can become so at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from chalicelib.model.job import Job
    from chalicelib.model.token import Token

MOST_TOGETHER = 33
"""Tokens that one transaction settles: three writes each, and DynamoDB takes 100, of 4 MB together. The largest tokens
that we take fit."""

FEWEST_TOGETHER = 3
"""Fewer are settled singly: they are one round trip each way, and meet nobody else's trouble."""


class Settlement(Struct, frozen=True, kw_only=True):
    """A token to be settled, its job, and when it is refreshed by itself (epoch seconds), None for never."""

    job: Job
    token: Token
    refresh_at: int | None = None
