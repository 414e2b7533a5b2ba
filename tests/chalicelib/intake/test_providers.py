from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from chalicelib.errors import AddressRefused, Conflict, InvalidBody, NotFound, NotSent, OutsideLimits
from chalicelib.intake.providers import RACES, Registrar
from chalicelib.intake.reading import read_provider
from chalicelib.model.limits import Limits, Reach
from chalicelib.model.provider import Credential, Provider, sealed_under
from chalicelib.outbound.http import Answer
from tests.chalicelib.examples import NOW, Clock
from tests.chalicelib.model.test_caller import caller

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.model.caller import Caller
    from chalicelib.model.token import Place

ROOT = caller("root", "admin")
WELL_KNOWN = "https://idp.example/.well-known/openid-configuration"
DOCUMENT = {
    "issuer": "https://idp.example",
    "token_endpoint": "https://idp.example/found/token",
    "revocation_endpoint": "https://idp.example/found/revoke",
}


@dataclass
class Shelf:
    """Providers in memory, with the store's conditions; `before_put` is what another does just before a write."""

    kept: dict[str, tuple[Provider, bytes | None]] = field(default_factory=dict)
    before_put: Callable[[], None] = lambda: None

    def get(self, name: str) -> tuple[Provider, bytes | None] | None:
        return self.kept.get(name)

    def put(self, provider: Provider, sealed: bytes | None, seen_rev: int | None, *, seen_at: int | None) -> Provider:
        self.before_put()
        there = self.kept.get(provider.name)
        if (
            (seen_rev, seen_at) != (None, None)
            if there is None
            else (there[0].rev, there[0].updated_at) != (seen_rev, seen_at)
        ):
            raise Conflict
        stored = replace(provider, rev=(seen_rev or 0) + 1, has_credential=sealed is not None)
        self.kept[provider.name] = (stored, sealed)
        return stored

    def delete(self, name: str) -> Provider | None:
        there = self.kept.pop(name, None)
        return None if there is None else there[0]

    def page(self, *, limit: int, after: str | None) -> tuple[list[Provider], str | None]:
        listed = [one for name, (one, _) in sorted(self.kept.items()) if after is None or name > after]
        return listed[:limit], listed[limit - 1].name if len(listed) > limit else None


class Wax:
    """Seals so that a test can see under what."""

    def seal(self, plaintext: bytes, place: Place, token_id: str) -> tuple[bytes, int]:
        return b"|".join([place.provider.encode(), place.subject.encode(), token_id.encode(), plaintext]), 1


@dataclass
class World:
    """Outsiders: one document for all, and addresses that are refused or unknown."""

    document: object = field(default_factory=lambda: DOCUMENT)
    inside: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    checked: list[str] = field(default_factory=list)

    def check(self, url: str, *, timeout: float) -> None:
        assert 0 < timeout <= 1
        self.checked.append(url)
        if url in self.inside:
            raise AddressRefused("an address: inside", rule="inside")
        if url in self.unknown:
            raise NotSent("the provider's name does not resolve: gaierror")

    def get(self, url: str, *, timeout: float) -> Answer:
        assert (url, timeout > 0) == (WELL_KNOWN, True)
        return Answer(200, {}, json.dumps(self.document).encode())


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def registrar(shelf: Shelf, world: World, clock: Clock) -> Registrar:
    return Registrar(providers=shelf, sealer=Wax(), outside=world, now=clock)


def body(**members: Any) -> Any:
    usual = {
        "client_id": "client",
        "auth_method": "client_secret_basic",
        "credential": {"secret": "first-secret"},
        "token_endpoint": "https://idp.example/token",
    }
    given = {name: value for name, value in {**usual, **members}.items() if value is not ...}
    return read_provider(json.dumps(given).encode())


def test_a_provider_is_set_up_with_its_credential_sealed_under_its_name(registrar: Registrar, shelf: Shelf) -> None:
    provider = registrar.put(ROOT, "google", body(parameters={"audience": "shop"}, rotates=True))

    assert (provider.name, provider.rev, provider.updated_at, provider.updated_by) == ("google", 1, NOW, "root")
    assert (provider.has_credential, provider.rotates, provider.parameters) == (True, True, {"audience": "shop"})
    place, item_id = sealed_under("google")
    assert shelf.kept["google"][1] == Wax().seal(Credential(secret="first-secret").to_bytes(), place, item_id)[0]
    assert registrar.show(ROOT, "google") == provider


def test_put_again_it_is_replaced_whole_and_a_credential_left_out_is_kept(registrar: Registrar, shelf: Shelf) -> None:
    registrar.put(ROOT, "google", body(rotates=True, leeway=5))
    kept = shelf.kept["google"][1]

    provider = registrar.put(ROOT, "google", body(credential=..., client_id="other"))

    assert (provider.rev, provider.client_id, provider.rotates, provider.leeway) == (2, "other", False, 0)
    assert shelf.kept["google"][1] == kept


def test_a_credential_that_is_given_takes_the_place_of_the_one_before(registrar: Registrar, shelf: Shelf) -> None:
    registrar.put(ROOT, "google", body())

    registrar.put(ROOT, "google", body(credential={"secret": "second-secret"}))

    assert b"second-secret" in (shelf.kept["google"][1] or b"")


def test_null_removes_a_credential(registrar: Registrar, shelf: Shelf) -> None:
    registrar.put(ROOT, "google", body())

    provider = registrar.put(ROOT, "google", body(credential=None, auth_method="none"))

    assert provider.has_credential is False
    assert shelf.kept["google"][1] is None


@pytest.mark.parametrize("members", [{"auth_method": "private_key_jwt"}, {"auth_method": "none"}])
def test_a_kept_credential_must_fit(registrar: Registrar, shelf: Shelf, members: dict[str, Any]) -> None:
    before = registrar.put(ROOT, "google", body())

    with pytest.raises(InvalidBody) as refusal:
        registrar.put(ROOT, "google", body(credential=..., **members))

    assert refusal.value.facts["field"] == "credential"
    assert shelf.kept["google"][0] == before


def test_the_first_time_there_is_no_credential_to_keep(registrar: Registrar, shelf: Shelf) -> None:
    with pytest.raises(InvalidBody, match="credential: required"):
        registrar.put(ROOT, "google", body(credential=...))

    assert shelf.kept == {}


def test_every_endpoint_is_looked_at_before_anything_is_written(
    registrar: Registrar, shelf: Shelf, world: World
) -> None:
    endpoints = {
        "token_endpoint": "https://a.example/t",
        "revocation_endpoint": "https://a.example/r",
        "introspection_endpoint": "https://a.example/i",
    }
    registrar.put(ROOT, "fine", body(**endpoints))
    assert world.checked == list(endpoints.values())
    for name, url in endpoints.items():
        world.inside, world.unknown = {url}, set()
        with pytest.raises(AddressRefused) as refusal:
            registrar.put(ROOT, "google", body(**endpoints))
        assert refusal.value.facts == {"field": name, "rule": "inside"}

        world.inside, world.unknown = set(), {url}
        with pytest.raises(AddressRefused, match=f"{name}: .*does not resolve"):
            registrar.put(ROOT, "google", body(**endpoints))

    assert set(shelf.kept) == {"fine"}


def test_a_discovery_document_is_read_now_and_kept(registrar: Registrar, world: World) -> None:
    provider = registrar.put(ROOT, "google", body(token_endpoint=None, discovery_url=WELL_KNOWN))

    assert provider.discovered is not None
    assert (provider.discovered.issuer, provider.discovered.at) == ("https://idp.example", NOW)
    assert (provider.token_endpoint, provider.token_url) == (None, "https://idp.example/found/token")
    assert world.checked == ["https://idp.example/found/token", "https://idp.example/found/revoke"]


def test_what_a_document_names_is_looked_at_too(registrar: Registrar, shelf: Shelf, world: World) -> None:
    world.inside = {"https://idp.example/found/revoke"}

    with pytest.raises(AddressRefused) as refusal:
        registrar.put(ROOT, "google", body(token_endpoint=None, discovery_url=WELL_KNOWN))

    assert refusal.value.facts["field"] == "discovered.revocation_endpoint"
    assert shelf.kept == {}


def test_a_change_that_another_overtook_is_tried_again_on_what_is_there_now(registrar: Registrar, shelf: Shelf) -> None:
    registrar.put(ROOT, "google", body())
    once = iter([True])

    def rotate() -> None:
        if next(once, False):
            registrar.put(caller("other", "admin"), "google", body(credential={"secret": "rotated-secret"}))

    shelf.before_put = rotate
    provider = registrar.put(ROOT, "google", body(credential=..., client_id="mine"))

    assert (provider.rev, provider.client_id) == (3, "mine")
    assert b"rotated-secret" in (shelf.kept["google"][1] or b""), "the credential that is kept is the newest one"


def test_a_removed_credential_does_not_come_back_by_a_change_that_was_under_way(
    registrar: Registrar, shelf: Shelf
) -> None:
    registrar.put(ROOT, "google", body())
    once = iter([True])

    def remove() -> None:
        if next(once, False):
            registrar.delete(ROOT, "google")

    shelf.before_put = remove
    with pytest.raises(InvalidBody, match="credential: required"):
        registrar.put(ROOT, "google", body(credential=...))

    assert shelf.kept == {}


def test_a_change_that_is_overtaken_again_and_again_gives_up(registrar: Registrar, shelf: Shelf) -> None:
    registrar.put(ROOT, "google", body())
    tries = []

    def overtake() -> None:
        tries.append(1)
        there, sealed = shelf.kept["google"]
        shelf.kept["google"] = (replace(there, rev=there.rev + 1), sealed)

    shelf.before_put = overtake
    with pytest.raises(Conflict):
        registrar.put(ROOT, "google", body())

    assert len(tries) == RACES


def test_a_deleted_provider_is_shown_once_more_and_then_gone(registrar: Registrar) -> None:
    provider = registrar.put(ROOT, "google", body())

    assert registrar.delete(ROOT, "google") == provider
    for verb in (registrar.show, registrar.delete):
        with pytest.raises(NotFound):
            verb(ROOT, "google")


def test_providers_are_listed(registrar: Registrar) -> None:
    for name in ("b", "a"):
        registrar.put(ROOT, name, body())

    listed, after = registrar.page(ROOT, limit=1, after=None)

    assert ([one.name for one in listed], after) == (["a"], "a")


def limited(**limits: tuple[str, ...]) -> Caller:
    return replace(ROOT, reach=Reach((Limits(**limits),)))


def test_who_is_limited_to_a_provider_comes_near_no_other(registrar: Registrar) -> None:
    mine = limited(providers=("mine",))
    for name in ("mine", "other"):
        registrar.put(ROOT, name, body())

    assert registrar.put(mine, "mine", body()).rev == 2
    assert registrar.show(mine, "mine").name == "mine"
    assert [one.name for one in registrar.page(mine, limit=10, after=None)[0]] == ["mine"]
    with pytest.raises(OutsideLimits, match="name: outside what your groups' policies are limited to"):
        registrar.put(mine, "other", body())
    for verb in (registrar.show, registrar.delete):
        with pytest.raises(NotFound):
            verb(mine, "other")
    assert registrar.show(ROOT, "other").rev == 1


def test_who_is_limited_to_a_domain_reaches_no_provider_for_each_counts_in_all(registrar: Registrar) -> None:
    registrar.put(ROOT, "google", body())

    for caller_of_a_domain in (limited(domains=("shop",)), limited(environments=("test",), providers=("google",))):
        assert registrar.page(caller_of_a_domain, limit=10, after=None)[0] == []
        with pytest.raises(OutsideLimits):
            registrar.put(caller_of_a_domain, "google", body())
