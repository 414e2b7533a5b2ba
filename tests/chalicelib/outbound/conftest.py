from __future__ import annotations

import pytest

from tests.chalicelib.outbound.caching import World


@pytest.fixture
def world() -> World:
    return World()
