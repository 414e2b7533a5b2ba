"""The deployed stack, once for all tests of a run that ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devtool.testing import LiveCloud, live_cloud

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def cloud() -> Iterator[LiveCloud]:
    with live_cloud() as running:
        yield running
