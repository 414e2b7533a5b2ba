from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import asdict, replace

from chalicelib.errors import Conflict, Unreadable
from chalicelib.model.provider import AuthMethod, Provider
from chalicelib.store import keys
from chalicelib.store.providers import Providers, provider_from_item, provider_to_item
from chalicelib.store.table import Table  # noqa: TC001
from tests.chalicelib.model.test_provider import FOUND, PLAIN

EVERYTHING = Provider(
    name="idp",
    client_id="client",
    auth_method=AuthMethod.PRIVATE_KEY_JWT,
    token_endpoint="https://idp.example/token",
    revocation_endpoint="https://idp.example/revoke",
    introspection_endpoint="https://idp.example/introspect",
    discovery_url="https://idp.example/.well-known/openid-configuration",
    discovered=FOUND,
    parameters={"audience": "shop", "resource": ""},
    rotates=True,
    leeway=30,
    margin=60,
    spread=10,
    default_expires_in=3600,
    revoke_replaced=True,
    per_second=7,
    at_once=3,
    key_id="kid",
    algorithm="ES256",
    rev=4,
    updated_at=5,
    updated_by="root",
    has_credential=True,
)


@pytest.fixture
def providers(table: Table) -> Providers:
    return Providers(table)


def test_a_provider_is_read_as_it_was_put_with_its_sealed_credential(providers: Providers) -> None:
    first = providers.put(EVERYTHING, b"sealed", None)

    assert first == replace(EVERYTHING, rev=1)
    assert providers.get("idp") == (first, b"sealed")


def test_one_without_a_credential_has_none(providers: Providers) -> None:
    stored = providers.put(replace(EVERYTHING, has_credential=True), None, None)

    assert stored.has_credential is False
    assert providers.get("idp") == (stored, None)


def test_there_is_none_where_none_was_put(providers: Providers) -> None:
    assert providers.get("idp") is None
    assert providers.delete("idp") is None


def test_what_was_seen_is_replaced_whole_and_its_rev_rises(providers: Providers) -> None:
    providers.put(EVERYTHING, b"first", None)

    second = providers.put(replace(PLAIN, name="idp"), None, 1)

    assert (second.rev, second.discovered, second.revocation_endpoint) == (2, None, None)
    assert providers.get("idp") == (second, None)


@pytest.mark.parametrize("seen_rev", [None, 2, 0])
def test_what_was_not_seen_is_not_replaced(providers: Providers, seen_rev: int | None) -> None:
    stored = providers.put(EVERYTHING, b"first", None)

    with pytest.raises(Conflict):
        providers.put(PLAIN if seen_rev == 0 else EVERYTHING, b"second", seen_rev)

    assert providers.get("idp") == (stored, b"first")


def test_one_that_was_deleted_and_set_up_again_is_not_the_one_that_was_seen(providers: Providers) -> None:
    seen = providers.put(EVERYTHING, b"leaked", None)
    providers.delete("idp")
    again = providers.put(replace(EVERYTHING, updated_at=6), b"new", None)

    with pytest.raises(Conflict):
        providers.put(EVERYTHING, b"leaked", seen.rev, seen_at=seen.updated_at)

    assert providers.get("idp") == (again, b"new")


def test_one_of_many_writers_at_once_wins_and_nothing_is_mixed(providers: Providers) -> None:
    def write(number: int) -> bool:
        try:
            providers.put(replace(EVERYTHING, client_id=f"c{number}"), f"c{number}".encode(), 1)
        except Conflict:
            return False
        return True

    providers.put(EVERYTHING, b"first", None)
    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(write, range(16)))

    stored, sealed = providers.get("idp") or (None, None)
    assert won.count(True) == 1
    assert stored is not None
    assert (stored.client_id, stored.rev) == (f"c{won.index(True)}", 2)
    assert sealed == stored.client_id.encode()


def test_a_deleted_one_is_gone_with_its_credential(providers: Providers, table: Table) -> None:
    stored = providers.put(EVERYTHING, b"sealed", None)

    assert providers.delete("idp") == stored
    assert table.get(keys.provider_key("idp")) is None


def test_providers_are_listed_by_name_page_by_page(providers: Providers) -> None:
    for name in ("b", "c", "a", "a.b", "a-b"):
        providers.put(replace(PLAIN, name=name), None, None)

    first, after = providers.page(limit=3, after=None)
    second, end = providers.page(limit=3, after=after)

    assert [one.name for one in first] == ["a", "a-b", "a.b"]
    assert [one.name for one in second] == ["b", "c"]
    assert (after, end) == ("a.b", None)
    assert providers.page(limit=3, after="zzz") == ([], None)


def test_what_a_later_version_adds_is_left_out() -> None:
    item = {**provider_to_item(EVERYTHING, b"sealed"), "v": 2, "colour": "red"}
    item["discovered"] = {**asdict(FOUND), "jwks_uri": "https://idp.example/jwks"}

    assert provider_from_item(item) == EVERYTHING


@pytest.mark.parametrize("wrong", [{"auth_method": "telepathy"}, {"discovered": {"issuer": "a"}}])
def test_what_this_version_does_not_know_is_unreadable_and_not_quoted(wrong: dict[str, object]) -> None:
    with pytest.raises(Unreadable) as fault:
        provider_from_item({**provider_to_item(EVERYTHING, None), **wrong})

    assert "telepathy" not in str(fault.value)


def test_an_item_without_what_a_provider_must_have_is_unreadable() -> None:
    item = provider_to_item(EVERYTHING, None)
    del item["client_id"]

    with pytest.raises(Unreadable):
        provider_from_item(item)


def test_defaults_are_written_so_that_a_later_default_changes_no_stored_provider() -> None:
    item = provider_to_item(PLAIN, None)

    defaults = {"rotates", "leeway", "margin", "spread", "revoke_replaced", "per_second", "at_once", "algorithm"}
    assert all(item[name] is not None for name in defaults)
