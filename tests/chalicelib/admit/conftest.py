from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from chalicelib.admit.bearer import Verifier
from chalicelib.admit.jwks import Keys
from tests.chalicelib.admit.issuer import (
    Clock,
    JwksServer,
    Log,
    an_issuer,
    ec_key,
    jwk,
    rsa_key,
)
from tests.chalicelib.outbound.shelf import Alone

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server() -> Iterator[JwksServer]:
    keys = [
        jwk(rsa_key(), "rsa-1", alg="RS256"),
        jwk(ec_key(), "ec-1"),
        jwk(rsa_key("weak", 1024), "weak-1"),
        jwk(rsa_key("sealing"), "enc-1", use="enc"),
    ]
    with JwksServer(*keys) as running:
        yield running


@pytest.fixture(scope="module")
def verifier(server: JwksServer) -> Verifier:
    clock = Clock()
    return Verifier(
        issuer=an_issuer(),
        jwks=Keys(server.url, Alone(), clock=clock, pause=time.sleep, log=Log()),
        clock=clock,
    )
