from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devtool.testing import bare_emulator
from tests.devtool.pump.bench import Bench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from devtool.emulator import Emulator


@pytest.fixture(scope="module")
def engine() -> Iterator[Emulator]:
    with bare_emulator() as running:
        yield running


@pytest.fixture
def bench(engine: Emulator, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(engine.endpoint, tmp_path)
    yield made
    made.clear()
