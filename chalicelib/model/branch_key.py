"""A branch key as it is kept, and what is left of one: the keyring and the table both speak of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class WrappedKey:
    """A branch key as the table keeps it: useless without KMS. `made_at` in microseconds, 0 where nobody wrote it."""

    environment: str
    domain: str
    version: int
    wrapped: bytes
    check: bytes
    made_at: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Shredded:
    """What stands where a domain's keys were deleted, at `at` (microseconds): the next key's version is one above.

    Numbering goes on, so that a process which still holds a deleted key never takes another key for it.
    """

    environment: str
    domain: str
    version: int
    at: int
