"""One gate that all attacks of a run knock at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.stack.attacks.gate import Gate

if TYPE_CHECKING:
    from devtool.testing import LiveCloud


@pytest.fixture(scope="session")
def gate(cloud: LiveCloud) -> Gate:
    return Gate(cloud)
