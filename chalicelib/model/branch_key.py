"""A branch key as it is kept: the keyring and the table both speak of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class WrappedKey:
    """A branch key as the table keeps it: useless without KMS."""

    environment: str
    domain: str
    version: int
    wrapped: bytes
    check: bytes
