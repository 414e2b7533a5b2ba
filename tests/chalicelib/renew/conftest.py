from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chalicelib.seal.kms import KmsWrapper
from chalicelib.seal.sealer import Sealer
from tests.chalicelib.renew.bench import Bench
from tests.chalicelib.seal.counting import a_process
from tests.oauth.played import played_provider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.store.table import Table
    from devtool.testing import LiveCloud
    from tests.chalicelib.examples import Clock, Facts
    from tests.oauth.played import PlayedProvider


@pytest.fixture
def played() -> Iterator[PlayedProvider]:
    with played_provider() as provider:
        yield provider


@pytest.fixture
def bench(  # noqa: PLR0917  its parts are fixtures
    table: Table,
    cloud: LiveCloud,
    key_id: str,
    queue_url: str,
    played: PlayedProvider,
    clock: Clock,
    facts: Facts,
) -> Bench:
    sealer = Sealer(a_process(table, KmsWrapper(cloud.client("kms"), key_id), clock))
    return Bench(table, sealer, played, cloud.client("sqs"), queue_url, clock, facts)
