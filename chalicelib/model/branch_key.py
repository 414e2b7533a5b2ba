"""A branch key as it is kept, and what is left of one: the keyring and the table both speak of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class WrappedKey(Struct, frozen=True, kw_only=True):
    """A branch key as the table keeps it: useless without KMS. `made_at` in microseconds, 0 where nobody wrote it.

    `receipt_key` is public: it verifies the receipts of this version. None where nobody has derived it yet.
    """

    environment: str
    domain: str
    version: int
    wrapped: bytes
    check: bytes
    made_at: int = 0
    receipt_key: bytes | None = None


class Shredded(Struct, frozen=True, kw_only=True):
    """What stands where a domain's keys were deleted, at `at` (microseconds): the next key's version is one above.

    Numbering goes on, so that a process which still holds a deleted key never takes another key for it.
    `receipt_keys` are the deleted versions' public keys, by version: what was accepted stays provable, though nothing
    of it opens.
    """

    environment: str
    domain: str
    version: int
    at: int
    receipt_keys: Mapping[int, bytes] = field(default_factory=dict)


def receipt_keys(kept: Sequence[WrappedKey | Shredded]) -> dict[int, bytes]:
    """Return the public keys that verify receipts, by version, of all that is or was a domain's key; oldest first.

    Missing are versions of which nobody has derived it.
    """
    found: dict[int, bytes] = {}
    for one in kept:
        if isinstance(one, Shredded):
            found.update(one.receipt_keys)
        elif one.receipt_key is not None:
            found[one.version] = one.receipt_key
    return dict(sorted(found.items()))
