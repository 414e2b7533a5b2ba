"""What the authorizer takes in processor time beside PyJWT's bare check of the same bearer, each in its own process."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from devtool.issuer import public_jwk
from tests.stack.figures import show, table

if TYPE_CHECKING:
    import pytest

    from tests.app.service import Service

PROGRAM = Path(__file__).with_name("price.py")
PROJECT = PROGRAM.parents[2]
PROCESSES = 5
CALLS = 200

DEAREST_COLD = 3.5
"""Times a process that does nothing but PyJWT's check: Chalice and the table's answers come with it."""

DEAREST_WARM = 8.0
"""Times that check: claims read strictly, policies and revocations from memory, the answer written and logged."""


def price(kind: str, bearer: str, jwk: str) -> tuple[float, float]:
    """Return what a process spent up to its first answer, and for each further one."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "PRICE_JWK": jwk}
    command = [sys.executable, str(PROGRAM), kind, str(CALLS)]
    run = subprocess.run(
        command, env=environment, input=bearer, capture_output=True, text=True, timeout=120, check=True
    )
    _, cold, warm = run.stdout.splitlines()[-1].split()
    return float(cold), float(warm)


def test_the_authorizer_takes_a_small_multiple_of_what_a_bare_verification_takes(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    bearer = service.cloud.token("auth0|jane", ["consumer"])
    jwk = json.dumps(public_jwk(service.cloud.signer.key))

    rounds = [{kind: price(kind, bearer, jwk) for kind in ("bare", "authorizer")} for _ in range(PROCESSES)]

    # In pairs, one after the other: what else the machine does meets both.
    cold, warm = (statistics.median(one["authorizer"][part] / one["bare"][part] for one in rounds) for part in range(2))
    show(capsys, *table(["the authorizer, in bare verifications", "ratio"], [["cold", cold], ["warm", warm]]))
    assert cold < DEAREST_COLD
    assert warm < DEAREST_WARM
