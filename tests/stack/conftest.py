"""The deployed stack, once for all tests that speak to it over the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devtool.testing import LiveCloud, live_cloud
from tests.stack.http import Api

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def cloud() -> Iterator[LiveCloud]:
    with live_cloud() as running:
        yield running


@pytest.fixture(scope="session")
def api(cloud: LiveCloud) -> Api:
    return Api(cloud)
