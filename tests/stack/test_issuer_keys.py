"""The issuers' keys on the deployed stack: fetched once for all authorizers, and dropped for all of them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from chalicelib.store.cached import CachedDocuments
from chalicelib.store.table import Table
from devtool.between import environment_of
from devtool.meter import Ledger, Meter
from tests.chalicelib.admit.issuer import JwksServer, jwk, rsa_key, sign
from tests.stack import mishaps
from tests.stack.http import Api, unique

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtool.testing import LiveCloud


@pytest.fixture
def issuer(cloud: LiveCloud) -> Iterator[JwksServer]:
    """Let the authorizer ask an address that nobody asked before, and that counts."""
    with (
        JwksServer(*cloud.signer.jwks()["keys"]) as server,
        environment_of(cloud, "authorize", {"JWKS_URL": server.url}),
    ):
        yield server


@pytest.fixture
def second(cloud: LiveCloud, issuer: JwksServer) -> Iterator[JwksServer]:
    """Let the authorizer trust another issuer, found by its discovery document, with another key of the same id."""
    with JwksServer(jwk(rsa_key("second"), cloud.signer.key_id)) as server:
        server.discovery = {"issuer": server.origin, "jwks_uri": server.url}
        described = {"issuer": server.origin, "audience": cloud.audience, "principal_prefix": "2:", "groups": ["admin"]}
        described["discovery_url"] = f"{server.origin}/.well-known/openid-configuration"
        with environment_of(cloud, "authorize", {"ISSUERS": json.dumps([described])}):
            yield server


def admitted_by(second: JwksServer, api: Api, cloud: LiveCloud, key_id: str = "") -> bool:
    """Ask with a bearer of the second issuer that the gateway has no answer for yet."""
    now = int(time.time())
    claims = {"iss": second.origin, "aud": cloud.audience, "sub": unique("keys"), "groups": ["admin"], "exp": now + 600}
    bearer = sign(claims, rsa_key("second"), kid=key_id or cloud.signer.key_id)
    status = api.get("/jobs/" + "a" * 26, bearer).status
    assert status in (403, 404)
    return status == 404


def admitted(api: Api, cloud: LiveCloud) -> bool:
    """Ask with a bearer that the gateway has no answer for yet."""
    status = api.get("/jobs/" + "a" * 26, cloud.token(unique("keys"), ["admin"])).status
    assert status in (403, 404)
    return status == 404


def start_anew(cloud: LiveCloud) -> None:
    """End the authorizer's processes, each with its memory."""
    killed = [cloud.kill_worker(pid) for pid in cloud.worker_pids("authorize")]
    assert any(killed)


def test_a_second_authorizer_does_not_ask_the_issuer_again_and_does_not_need_it(
    api: Api, cloud: LiveCloud, issuer: JwksServer
) -> None:
    assert admitted(api, cloud)
    start_anew(cloud)
    assert admitted(api, cloud)
    issuer.status = 503
    start_anew(cloud)
    assert admitted(api, cloud)

    assert issuer.fetches == 1


def test_a_drop_makes_every_authorizer_ask_the_issuer_again_within_a_second(
    api: Api, cloud: LiveCloud, issuer: JwksServer
) -> None:
    assert admitted(api, cloud)
    issuer.publish()  # the key was stolen, and the issuer has taken it back

    CachedDocuments(Table(cloud.client("dynamodb"), cloud.table)).drop(issuer.url, time.time_ns() // 1_000)
    time.sleep(1)

    assert not admitted(api, cloud)
    start_anew(cloud)
    assert not admitted(api, cloud)
    issuer.publish(*cloud.signer.jwks()["keys"])
    start_anew(cloud)
    assert admitted(api, cloud)


def test_warm_an_authorizer_looks_at_the_table_once_a_second_at_the_most(
    api: Api, cloud: LiveCloud, issuer: JwksServer
) -> None:
    ledger = Ledger({"authorize": "admit"})
    with (
        Meter(cloud.endpoint, "authorize", ledger) as meter,
        environment_of(cloud, "authorize", {"AWS_ENDPOINT_URL": meter.url}),
    ):
        assert admitted(api, cloud)
        cold = ledger.rows()
        begun = time.monotonic()
        answers = [admitted(api, cloud) for _ in range(60)]
        seconds = time.monotonic() - begun
        warm = ledger.rows()

    assert all(answers)
    assert cold["admit", "GetItem CACHE"] == {"calls": 1, "reads": 0.5}
    assert cold["admit", "PutItem CACHE"] == {"calls": 2, "index_writes": 0, "writes": 2}
    looks = warm["admit", "GetItem CACHE"]
    assert 1 <= looks["calls"] <= seconds + 1
    assert looks["reads"] == looks["calls"] / 2
    assert {purpose for _, purpose in warm} <= {"GetItem CACHE", "GetItem ACCESS"}
    assert ("admit", "GetItem ACCESS") not in warm or warm["admit", "GetItem ACCESS"]["calls"] <= seconds / 2 + 1
    assert issuer.fetches == 1


def test_without_its_right_to_write_the_cache_an_authorizer_asks_the_issuer_by_itself(
    api: Api, cloud: LiveCloud, issuer: JwksServer
) -> None:
    with mishaps.denied(cloud, "authorize", "dynamodb:PutItem"):
        assert admitted(api, cloud)
        start_anew(cloud)
        assert admitted(api, cloud)

    assert issuer.fetches == 2
    assert '"event":"cache.unavailable"' in cloud.logs("authorize")


def test_an_issuers_flood_and_outage_are_its_own(
    api: Api, cloud: LiveCloud, issuer: JwksServer, second: JwksServer
) -> None:
    assert admitted(api, cloud)
    assert admitted_by(second, api, cloud)

    assert not any(admitted_by(second, api, cloud, key_id=unique("made-up")) for _ in range(10))
    second.status = 503
    start_anew(cloud)
    assert admitted_by(second, api, cloud), "the last good keys are in the table"
    cache = CachedDocuments(Table(cloud.client("dynamodb"), cloud.table))
    cache.drop(f"{second.origin}/.well-known/openid-configuration", time.time_ns() // 1_000)
    time.sleep(1)

    assert not admitted_by(second, api, cloud)
    assert admitted(api, cloud)
    assert issuer.fetches == 1
    assert second.paths[:2] == ["/.well-known/openid-configuration", "/jwks.json"]
    assert set(second.paths[2:]) == {"/.well-known/openid-configuration"}, "a flood within the cooldown fetched keys"
