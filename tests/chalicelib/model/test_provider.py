from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from chalicelib.model import names
from chalicelib.model.ids import id_from
from chalicelib.model.provider import (
    AuthMethod,
    Credential,
    Discovered,
    Provider,
    provider_view,
    sealed_under,
)

PLAIN = Provider(
    name="google",
    client_id="client",
    auth_method=AuthMethod.BASIC,
    token_endpoint="https://idp.example/token",
    updated_at=1_800_000_000_000_000,
    updated_by="root",
)
FOUND = Discovered(
    issuer="https://idp.example",
    at=1_800_000_000_000_000,
    token_endpoint="https://idp.example/found/token",
    revocation_endpoint="https://idp.example/found/revoke",
    introspection_endpoint="https://idp.example/found/introspect",
)


@pytest.mark.parametrize(
    "credential", [Credential(secret="s\u00fc"), Credential(private_key="-----BEGIN"), Credential()]
)
def test_a_credential_is_read_as_it_was_written(credential: Credential) -> None:
    assert Credential.from_bytes(credential.to_bytes()) == credential


def test_a_credential_of_a_later_version_is_read_without_what_this_one_does_not_know() -> None:
    assert Credential.from_bytes(b'{"secret":"s","certificate":"c"}') == Credential(secret="s")


def test_a_credential_is_stored_under_names_that_do_not_change() -> None:
    assert json.loads(Credential(secret="s", private_key="p").to_bytes()) == {"secret": "s", "private_key": "p"}


def test_an_endpoint_that_was_given_comes_before_one_that_was_discovered() -> None:
    given = {
        "token_endpoint": "https://a.example/t",
        "revocation_endpoint": "https://a.example/r",
        "introspection_endpoint": "https://a.example/i",
    }
    both = replace(PLAIN, **given, discovered=FOUND)
    found = replace(PLAIN, token_endpoint=None, discovered=FOUND)

    assert [both.token_url, both.revocation_url, both.introspection_url] == list(given.values())
    assert [found.token_url, found.revocation_url, found.introspection_url] == [
        "https://idp.example/found/token",
        "https://idp.example/found/revoke",
        "https://idp.example/found/introspect",
    ]
    assert [PLAIN.token_url, PLAIN.revocation_url, PLAIN.introspection_url] == ["https://idp.example/token", None, None]


def test_no_token_is_sealed_under_a_providers_binding() -> None:
    place, item_id = sealed_under("google")

    assert (place.environment, place.domain, place.subject, place.provider) == ("default", "default", "-", "google")
    assert len(id_from(bytes(16))) != len(item_id)
    assert names.environment_fault(place.environment) is None
    assert names.subject_fault(place.subject) is None
    assert sealed_under("google") != sealed_under("github")


def test_the_view_says_everything_but_the_credential() -> None:
    view = provider_view(replace(PLAIN, has_credential=True, discovered=FOUND))

    assert set(view) == set(Provider.__struct_fields__) | {"links"}
    assert view["has_credential"] is True
    assert view["auth_method"] == "client_secret_basic"
    assert view["updated_at"] == "2027-01-15T08:00:00.000Z"
    assert view["links"] == {"self": "/providers/google"}
    json.dumps(view)
