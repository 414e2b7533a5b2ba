"""The providers as they are configured, kept in memory for a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from chalicelib.model.clock import SECOND
from chalicelib.model.provider import Credential, sealed_under

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.model.provider import Provider
    from chalicelib.model.token import Place

KEPT = SECOND
"""How long a provider is believed without asking the table (microseconds): a change is seen by all within a second."""


class Stored(Protocol):
    """Where providers are kept."""

    def get(self, name: str) -> tuple[Provider, bytes | None] | None:
        """Return a provider and its sealed credential."""


class Opener(Protocol):
    """How sealed secrets are opened."""

    def open(self, sealed: bytes, place: Place, token_id: str) -> bytes:
        """Return the plaintext."""


class KnownProviders:
    """Providers by name."""

    def __init__(self, stored: Stored, now: Callable[[], int]) -> None:
        self._stored = stored
        self._now = now
        self._read: dict[str, tuple[int, tuple[Provider, bytes | None] | None]] = {}

    def known(self, name: str) -> Provider | None:
        """Return a provider, None for one that nobody configured. At most one read a second and name."""
        found = self.with_sealed(name)
        return None if found is None else found[0]

    def with_sealed(self, name: str) -> tuple[Provider, bytes | None] | None:
        """Return a provider with its sealed credential."""
        now = self._now()
        read = self._read.get(name)
        if read is None or now - read[0] >= KEPT:
            read = now, self._stored.get(name)
            self._read[name] = read
        return read[1]


class TrustedProviders:
    """Providers with what proves who we are to them: for those who call them, and open secrets anyway."""

    def __init__(self, known: KnownProviders, opener: Opener) -> None:
        self._known = known
        self._opener = opener

    def of(self, name: str) -> tuple[Provider, Credential | None] | None:
        """Return a provider with its credential opened. Raises SealBroken."""
        found = self._known.with_sealed(name)
        if found is None:
            return None
        provider, sealed = found
        if sealed is None:
            return provider, None
        place, credential_id = sealed_under(name)
        return provider, Credential.from_bytes(self._opener.open(sealed, place, credential_id))
