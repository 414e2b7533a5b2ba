"""Publish what verifies receipts, and tell whether a receipt is ours."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from chalicelib.errors import KeyGone
from chalicelib.model.branch_key import Shredded, WrappedKey, receipt_keys
from chalicelib.seal.receipt import is_signed, jwk, public_key, read, sign

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.model.receipt import Receipt
    from chalicelib.seal.keyring import Keyring


class PublicKeys(Protocol):
    """Where public keys are kept, with the branch keys that they come from."""

    def versions(self, environment: str, domain: str) -> Sequence[WrappedKey | Shredded]:
        """Return all that is kept of a domain's keys, oldest first."""

    def keep_receipt_key(self, key: WrappedKey, public: bytes) -> None:
        """Keep a version's public key, unless it was shredded meanwhile."""


class Receipts(Struct, frozen=True):
    """The receipts of one deployment, seen from outside."""

    store: PublicKeys
    keyring: Keyring

    def jwks(self, environment: str, domain: str) -> list[dict[str, str]]:
        """Return the JWKs of a domain's receipts, of all versions, also of shredded ones; none where there is no key.

        One Query. KMS is asked only for a version that was made before there were receipts, and once: its public key
        is kept from then on. Raises Unavailable.
        """
        found = receipt_keys(self.complete(environment, domain))
        return [jwk(environment, domain, version, public) for version, public in found.items()]

    def complete(self, environment: str, domain: str) -> list[WrappedKey | Shredded]:
        """Return all that is kept of a domain's keys, after deriving the public keys that are missing."""
        kept = list(self.store.versions(environment, domain))
        if all(isinstance(one, Shredded) or one.receipt_key is not None for one in kept):
            return kept
        for one in kept:
            if isinstance(one, WrappedKey) and one.receipt_key is None:
                self._derive(one)
        return list(self.store.versions(environment, domain))

    def ours(self, text: str) -> Receipt | None:
        """Return what a receipt of ours says, or None for any other text.

        By the key itself where there is one, so that nothing depends on the public key in the table; by that where the
        key was shredded.
        """
        receipt = read(text)
        if receipt is None:
            return None
        try:
            branch = self.keyring.version(receipt.environment, receipt.domain, receipt.version)
        except KeyGone:
            public = receipt_keys(self.store.versions(receipt.environment, receipt.domain)).get(receipt.version)
            return receipt if public is not None and is_signed(text, public) else None
        # Deterministic: what we would write now is what we wrote then.
        return receipt if hmac.compare_digest(sign(receipt, branch), text) else None

    def _derive(self, key: WrappedKey) -> None:
        try:
            branch = self.keyring.version(key.environment, key.domain, key.version)
        except KeyGone:
            return
        self.store.keep_receipt_key(key, public_key(branch))
