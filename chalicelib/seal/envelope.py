"""Seal and open a secret under a branch key, and mark what must be recognised without opening it.

The sealed form, byte by byte (format 1):

    offset  length  what
    0       1       format, 0x01
    1       4       version of the branch key, unsigned big-endian
    5       16      salt, random
    21      12      nonce, random
    33      n       ciphertext (as long as the plaintext)
    33+n    16      AES-GCM tag

The record's key is HKDF-SHA256 (RFC 5869) of the branch key with that salt and `info` = `cloakroom/1/seal`, 32 bytes.
The associated data is the first 5 bytes of the sealed form, then environment, domain, subject, provider and id, each
as UTF-8 behind its length in 4 bytes big-endian: an item copied to another record, user or domain does not open, nor
does one whose version byte was altered.

Keyed marks are HMAC-SHA256 under subkeys of the branch key (HKDF, no salt, `info` = `cloakroom/1/mark/` + purpose). A
plain hash of a secret would tell who holds a copy of the table whether a guess is right.

Receipts are signed under another subkey (HKDF, no salt, `info` = `cloakroom/1/receipt`); `receipt.py` has the rest.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
from functools import cached_property
from typing import ClassVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from chalicelib.errors import SealBroken
from chalicelib.model.values import Discreet

FORMAT = 1
KEY_BYTES = 32
SALT_BYTES = 16
NONCE_BYTES = 12
TAG_BYTES = 16
HEADER = struct.Struct(">BI")
OVERHEAD = HEADER.size + SALT_BYTES + NONCE_BYTES + TAG_BYTES
"""Bytes that sealing adds: 49."""


class BranchKey(
    Discreet, frozen=True, kw_only=True, dict=True
):  # no slots: what is derived once is kept with the key, and forgotten with it
    """One version of the key of an (environment, domain). The key itself is in no `repr`."""

    HIDDEN: ClassVar[tuple[str, ...]] = ("key",)

    environment: str
    domain: str
    version: int
    key: bytes

    @cached_property
    def mark_keys(self) -> dict[str, bytes]:
        """The subkeys of keyed marks by purpose, as they were derived."""
        return {}

    @cached_property
    def receipt_key(self) -> Ed25519PrivateKey:
        """What signs the receipts of this version."""
        return Ed25519PrivateKey.from_private_bytes(_hkdf(self.key, salt=b"", info=b"cloakroom/1/receipt"))


class Binding(Struct, frozen=True, kw_only=True):
    """What a sealed secret belongs to; it opens for this and nothing else."""

    environment: str
    domain: str
    subject: str
    provider: str
    id: str


def seal(plaintext: bytes, branch: BranchKey, binding: Binding) -> bytes:
    """Seal `plaintext` so that only `open_sealed` with the same key and binding gives it back."""
    header = HEADER.pack(FORMAT, branch.version)
    chance = os.urandom(SALT_BYTES + NONCE_BYTES)
    salt, nonce = chance[:SALT_BYTES], chance[SALT_BYTES:]
    record_key = _hkdf(branch.key, salt=salt, info=b"cloakroom/1/seal")
    return header + chance + AESGCM(record_key).encrypt(nonce, plaintext, _associated(header, binding))


def open_sealed(sealed: bytes, branch: BranchKey, binding: Binding) -> bytes:
    """Return the plaintext of `sealed`.

    Raises SealBroken when the form is unknown, the key is another version's, or anything was altered or moved.
    """
    if key_version(sealed) != branch.version:
        raise SealBroken("sealed by another version of the branch key")
    header, body = sealed[: HEADER.size], sealed[HEADER.size :]
    salt, nonce, rest = (
        body[:SALT_BYTES],
        body[SALT_BYTES : SALT_BYTES + NONCE_BYTES],
        body[SALT_BYTES + NONCE_BYTES :],
    )
    record_key = _hkdf(branch.key, salt=salt, info=b"cloakroom/1/seal")
    return _decrypted(record_key, nonce, rest, _associated(header, binding))


def key_version(sealed: bytes) -> int:
    """Return the version of the branch key that sealed this. Raises SealBroken for an unknown form."""
    if len(sealed) < OVERHEAD or sealed[0] != FORMAT:
        raise SealBroken("not a sealed form that this version knows")
    version: int = HEADER.unpack_from(sealed)[1]
    return version


def older_than(version: int) -> bytes:
    """Return the bytes below which, compared from the left, lies whatever an older version of the key sealed."""
    return HEADER.pack(FORMAT, version)


def mark(message: bytes, branch: BranchKey, purpose: str) -> bytes:
    """Return a keyed hash of `message`, 32 bytes, that says nothing without the branch key.

    `purpose` keeps marks of one kind apart from those of another.
    """
    subkey = branch.mark_keys.get(purpose)
    if subkey is None:
        subkey = branch.mark_keys[purpose] = _hkdf(branch.key, salt=b"", info=b"cloakroom/1/mark/" + purpose.encode())
    return hmac.digest(subkey, message, "sha256")


def fingerprint(access_token: str, branch: BranchKey) -> str:
    """Return a short public name of a secret: `k1:` (the key's version) and 16 hex digits.

    Two tokens of one domain have the same fingerprint if they are the same (and until the key is rotated).
    """
    return f"k{branch.version}:{mark(access_token.encode(), branch, 'fingerprint')[:8].hex()}"


def check_value(branch: BranchKey) -> bytes:
    """Return what shows that an unwrapped key is the right one, 8 bytes, without showing the key."""
    return mark(b"", branch, "check")[:8]


def _decrypted(record_key: bytes, nonce: bytes, ciphertext_and_tag: bytes, associated: bytes) -> bytes:
    """Return the plaintext; SealBroken unless all four belong together.

    Apart from `open_sealed` for the sake of NIST's vectors, which cannot choose what HKDF gives.
    """
    try:
        return AESGCM(record_key).decrypt(nonce, ciphertext_and_tag, associated)
    except InvalidTag:
        raise SealBroken from None


def _hkdf(key: bytes, *, salt: bytes, info: bytes) -> bytes:
    """Derive one 32-byte key (RFC 5869; a single block, so expand is one HMAC).

    By `hmac` and not by `cryptography`'s HKDF: the intake pays for it, and this is two calls into the same OpenSSL.
    The tests hold it against `cryptography`'s and RFC 5869's own vectors.
    """
    pseudorandom = hmac.digest(salt or bytes(hashlib.sha256().digest_size), key, "sha256")
    return hmac.digest(pseudorandom, info + b"\x01", "sha256")


def _associated(header: bytes, binding: Binding) -> bytes:
    names = (binding.environment, binding.domain, binding.subject, binding.provider, binding.id)
    encoded = [name.encode() for name in names]
    return header + b"".join([len(name).to_bytes(4, "big") + name for name in encoded])
