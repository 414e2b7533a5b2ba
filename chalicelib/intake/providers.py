"""Set providers up, show them, take them away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec
from msgspec import Struct

from chalicelib.errors import AddressRefused, Conflict, InvalidBody, NotFound, NotSent, OutsideLimits
from chalicelib.intake.discovery import Web, discover
from chalicelib.intake.provider_rules import kept_fault
from chalicelib.model.provider import Credential, Discovered, Provider, sealed_under

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.intake.bodies import ProviderIn
    from chalicelib.model.caller import Caller
    from chalicelib.model.token import Place

RACES: Final = 8
"""How often a change is tried against others who change the same provider."""

CHECK_TIMEOUT: Final = 1.0
"""Seconds for each of up to six names to resolve."""

_ENDPOINTS: Final = ("token_endpoint", "revocation_endpoint", "introspection_endpoint")


class Providers(Protocol):
    """Providers by name, each with its sealed credential."""

    def get(self, name: str) -> tuple[Provider, bytes | None] | None:
        """Return None if there is none."""

    def put(self, provider: Provider, sealed: bytes | None, seen_rev: int | None, *, seen_at: int | None) -> Provider:
        """Raise Conflict when another was first."""

    def delete(self, name: str) -> Provider | None:
        """Return what was deleted."""

    def page(self, *, limit: int, after: str | None) -> tuple[list[Provider], str | None]:
        """Return a page, and the name that the next begins behind."""


class Sealing(Protocol):
    """How a credential is sealed."""

    def seal(self, plaintext: bytes, place: Place, token_id: str) -> tuple[bytes, int]:
        """Return the sealed form and its key's version."""


class Outsiders(Web, Protocol):
    """How outsiders are looked at."""

    def check(self, url: str, *, timeout: float) -> None:
        """Raise AddressRefused, or NotSent for a name that does not resolve."""


class Registrar(Struct, frozen=True, kw_only=True):
    """The verbs of `/providers`. That only administrators reach them is the policies' work."""

    providers: Providers
    sealer: Sealing
    outside: Outsiders
    now: Callable[[], int]

    def put(self, caller: Caller, name: str, body: ProviderIn) -> Provider:
        """Set a provider up, or put it in place of the one before; the last writer wins, whole.

        One conditional write of all of it, so that two at once cannot mix one's credential with the other's endpoints.
        Raises InvalidBody, AddressRefused, DiscoveryFailed, Conflict when others wrote it too often.
        """
        if not caller.may_touch_provider(name):
            rule = "outside what your groups' policies are limited to"
            raise OutsideLimits(f"name: {rule}", field="name", rule=rule)
        found = self._looked_at(body)
        sealed = self._sealed(name, body)
        for _ in range(RACES):
            stored, kept = self.providers.get(name) or (None, None)
            if body.credential is msgspec.UNSET:
                if fault := kept_fault(body, stored):
                    raise InvalidBody(f"{fault[0]}: {fault[1]}", field=fault[0], rule=fault[1])
                sealed = kept
            provider = _provider(name, body, found, at=self.now(), by=caller.principal)
            try:
                return self.providers.put(
                    provider,
                    sealed,
                    None if stored is None else stored.rev,
                    seen_at=None if stored is None else stored.updated_at,
                )
            except Conflict:
                continue
        raise Conflict("the provider changed too often while it was being written")

    def show(self, caller: Caller, name: str) -> Provider:
        """Return a provider. Raises NotFound, also for one outside the caller's limits."""
        found = self.providers.get(name)
        if found is None or not caller.may_touch_provider(name):
            raise NotFound
        return found[0]

    def page(self, caller: Caller, *, limit: int, after: str | None) -> tuple[list[Provider], str | None]:
        """Return a page of providers by name, without those outside the caller's limits, and where the next begins."""
        found, more = self.providers.page(limit=limit, after=after)
        return [one for one in found if caller.may_touch_provider(one.name)], more

    def delete(self, caller: Caller, name: str) -> Provider:
        """Delete a provider with its credential and return what it was. Its tokens stay. Raises NotFound."""
        deleted = self.providers.delete(name) if caller.may_touch_provider(name) else None
        if deleted is None:
            raise NotFound
        return deleted

    def _looked_at(self, body: ProviderIn) -> Discovered | None:
        """Check every address now, so that a wrong one is found by who writes it; each call checks again."""
        for field in _ENDPOINTS:
            self._check(field, getattr(body, field))
        if body.discovery_url is None:
            return None
        found = discover(self.outside, body.discovery_url, self.now())
        for field in _ENDPOINTS:
            self._check(f"discovered.{field}", getattr(found, field))
        return found

    def _check(self, field: str, url: str | None) -> None:
        if url is None:
            return
        try:
            self.outside.check(url, timeout=CHECK_TIMEOUT)
        except AddressRefused as refusal:
            rule = str(refusal.facts["rule"])
            raise AddressRefused(f"{field}: {rule}", field=field, rule=rule) from None
        except NotSent as error:
            raise AddressRefused(f"{field}: {error.detail}", field=field, rule=error.detail) from None

    def _sealed(self, name: str, body: ProviderIn) -> bytes | None:
        given = body.credential
        if given is None or given is msgspec.UNSET:
            return None
        credential = Credential(secret=given.secret, private_key=given.private_key)
        place, item_id = sealed_under(name)
        return self.sealer.seal(credential.to_bytes(), place, item_id)[0]


def _provider(name: str, body: ProviderIn, found: Discovered | None, *, at: int, by: str) -> Provider:
    given = {member: getattr(body, member) for member in body.__struct_fields__ if member != "credential"}
    return Provider(**given, name=name, discovered=found, updated_at=at, updated_by=by)
