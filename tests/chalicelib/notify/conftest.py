from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chalicelib.notify.door import Door, Usher
from chalicelib.notify.hearing import Hearing
from chalicelib.store.connections import Connections
from chalicelib.store.open_jobs import OpenJobs
from chalicelib.store.tickets import Tickets
from tests.chalicelib.notify.joining import Replies
from tests.chalicelib.notify.recording import KnownHere

if TYPE_CHECKING:
    from chalicelib.store.jobs import Jobs
    from chalicelib.store.table import Table
    from tests.chalicelib.examples import Clock, Facts


@pytest.fixture
def replies() -> Replies:
    return Replies()


@pytest.fixture
def usher(table: Table, jobs: Jobs, clock: Clock) -> Usher:
    numbers = iter(range(100))
    return Usher(tickets=Tickets(table), jobs=jobs, now=clock, new_ticket=lambda: f"ticket-{next(numbers)}")


@pytest.fixture
def known() -> KnownHere:
    return KnownHere()


@pytest.fixture
def door(table: Table, known: KnownHere, clock: Clock, facts: Facts) -> Door:
    return Door(tickets=Tickets(table), registry=Connections(table), known=known, now=clock, fact=facts)


@pytest.fixture
def hearing(table: Table, known: KnownHere, replies: Replies, clock: Clock, facts: Facts) -> Hearing:
    return Hearing(
        registry=Connections(table),
        open_jobs=OpenJobs(table),
        known=known,
        post=replies,
        hang_up=replies.hang_up,
        now=clock,
        fact=facts,
    )
