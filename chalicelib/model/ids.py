"""Ids: 26 characters of a-z and 2-7, 16 bytes of a hash or chance alone."""

from __future__ import annotations

import hashlib
import re

_ID_BYTES = 16
_ID = re.compile(r"[a-z2-7]{26}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_OF_BYTE = (_LETTERS * 8).encode("ascii")
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]


def id_from(random: bytes) -> str:
    """Write 16 bytes as an id: RFC 4648's base32 in lower case and without its padding."""
    bits = int.from_bytes(random, "big") << 2  # 130: 26 letters of 5
    return "".join([_PAIRS[bits >> shift & 0x3FF] for shift in range(120, -1, -10)])


def random_id(random: bytes) -> str:
    """Write 26 random bytes as an id: of each, five bits."""
    return random.translate(_OF_BYTE).decode("ascii")


def hashed_id(purpose: bytes, *names: str) -> str:
    """Return the id that these names always stand for under one purpose.

    A plain hash: no name may be a secret, and an id opens nothing.
    """
    digest = hashlib.sha256(purpose)
    for name in names:
        encoded = name.encode()
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return id_from(digest.digest()[:_ID_BYTES])


def is_id(text: str) -> bool:
    """Tell whether a text looks like an id."""
    return _ID.fullmatch(text) is not None
