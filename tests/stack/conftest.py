"""The deployed stack, once for all tests that speak to it over the wire."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devtool.testing import LiveCloud, live_cloud


@pytest.fixture(scope="session")
def cloud() -> Iterator[LiveCloud]:
    with live_cloud() as running:
        yield running
