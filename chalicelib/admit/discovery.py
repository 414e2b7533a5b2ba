"""Find an issuer's keys by its discovery document (OpenID Connect Discovery 1.0, section 4; RFC 8414).

The document is kept as keys are: the same terms, the same table, an entry of its own (see `jwks`). It must name the
issuer that it is asked for, letter for letter, in each process that reads it. The keys that it leads to are kept under
both addresses, so that no issuer's document can name, hold up or wear out the entry of another.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chalicelib.admit.jwks import TERMS, Keys, KeysUnavailable, described, published, url_fault
from chalicelib.model.clock import SECOND
from chalicelib.outbound.cache import Cached, NothingUsable, Source, Surroundings
from chalicelib.outbound.http import Outside

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.admit.pyjwt import PyJWK
    from chalicelib.outbound.cache import Shelf


class DiscoveredKeys:
    """Find a key by its id where the issuer's discovery document says; safe to share between threads."""

    def __init__(
        self,
        issuer: str,
        url: str,
        shelf: Shelf,
        *,
        clock: Callable[[], float],
        pause: Callable[[float], None],
        log: Callable[..., None],
    ) -> None:
        """Take the issuer's name and its document's address; the rest as `Keys` does."""
        fault = url_fault(url)
        if fault is not None:
            raise ValueError(f"the discovery document's address {fault}")
        self._issuer = issuer
        self._url = url
        self._shelf = shelf
        self._options: dict[str, Any] = {"clock": clock, "pause": pause, "log": log}
        self._log = log
        self._outside = Outside(allow_private=True)
        self._document = Cached(
            Source(name=url, fetch=self._fetched, parse=self._keys_address, failed=self._failed),
            shelf,
            TERMS,
            Surroundings(now=lambda: int(clock() * SECOND), pause=pause, log=log),
        )
        self._found: tuple[str, Keys] | None = None

    def key(self, key_id: str) -> PyJWK | None:
        """Return the key, or None if the issuer has none of this id; may raise KeysUnavailable."""
        try:
            address = self._document.get()
        except NothingUsable:
            raise KeysUnavailable from None
        return self._keys_at(address).key(key_id)

    def _keys_at(self, address: str) -> Keys:
        found = self._found
        if found is None or found[0] != address:
            found = address, self._keys(address)
            self._found = found
        return found[1]

    def _keys(self, address: str) -> Keys:
        # What the operator named may lie inside. What the document names may so only beside it: or an issuer outside
        # could have us ask any address of our own network.
        inside = _origin(address) == _origin(self._url)
        return Keys(address, self._shelf, name=f"{self._url}#{address}", allow_private=inside, **self._options)

    def _fetched(self) -> bytes:
        return published(self._outside, self._url)

    def _keys_address(self, body: bytes) -> str:
        """Read the document. Raises ValueError for one that is another issuer's, or leads nowhere that may be asked."""
        try:
            document = json.loads(body)
        except RecursionError:
            raise ValueError("the discovery document is nested too deeply") from None
        if not isinstance(document, dict) or document.get("issuer") != self._issuer:
            raise ValueError("the discovery document is not this issuer's (OpenID Connect Discovery, section 4.3)")
        address = document.get("jwks_uri")
        if not isinstance(address, str):
            raise ValueError("the discovery document has no jwks_uri")  # noqa: TRY004 - the document is wrong
        fault = url_fault(address)
        if fault is not None:
            raise ValueError(f"the discovery document's jwks_uri {fault}")
        return address

    def _failed(self, error: Exception, age: int | None) -> None:
        document_age = None if age is None else round(age / SECOND)
        self._log("discovery_unavailable", document=self._url, reason=described(error), document_age=document_age)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)
