"""HTTP to the run's deployed stack (its fixture is in tests/conftest.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.stack.http import Api

if TYPE_CHECKING:
    from devtool.testing import LiveCloud


@pytest.fixture(scope="session")
def api(cloud: LiveCloud) -> Api:
    return Api(cloud)
