"""Sealing as the stages ask for it: by place and id, with the key found for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from chalicelib.seal import envelope
from chalicelib.seal.envelope import Binding
from chalicelib.seal.receipt import sign

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.model.receipt import Receipt
    from chalicelib.model.token import Place
    from chalicelib.seal.envelope import BranchKey
    from chalicelib.seal.keyring import Keyring


class Sealing(Struct, frozen=True):
    """One version of a domain's key, at hand: what it does asks neither the table nor KMS."""

    branch: BranchKey

    @property
    def version(self) -> int:
        """The version of the key."""
        return self.branch.version

    def seal(self, plaintext: bytes, place: Place, token_id: str) -> bytes:
        """Return the sealed form."""
        return envelope.seal(plaintext, self.branch, _binding(place, token_id))

    def fingerprint(self, access_token: str) -> str:
        """Return a secret's public name."""
        return envelope.fingerprint(access_token, self.branch)

    def mark(self, message: bytes) -> bytes:
        """Return the keyed hash of a request's body."""
        return envelope.mark(message, self.branch, "body")

    def signer(self) -> Callable[[Receipt], str]:
        """Return what signs receipts: its key is derived now, so that signing itself lacks nothing any more."""
        _ = self.branch.receipt_key
        return self._sign

    def _sign(self, receipt: Receipt) -> str:
        return sign(receipt, self.branch)


class Sealer(Struct, frozen=True):
    """Seal with a domain's newest key, open with the one that sealed."""

    keyring: Keyring

    def newest(self, environment: str, domain: str) -> Sealing:
        """Return the key that seals now. Raises Unavailable, SealBroken."""
        return Sealing(self.keyring.current(environment, domain))

    def of_version(self, environment: str, domain: str, version: int) -> Sealing:
        """Return one version of a domain's key. Raises KeyGone where it was shredded."""
        return Sealing(self.keyring.version(environment, domain, version))

    def seal(self, plaintext: bytes, place: Place, token_id: str) -> tuple[bytes, int]:
        """Return the sealed form and the version of the key that sealed it."""
        key = self.newest(place.environment, place.domain)
        return key.seal(plaintext, place, token_id), key.version

    def open(self, sealed: bytes, place: Place, token_id: str) -> bytes:
        """Return the plaintext. Raises SealBroken when it was altered or moved, or its key is gone."""
        version = envelope.key_version(sealed)
        branch = self.keyring.version(place.environment, place.domain, version)
        return envelope.open_sealed(sealed, branch, _binding(place, token_id))

    def older_than(self, environment: str, domain: str, version: int) -> bytes:
        """Return the bytes below which lies what older versions of the key sealed. Raises KeyGone without this one."""
        self.keyring.version(environment, domain, version)
        return envelope.older_than(version)

    def reseal(self, sealed: bytes, place: Place, token_id: str, version: int) -> bytes:
        """Seal anew under this version, whatever the newest is: what was shredded must not come back under the next.

        Raises SealBroken when it does not open, KeyGone when either key is gone.
        """
        key = self.of_version(place.environment, place.domain, version)
        return key.seal(self.open(sealed, place, token_id), place, token_id)

    def fingerprint(self, access_token: str, place: Place) -> str:
        """Return a secret's public name under the newest key."""
        return self.newest(place.environment, place.domain).fingerprint(access_token)

    def version(self, place: Place) -> int:
        """Return the version of the key that seals and marks now."""
        return self.newest(place.environment, place.domain).version

    def mark(self, message: bytes, place: Place, version: int) -> bytes:
        """Return the keyed hash of a request's body under one version of the key."""
        return self.of_version(place.environment, place.domain, version).mark(message)


def _binding(place: Place, token_id: str) -> Binding:
    return Binding(
        environment=place.environment,
        domain=place.domain,
        subject=place.subject,
        provider=place.provider,
        id=token_id,
    )
