"""Verify bearers of several issuers, each by its own keys and rules alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.admit.bearer import Refused, Verifier, claimed_issuer
from chalicelib.admit.discovery import DiscoveredKeys
from chalicelib.admit.jwks import Keys

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chalicelib.admit.bearer import Caller, KeySource
    from chalicelib.admit.issuer import Issuer
    from chalicelib.outbound.cache import Shelf


class Verifiers:
    """The verifier of each issuer. The token says which one is asked, and that one believes nothing of it."""

    def __init__(self, verifiers: Sequence[Verifier]) -> None:
        self._by_issuer = {verifier.issuer.name: verifier for verifier in verifiers}

    def verify(self, header: str | None) -> Caller | Refused:
        """Return the caller that this header proves, or the reason why it proves none; fetch nothing for a stranger."""
        claimed = claimed_issuer(header)
        if isinstance(claimed, Refused):
            return claimed
        verifier = self._by_issuer.get(claimed)
        return Refused("issuer") if verifier is None else verifier.verify(header)


def verifiers_of(
    issuers: Sequence[Issuer],
    shelf: Shelf,
    *,
    clock: Callable[[], float],
    pause: Callable[[float], None],
    log: Callable[..., None],
) -> Verifiers:
    """Return verifiers that keep the keys of each issuer by themselves. Options as of `Keys`."""
    around: dict[str, Any] = {"clock": clock, "pause": pause, "log": log}

    def keys_of(issuer: Issuer) -> KeySource:
        if issuer.discovery_url:
            return DiscoveredKeys(issuer.name, issuer.discovery_url, shelf, **around)
        return Keys(issuer.jwks_url, shelf, **around)

    return Verifiers([Verifier(issuer=issuer, jwks=keys_of(issuer), clock=clock) for issuer in issuers])
