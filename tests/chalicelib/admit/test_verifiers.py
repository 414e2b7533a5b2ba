"""Several issuers at once: whose token it is, and that no other's key, audience or rule counts for it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from chalicelib.admit.bearer import Caller, Refused
from chalicelib.admit.issuers import read_issuers
from chalicelib.admit.verifiers import Verifiers, verifiers_of
from tests.chalicelib.admit.issuer import (
    AUDIENCE,
    NOW,
    Clock,
    JwksServer,
    Log,
    an_issuer,
    assemble,
    claims,
    ec_key,
    jwk,
    refused,
    rsa_key,
    sign,
)
from tests.chalicelib.outbound.shelf import ByName

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.admit.issuer import Issuer

ONE = "https://one.example/"
TWO = "https://two.example/"


@dataclass
class Bench:
    verifiers: Verifiers
    one: JwksServer
    two: JwksServer
    clock: Clock
    log: Log

    def verify(self, token: str) -> Caller | Refused:
        return self.verifiers.verify(f"Bearer {token}")


def two_issuers(one: JwksServer, two: JwksServer) -> list[Issuer]:
    first = an_issuer(name=ONE, jwks_url=one.url, algorithms=("RS256",))
    second = an_issuer(
        name=TWO, jwks_url=two.url, audiences=("two",), principal_prefix="two:", groups={"boss": "admin"}
    )
    return [replace(first, foreign_principals=("two:",)), second]


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Two issuers whose keys have the same id."""
    clock, log = Clock(), Log()
    with (
        JwksServer(jwk(rsa_key("one"), "key"), jwk(ec_key("one"), "ec")) as one,
        JwksServer(jwk(rsa_key("two"), "key"), jwk(ec_key("two"), "ec")) as two,
    ):
        made = verifiers_of(two_issuers(one, two), ByName(), clock=clock, pause=time.sleep, log=log)
        yield Bench(verifiers=made, one=one, two=two, clock=clock, log=log)


def of_one(key: str = "one", **changes: object) -> str:
    return sign(claims(**{"iss": ONE, **changes}), rsa_key(key), kid="key")


def of_two(key: str = "two", **changes: object) -> str:
    return sign(claims(**{"iss": TWO, "aud": "two", **changes}), rsa_key(key), kid="key")


def test_each_issuers_token_is_read_by_its_own_rules(bench: Bench) -> None:
    first, second = bench.verify(of_one(sub="jane")), bench.verify(of_two(sub="jane", groups=["boss", "consumer"]))

    assert isinstance(first, Caller)
    assert isinstance(second, Caller)
    assert (first.issuer, first.principal, first.groups) == (ONE, "jane", ("consumer",))
    assert (second.issuer, second.principal, second.groups) == (TWO, "two:jane", ("admin",))
    assert (bench.one.fetches, bench.two.fetches) == (1, 1)


@pytest.mark.parametrize(
    ("attack", "code"),
    [
        (lambda: of_one(key="two"), "signature"),
        (lambda: of_two(key="one"), "signature"),
        (lambda: sign(claims(iss=TWO, aud="two"), ec_key("one"), kid="ec"), "signature"),
        (lambda: of_one(aud="two"), "audience"),
        (lambda: of_two(aud=AUDIENCE), "audience"),
        (lambda: of_two(aud=[AUDIENCE, "one"]), "audience"),
        (lambda: of_one(sub="two:jane"), "principal"),
        (lambda: sign(claims(iss=ONE), ec_key("one"), kid="ec"), "algorithm"),
        (lambda: sign(claims(iss=[ONE, TWO]), rsa_key("one"), kid="key"), "issuer"),
        (lambda: sign(claims(iss={"a": ONE}), rsa_key("one"), kid="key"), "issuer"),
        (lambda: sign(claims(iss=...), rsa_key("one"), kid="key"), "issuer"),
        (lambda: sign(claims(iss=ONE[:-1]), rsa_key("one"), kid="key"), "issuer"),
        (lambda: sign(claims(iss=ONE.upper()), rsa_key("one"), kid="key"), "issuer"),
        (lambda: sign(claims(iss=f"{ONE} "), rsa_key("one"), kid="key"), "issuer"),
        (
            lambda: sign(b'{"iss":"%s","iss":"%s"}' % (ONE.encode(), TWO.encode()), rsa_key("two"), kid="key"),
            "malformed",
        ),
        (lambda: sign(claims(iss=ONE), rsa_key("two"), kid="key", jku="https://two.example/"), "signature"),
        (lambda: sign(claims(iss=ONE), rsa_key("two"), kid="key", iss=TWO), "signature"),
    ],
    ids=range(17),
)
def test_an_issuer_speaks_for_no_other(bench: Bench, attack: Any, code: str) -> None:
    assert refused(bench.verifiers, attack()) == code


def test_a_signature_taken_from_the_other_issuers_token_proves_nothing(bench: Bench) -> None:
    header, payload, _ = of_one().split(".")
    _, other, signature = of_two().split(".")

    assert refused(bench.verifiers, f"{header}.{payload}.{signature}") == "signature"
    assert refused(bench.verifiers, f"{header}.{other}.{of_one().split('.')[2]}") == "signature"


def test_a_stranger_is_refused_and_nobody_is_asked_for_keys(bench: Bench) -> None:
    for number in range(50):
        token = sign(claims(iss=f"https://stranger-{number}.example/"), rsa_key("one"), kid=f"k{number}")
        assert refused(bench.verifiers, token) == "issuer"

    assert (bench.one.fetches, bench.two.fetches) == (0, 0)


@pytest.mark.parametrize(
    ("header", "code"),
    [(None, "no_bearer"), ("Basic x", "no_bearer"), ("Bearer a.b", "malformed"), ("Bearer " + "a" * 8193, "too_large")],
)
def test_what_is_no_bearer_is_refused_as_by_one_issuer(bench: Bench, header: str | None, code: str) -> None:
    assert bench.verifiers.verify(header) == Refused(code)


@pytest.mark.parametrize("payload", [b"", b"[]", b"{", b"\xff", b'{"iss":NaN}', b"[" * 3000])
def test_claims_that_cannot_be_read_name_no_issuer(bench: Bench, payload: bytes) -> None:
    assert refused(bench.verifiers, assemble({"alg": "RS256", "kid": "key"}, payload, b"x")) == "malformed"


def test_one_issuers_outage_leaves_the_other_alone(bench: Bench) -> None:
    assert isinstance(bench.verify(of_one()), Caller)
    bench.two.status = 503

    assert refused(bench.verifiers, of_two()) == "keys_unavailable"
    for _ in range(61):
        bench.clock.now += 60
        fresh = {"exp": bench.clock.now + 600, "iat": bench.clock.now}
        assert isinstance(bench.verify(of_one(**fresh)), Caller)

    assert {fact["document"] for fact in bench.log.facts} == {bench.two.url}


def test_last_good_keys_of_one_serve_for_an_hour_while_the_others_are_fetched(bench: Bench) -> None:
    assert isinstance(bench.verify(of_one()), Caller)
    assert isinstance(bench.verify(of_two()), Caller)
    bench.two.status = 503

    bench.clock.now += 3599
    fresh = {"exp": bench.clock.now + 600, "iat": bench.clock.now}
    assert isinstance(bench.verify(of_two(**fresh)), Caller)
    bench.clock.now += 1
    assert refused(bench.verifiers, of_two(**fresh)) == "keys_unavailable"
    assert isinstance(bench.verify(of_one(**fresh)), Caller)


def test_a_flood_of_unknown_keys_of_one_issuer_asks_the_other_nothing_and_holds_up_no_new_key_of_it(
    bench: Bench,
) -> None:
    assert isinstance(bench.verify(of_one()), Caller)
    assert isinstance(bench.verify(of_two()), Caller)

    for second in range(120):
        bench.clock.now += 1
        token = sign(claims(iss=TWO, aud="two"), rsa_key("two"), kid=f"made-up-{second}")
        assert refused(bench.verifiers, token) == "unknown_key"
    bench.one.publish(jwk(rsa_key("new"), "new"))

    assert isinstance(bench.verify(sign(claims(iss=ONE), rsa_key("new"), kid="new")), Caller)
    assert (bench.one.fetches, bench.two.fetches) == (2, 1 + 4)


def test_the_setting_makes_verifiers_that_find_keys_either_way(bench: Bench) -> None:
    setting = f"""[
        {{"issuer": "{ONE}", "audience": "{AUDIENCE}", "jwks_url": "{bench.one.url}", "group_prefix": ""}},
        {{"issuer": "{bench.two.origin}", "audience": "two", "groups": ["consumer"], "principal_prefix": "two:",
          "discovery_url": "{bench.two.origin}/.well-known/openid-configuration"}}
    ]"""
    bench.two.discovery = {"issuer": bench.two.origin, "jwks_uri": bench.two.url}
    made = verifiers_of(read_issuers(setting), ByName(), clock=Clock(), pause=time.sleep, log=bench.log)

    assert isinstance(made.verify(f"Bearer {of_one()}"), Caller)
    second = made.verify(f"Bearer {of_two(iss=bench.two.origin)}")
    assert isinstance(second, Caller)
    assert (second.principal, second.expires_at) == ("two:auth0|5f7c8ec7c33c6c004bbafe82", NOW + 600)
