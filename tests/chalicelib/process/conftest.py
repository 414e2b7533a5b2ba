"""The handlers' parts over a table and a queue of a test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from chalicelib.process.handlers import Reporting
from chalicelib.process.messages import WorkQueue
from chalicelib.process.steps import Steps
from chalicelib.process.worker import Worker
from chalicelib.store.leases import Leases
from chalicelib.store.quarantine import Quarantine
from tests.chalicelib.examples import alone

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from chalicelib.store.jobs import Jobs
    from chalicelib.store.table import Table
    from devtool.testing import LiveCloud
    from tests.chalicelib.examples import Clock, Facts


@pytest.fixture
def steps(jobs: Jobs, cloud: LiveCloud, queue_url: str, clock: Clock, facts: Facts) -> Steps:
    return Steps(
        settle=jobs.settle,
        queue=WorkQueue(cloud.client("sqs"), queue_url),
        now=clock,
        fact=facts,
    )


@pytest.fixture
def worker(  # noqa: PLR0917  its parts are fixtures
    jobs: Jobs, table: Table, cloud: LiveCloud, queue_url: str, clock: Clock, facts: Facts
) -> Worker:
    return Worker(
        **alone(jobs),
        outcomes=jobs,
        leases=Leases(table),
        queue=WorkQueue(cloud.client("sqs"), queue_url),
        now=clock,
        chance=lambda: 0.5,
        owner="worker-a",
        fact=facts,
        failure=facts,
    )


@pytest.fixture
def quarantine(table: Table) -> Quarantine:
    return Quarantine(table)


@pytest.fixture
def reporting(quarantine: Quarantine, pool: Executor, clock: Clock, facts: Facts) -> Reporting:
    return Reporting(
        source="advance", mode="report", pool=pool, quarantine=quarantine, now=clock, fact=facts, failure=facts
    )


@pytest.fixture
def raising(reporting: Reporting) -> Reporting:
    return replace(reporting, mode="raise")
