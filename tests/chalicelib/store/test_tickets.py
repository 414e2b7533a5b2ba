from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chalicelib.errors import BadTicket
from chalicelib.model.clock import SECOND
from chalicelib.model.watch import Scope
from chalicelib.store import keys
from chalicelib.store.tickets import Tickets
from tests.chalicelib.examples import NOW, a_watch, an_id

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from chalicelib.model.watch import Watch
    from chalicelib.store.table import Table


@pytest.fixture
def tickets(table: Table) -> Tickets:
    return Tickets(table)


@pytest.mark.parametrize(
    "watch",
    [
        a_watch(),
        a_watch(owns=False, hands_in=True),
        a_watch(scope=Scope.SUBJECT, person="john", owns=False),
        a_watch(scope=Scope.JOB, job_id=an_id(1), owns=False),
    ],
)
def test_a_ticket_is_good_for_what_it_was_issued_for_and_ends_when_taken(tickets: Tickets, watch: Watch) -> None:
    tickets.issue("t", watch, NOW)

    assert tickets.take("t", NOW) == watch
    with pytest.raises(BadTicket):
        tickets.take("t", NOW)


def test_16_at_once_take_a_ticket_once(tickets: Tickets, pool: Executor) -> None:
    tickets.issue("t", a_watch(), NOW)

    def take(_: int) -> str:
        try:
            return tickets.take("t", NOW).principal
        except BadTicket:
            return "refused"

    answers = list(pool.map(take, range(16)))

    assert sorted(answers) == ["auth0|5f7c8ec7c33c6c004bbafe82"] + ["refused"] * 15


def test_a_ticket_is_good_for_60_seconds(tickets: Tickets) -> None:
    assert tickets.issue("t", a_watch(), NOW) == NOW + 60 * SECOND
    tickets.issue("u", a_watch(), NOW)

    assert tickets.take("t", NOW + 60 * SECOND - 1)
    with pytest.raises(BadTicket):
        tickets.take("u", NOW + 60 * SECOND)


def test_a_ticket_that_was_never_issued_is_refused(tickets: Tickets) -> None:
    with pytest.raises(BadTicket):
        tickets.take("never", NOW)


def test_the_table_keeps_a_tickets_hash_and_lets_it_go_after_its_minute(tickets: Tickets, table: Table) -> None:
    tickets.issue("ticket-text", a_watch(), NOW)

    item = table.get(keys.ticket_key("ticket-text"))

    assert "ticket-text" not in str(item)
    assert item["ttl"] == NOW // SECOND + 60
