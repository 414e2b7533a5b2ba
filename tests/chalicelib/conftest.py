"""What the tests of chalicelib's modules share: jobs in a table of their own, threads, a clock, a list that records."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from chalicelib.store.jobs import Jobs
from tests.chalicelib.examples import Clock, Facts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.store.table import Table


@pytest.fixture
def jobs(table: Table) -> Jobs:
    return Jobs(table)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(32) as threads:
        yield threads


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def facts() -> Facts:
    return Facts()
