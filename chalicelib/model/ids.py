"""Ids: 16 bytes, written as 26 characters of a-z and 2-7."""

from __future__ import annotations

import base64
import hashlib
import re

_ID_BYTES = 16
_ID = re.compile(r"[a-z2-7]{26}")


def id_from(random: bytes) -> str:
    """Write 16 bytes as an id."""
    return base64.b32encode(random).decode().rstrip("=").lower()


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
