from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.admit import jwks
from chalicelib.admit.jwks import Keys, KeysUnavailable
from tests.chalicelib.admit.issuer import Clock, JwksServer, Log, ec_key, jwk, rsa_key
from tests.chalicelib.outbound.shelf import Alone

if TYPE_CHECKING:
    import http.server
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[JwksServer]:
    with JwksServer(jwk(rsa_key(), "rsa-1", alg="RS256"), jwk(ec_key(), "ec-1")) as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def keys(server: JwksServer, clock: Clock, log: Log) -> Keys:
    return Keys(server.url, Alone(), clock=clock, pause=time.sleep, log=log)


def test_keys_are_fetched_once_and_served_for_their_maximum_age(keys: Keys, server: JwksServer, clock: Clock) -> None:
    assert server.fetches == 0

    for _ in range(50):
        assert keys.key("rsa-1") is not None
        assert keys.key("ec-1") is not None
    clock.now += 299

    assert keys.key("rsa-1") is not None
    assert server.fetches == 1


def test_keys_past_their_maximum_age_are_fetched_again(keys: Keys, server: JwksServer, clock: Clock) -> None:
    keys.key("rsa-1")
    clock.now += 300

    keys.key("rsa-1")

    assert server.fetches == 2


def test_a_flood_of_unknown_key_ids_makes_one_fetch_per_cooldown(keys: Keys, server: JwksServer, clock: Clock) -> None:
    keys.key("rsa-1")

    for second in range(120):
        clock.now += 1
        for number in range(25):
            assert keys.key(f"made-up-{second}-{number}") is None

    assert server.fetches == 1 + 4


def test_a_flood_from_many_threads_at_once_makes_one_fetch(keys: Keys, server: JwksServer, clock: Clock) -> None:
    keys.key("rsa-1")
    clock.now += 31
    server.delay = 0.2

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(keys.key, [f"made-up-{number}" for number in range(64)]))

    assert found == [None] * 64
    assert server.fetches == 2


def test_the_first_fetch_is_made_once_for_all_that_wait(keys: Keys, server: JwksServer) -> None:
    server.delay = 0.2

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(keys.key, ["rsa-1"] * 64))

    assert None not in found
    assert server.fetches == 1


def test_a_known_key_is_not_held_up_by_the_fetch_for_an_unknown_one(
    keys: Keys, server: JwksServer, clock: Clock
) -> None:
    keys.key("rsa-1")
    clock.now += 31
    server.delay = 1.0
    asking = threading.Thread(target=keys.key, args=("made-up",))
    asking.start()
    while server.fetches < 2:
        time.sleep(0.01)

    begun = time.monotonic()
    found = keys.key("rsa-1")

    assert found is not None
    assert time.monotonic() - begun < 0.5
    asking.join()


def test_a_new_key_is_found_when_the_cooldown_is_over_and_the_old_one_is_gone(
    keys: Keys, server: JwksServer, clock: Clock
) -> None:
    keys.key("rsa-1")
    server.publish(jwk(rsa_key("two"), "rsa-2"))

    assert keys.key("rsa-2") is None
    clock.now += 30

    assert keys.key("rsa-2") is not None
    assert keys.key("rsa-1") is None


def test_the_last_good_keys_serve_through_an_outage_of_an_hour(
    keys: Keys, server: JwksServer, clock: Clock, log: Log
) -> None:
    keys.key("rsa-1")
    server.status = 503

    for _ in range(59):
        clock.now += 60
        assert keys.key("rsa-1") is not None

    assert {fact["outcome"] for fact in log.facts} == {"jwks_unavailable"}
    assert log.facts[0] == {
        "outcome": "jwks_unavailable",
        "document": server.url,
        "reason": "ValueError: the issuer answered 503",
        "keys_age": 300,
    }
    clock.now += 60
    with pytest.raises(KeysUnavailable):
        keys.key("rsa-1")


def test_an_issuer_that_is_back_is_noticed_after_the_cooldown(keys: Keys, server: JwksServer, clock: Clock) -> None:
    keys.key("rsa-1")
    clock.now += 300
    server.status = 503
    keys.key("rsa-1")
    server.status = 200
    clock.now += 29
    keys.key("rsa-1")
    assert server.fetches == 2

    clock.now += 1
    keys.key("rsa-1")
    clock.now += 299
    keys.key("rsa-1")

    assert server.fetches == 3


def test_without_any_keys_a_failing_issuer_is_asked_every_five_seconds(
    keys: Keys, server: JwksServer, clock: Clock
) -> None:
    server.status = 500

    for _ in range(20):
        with pytest.raises(KeysUnavailable):
            keys.key("rsa-1")
        clock.now += 1

    assert server.fetches == 8  # two tries each time: there is nothing to fall back on
    server.status = 200
    assert keys.key("rsa-1") is not None


def test_an_issuer_that_nobody_serves_is_an_outage(clock: Clock, log: Log) -> None:
    with JwksServer() as gone:
        url = gone.url
    keys = Keys(url, Alone(), clock=clock, pause=time.sleep, log=log)

    with pytest.raises(KeysUnavailable):
        keys.key("rsa-1")

    assert log.facts[0]["reason"].startswith("ConnectionRefusedError")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>sign in</html>",
        b"[]",
        b"null",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": []}',
        b'{"keys": [null, 1, "x", []]}',
        b'{"keys": [{"kty": "RSA", "kid": "rsa-1"}]}',
        b"\xff\xfe\x00",
        b"[" * 200_000,
    ],
    ids=repr,
)
def test_a_garbage_document_is_an_outage_that_costs_no_key(
    keys: Keys, server: JwksServer, clock: Clock, log: Log, body: bytes
) -> None:
    keys.key("rsa-1")
    server.body = body
    clock.now += 300

    assert keys.key("rsa-1") is not None

    assert server.fetches == 2
    assert log.facts[0]["outcome"] == "jwks_unavailable"


def test_a_document_above_the_size_limit_is_refused(keys: Keys, server: JwksServer, log: Log) -> None:
    server.body = json.dumps({"keys": [jwk(rsa_key(), "rsa-1")], "padding": "x" * 262_144}).encode()

    with pytest.raises(KeysUnavailable):
        keys.key("rsa-1")

    assert log.facts[0]["reason"] == "the provider's answer is larger than 262144 bytes"


def test_a_redirect_is_not_followed(keys: Keys, server: JwksServer, log: Log) -> None:
    server.status = 302
    server.headers = {"Location": "/elsewhere.json"}

    with pytest.raises(KeysUnavailable):
        keys.key("rsa-1")

    assert server.paths == ["/jwks.json", "/jwks.json"]
    assert log.facts[0]["reason"] == "ValueError: the issuer answered 302"


def _silent(handler: http.server.BaseHTTPRequestHandler) -> None:
    time.sleep(1.5)


def _dripping_head(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nX-Slow: ")
    for _ in range(30):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.1)


def _dripping_body(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(30):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.1)


@pytest.mark.parametrize("slow", [_silent, _dripping_head, _dripping_body])
def test_a_slow_issuer_is_given_up_when_the_time_is_over(
    monkeypatch: pytest.MonkeyPatch, keys: Keys, server: JwksServer, slow: Any
) -> None:
    assert jwks.TIMEOUT == 3.0
    monkeypatch.setattr(jwks, "TIMEOUT", 0.5)  # the same code, in a sixth of the time
    server.write = slow
    begun = time.monotonic()

    with pytest.raises(KeysUnavailable):
        keys.key("rsa-1")

    assert 0.4 < time.monotonic() - begun < 1.2


def test_the_address_is_asked_with_its_query(server: JwksServer, clock: Clock, log: Log) -> None:
    Keys(f"{server.url}?p=b2c_1_signin", Alone(), clock=clock, pause=time.sleep, log=log).key("rsa-1")

    assert server.paths == ["/jwks.json?p=b2c_1_signin"]
