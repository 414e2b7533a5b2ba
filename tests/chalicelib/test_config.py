from __future__ import annotations

import pytest

from chalicelib.config import SETTINGS, read_settings
from chalicelib.errors import Misconfigured, NoSocketYet

WHOLE = {
    "TABLE_NAME": "table",
    "QUEUE_URL": "http://queue.example/q",
    "IMPORTS_BUCKET": "bucket",
    "KMS_KEY_ID": "key",
    "JWT_ISSUER": "https://issuer.example/",
    "JWT_AUDIENCE": "cloakroom",
    "JWKS_URL": "https://issuer.example/jwks.json",
    "WEBSOCKET_URL": "wss://ws.example/api",
    "WEBSOCKET_MANAGEMENT_URL": "https://ws.example/api",
}


def test_settings_are_read_with_their_defaults() -> None:
    settings = read_settings(WHOLE)

    assert settings.table_name == "table"
    assert (settings.jwt_groups_claim, settings.event_failures, settings.stage) == ("groups", "raise", "local")


def test_a_default_can_be_replaced() -> None:
    settings = read_settings({**WHOLE, "JWT_GROUPS_CLAIM": "roles", "EVENT_FAILURES": "report", "STAGE": "prod"})

    assert (settings.jwt_groups_claim, settings.event_failures, settings.stage) == ("roles", "report", "prod")


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("value", [None, ""])
def test_a_setting_that_is_missing_or_empty_is_named_with_what_it_is_for(name: str, value: str | None) -> None:
    environment = {key: text for key, text in {**WHOLE, name: value}.items() if text is not None}

    with pytest.raises(Misconfigured) as missing:
        read_settings(environment)

    assert str(missing.value) == f"missing settings: {name} ({SETTINGS[name]})"


ONE_ISSUER = ("JWT_ISSUER", "JWT_AUDIENCE", "JWKS_URL")


def test_one_issuer_may_be_left_out_where_others_are_given() -> None:
    others = {**WHOLE, **dict.fromkeys(ONE_ISSUER, ""), "ISSUERS": "[...]"}

    assert (read_settings(others).jwt_issuer, read_settings(others).issuers) == ("", "[...]")
    assert read_settings({**WHOLE, "ISSUERS": "[...]"}).jwt_issuer == "https://issuer.example/"


@pytest.mark.parametrize("name", ONE_ISSUER)
def test_half_an_issuer_is_none(name: str) -> None:
    half = {**WHOLE, **dict.fromkeys(ONE_ISSUER, ""), name: "https://issuer.example/", "ISSUERS": "[...]"}

    with pytest.raises(Misconfigured) as missing:
        read_settings(half)

    assert [other in str(missing.value) for other in ONE_ISSUER] == [other != name for other in ONE_ISSUER]


def test_all_missing_settings_are_named_at_once() -> None:
    with pytest.raises(Misconfigured) as missing:
        read_settings({})

    assert all(name in str(missing.value) for name in WHOLE)


def test_an_unknown_way_of_telling_failures_is_refused() -> None:
    with pytest.raises(Misconfigured, match="EVENT_FAILURES is 'ignore'; it must be `report` or `raise`"):
        read_settings({**WHOLE, "EVENT_FAILURES": "ignore"})


def test_private_providers_are_refused_unless_the_stage_allows_them() -> None:
    assert read_settings(WHOLE).private_providers == "refuse"
    assert read_settings({**WHOLE, "PRIVATE_PROVIDERS": "allow"}).private_providers == "allow"
    with pytest.raises(Misconfigured, match="PRIVATE_PROVIDERS is 'yes'; it must be `refuse` or `allow`"):
        read_settings({**WHOLE, "PRIVATE_PROVIDERS": "yes"})


def test_the_audit_is_kept_for_so_many_days() -> None:
    assert read_settings(WHOLE).audit_days == 400
    assert read_settings({**WHOLE, "AUDIT_DAYS": "3650"}).audit_days == 3_650


@pytest.mark.parametrize("text", ["0", "3651", "-1", "1.5", "a year", "²"])
def test_days_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(Misconfigured, match="it must be a whole number from 1 to 3650"):
        read_settings({**WHOLE, "AUDIT_DAYS": text})


def test_the_sockets_address_is_given_once_there_is_one() -> None:
    to_come = read_settings({**WHOLE, "WEBSOCKET_URL": "wss://not-deployed-yet.invalid"})

    assert read_settings(WHOLE).socket == "wss://ws.example/api"
    with pytest.raises(NoSocketYet):
        assert to_come.socket


def test_lists_are_empty_unless_given() -> None:
    settings = read_settings(WHOLE)

    assert (settings.clients, settings.cors_origins, settings.usage_keys) == ((), (), "none")


ORIGINS = [
    "https://app.example",
    "https://a.b-c.example:8443",
    "http://localhost",
    "http://127.0.0.1:3000",
    "http://[::1]",
]


def test_origins_and_clients_are_listed_with_commas() -> None:
    settings = read_settings({**WHOLE, "CORS_ORIGINS": ",".join(ORIGINS), "CLIENTS": "hook,https://client.example/1"})

    assert settings.cors_origins == tuple(ORIGINS)
    assert settings.clients == ("hook", "https://client.example/1")


@pytest.mark.parametrize(
    "origin",
    [
        *("*", "null", "https://*.example", "http://app.example", "https://app.example/", "https://app.example/path"),
        *("app.example", "https://App.example", "https://user@app.example", "https://", "https://app.example,"),
        *(",", "https://app.example, https://b.example", "http://localhost.evil.example", "ftp://localhost"),
        *("https://app.example\n", "https://app.example:port", "https://app..example", "http://127.0.0.2"),
        "https://app.example,https://app.example",
    ],
)
def test_what_is_no_exact_origin_is_refused(origin: str) -> None:
    with pytest.raises(Misconfigured, match="CORS_ORIGINS lists"):
        read_settings({**WHOLE, "CORS_ORIGINS": origin})


@pytest.mark.parametrize("clients", [",", "a,", "a b", "ä", "a,a", ",".join(f"c{number}" for number in range(17))])
def test_clients_that_no_key_can_be_given_are_refused(clients: str) -> None:
    with pytest.raises(Misconfigured, match="CLIENTS lists"):
        read_settings({**WHOLE, "CLIENTS": clients})
