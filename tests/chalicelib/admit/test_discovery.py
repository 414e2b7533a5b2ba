from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.admit.discovery import DiscoveredKeys
from chalicelib.admit.jwks import TERMS, Keys, KeysUnavailable
from chalicelib.model.clock import SECOND
from tests.chalicelib.admit.issuer import Clock, JwksServer, Log, jwk, rsa_key
from tests.chalicelib.outbound.shelf import ByName

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT = "/.well-known/openid-configuration"


@pytest.fixture
def server() -> Iterator[JwksServer]:
    with JwksServer(jwk(rsa_key(), "rsa-1")) as running:
        running.discovery = {"issuer": running.origin, "jwks_uri": running.url, "token_endpoint": "ignored"}
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def shelf() -> ByName:
    return ByName()


@pytest.fixture
def keys(server: JwksServer, shelf: ByName, clock: Clock, log: Log) -> DiscoveredKeys:
    return process(server, shelf, clock, log)


def process(server: JwksServer, shelf: ByName, clock: Clock, log: Log) -> DiscoveredKeys:
    return DiscoveredKeys(server.origin, server.origin + DOCUMENT, shelf, clock=clock, pause=time.sleep, log=log)


@pytest.mark.parametrize("url", ["http://issuer.example/x", "https://a:b@issuer.example/x", "x"])
def test_only_https_or_this_machine_is_asked(url: str) -> None:
    with pytest.raises(ValueError, match=r"^the discovery document's address must be https"):
        DiscoveredKeys("i", url, ByName(), clock=Clock(), pause=time.sleep, log=Log())


def test_keys_are_found_where_the_document_says_and_both_are_kept(
    keys: DiscoveredKeys, server: JwksServer, clock: Clock
) -> None:
    for _ in range(50):
        assert keys.key("rsa-1") is not None
    clock.now += 299
    assert keys.key("rsa-1") is not None

    assert server.paths == [DOCUMENT, "/jwks.json"]
    clock.now += 1
    assert keys.key("rsa-1") is not None
    assert server.paths == [DOCUMENT, "/jwks.json"] * 2


def test_another_process_finds_both_in_the_table(
    keys: DiscoveredKeys, server: JwksServer, shelf: ByName, clock: Clock, log: Log
) -> None:
    keys.key("rsa-1")
    server.status = 503

    assert process(server, shelf, clock, log).key("rsa-1") is not None
    assert len(server.paths) == 2


def test_unknown_key_ids_have_the_keys_fetched_once_per_cooldown_and_the_document_not_at_all(
    keys: DiscoveredKeys, server: JwksServer, clock: Clock
) -> None:
    for second in range(60):
        clock.now += 1
        assert keys.key(f"made-up-{second}") is None

    assert server.paths.count(DOCUMENT) == 1
    assert server.paths.count("/jwks.json") <= 3


def spoilt(origin: str, **members: object) -> dict[str, Any]:
    return {"issuer": origin, "jwks_uri": f"{origin}/jwks.json", **members}


@pytest.mark.parametrize(
    "members",
    [
        {"issuer": "https://another.example"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": 7},
        {"jwks_uri": "http://issuer.example/jwks.json"},
        {"jwks_uri": "https://user@issuer.example/jwks.json"},
        {"jwks_uri": "file:///etc/passwd"},
    ],
    ids=range(7),
)
def test_a_document_of_another_issuer_or_to_an_address_that_must_not_be_asked_leads_to_no_keys(
    keys: DiscoveredKeys, server: JwksServer, log: Log, members: dict[str, object]
) -> None:
    server.discovery = spoilt(server.origin, **members)

    with pytest.raises(KeysUnavailable):
        keys.key("rsa-1")

    assert set(server.paths) == {DOCUMENT}
    assert log.facts[0]["outcome"] == "discovery_unavailable"
    assert log.facts[0]["document"] == server.origin + DOCUMENT


def test_the_issuer_is_compared_letter_for_letter(keys: DiscoveredKeys, server: JwksServer) -> None:
    server.discovery = spoilt(server.origin, issuer=server.origin + "/")

    with pytest.raises(KeysUnavailable):
        keys.key("rsa-1")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 200_000])
def test_a_document_that_cannot_be_read_leads_to_no_keys(keys: DiscoveredKeys, server: JwksServer, body: bytes) -> None:
    server.discovery = body

    with pytest.raises(KeysUnavailable):
        keys.key("rsa-1")


def test_an_issuer_outside_cannot_have_us_ask_an_address_of_our_own_network(
    server: JwksServer, clock: Clock, log: Log, shelf: ByName
) -> None:
    with JwksServer(jwk(rsa_key("inside"), "inside")) as inside:
        server.discovery = spoilt(server.origin, jwks_uri=inside.url)
        keys = process(server, shelf, clock, log)

        with pytest.raises(KeysUnavailable):
            keys.key("inside")

        assert inside.paths == []
        assert log.facts[0]["document"] == f"{server.origin}{DOCUMENT}#{inside.url}"


def test_keys_that_move_are_followed_when_the_document_is_fetched_anew(
    keys: DiscoveredKeys, server: JwksServer, clock: Clock
) -> None:
    assert keys.key("rsa-1") is not None
    server.discovery = spoilt(server.origin, jwks_uri=f"{server.origin}/moved.json")
    server.publish(jwk(rsa_key("two"), "rsa-2"))
    clock.now += 300

    assert keys.key("rsa-2") is not None
    assert keys.key("rsa-1") is None
    assert server.paths == [DOCUMENT, "/jwks.json", DOCUMENT, "/moved.json"]


def test_the_last_good_document_serves_for_an_hour(
    keys: DiscoveredKeys, server: JwksServer, clock: Clock, log: Log
) -> None:
    assert keys.key("rsa-1") is not None
    server.discovery = spoilt(server.origin, issuer="https://taken-over.example")

    for _ in range(59):
        clock.now += 60
        assert keys.key("rsa-1") is not None
    clock.now += 60

    with pytest.raises(KeysUnavailable):
        keys.key("rsa-1")
    assert {fact["outcome"] for fact in log.facts} == {"discovery_unavailable"}
    assert log.facts[0]["document_age"] == 300


def test_a_document_in_the_table_that_is_another_issuers_is_not_believed(
    keys: DiscoveredKeys, server: JwksServer, shelf: ByName, clock: Clock, log: Log
) -> None:
    keys.key("rsa-1")
    kept = shelf.shelves[server.origin + DOCUMENT]
    assert kept.entry is not None
    forged = json.dumps(spoilt(server.origin, issuer="https://forged.example")).encode()
    kept.write(kept.entry.leased(TERMS, int(clock.now * SECOND)), seen=kept.entry)
    kept.write(kept.entry.fetched(forged, TERMS, int(clock.now * SECOND)), seen=kept.entry)

    assert process(server, shelf, clock, log).key("rsa-1") is not None
    assert server.paths.count(DOCUMENT) == 2


def test_an_issuer_that_leads_to_anothers_keys_does_not_share_their_entry(
    server: JwksServer, shelf: ByName, clock: Clock, log: Log
) -> None:
    """Else one whose keys cannot be read could wear out the cooldown of the other."""
    theirs = Keys(server.url, shelf, clock=clock, pause=time.sleep, log=log)
    theirs.key("rsa-1")

    process(server, shelf, clock, log).key("rsa-1")

    assert set(shelf.shelves) == {
        server.url,
        server.origin + DOCUMENT,
        f"{server.origin}{DOCUMENT}#{server.url}",
    }
