from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from chalicelib.errors import AccessUnknown, BadTicket, NotFound
from chalicelib.model.clock import SECOND
from chalicelib.model.limits import Limits, Reach
from chalicelib.model.policy import parse_policy
from chalicelib.model.watch import Scope
from chalicelib.store.connections import Connections
from tests.chalicelib.examples import HOOK, JANE, NOW, a_deposit, a_watch, an_id
from tests.chalicelib.model.test_caller import caller
from tests.chalicelib.notify.joining import REVOKED, ticket

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from chalicelib.model.caller import Caller
    from chalicelib.model.watch import Watch
    from chalicelib.notify.door import Door, Usher
    from chalicelib.store.jobs import Jobs
    from chalicelib.store.table import Table
    from tests.chalicelib.examples import Clock, Facts
    from tests.chalicelib.notify.recording import KnownHere


@pytest.mark.parametrize(
    ("who", "watch"),
    [
        (caller(JANE, "consumer"), a_watch()),
        (caller(HOOK, "producer"), a_watch(principal=HOOK, person=HOOK, hands_in=True, owns=False)),
        (caller("root", "admin"), a_watch(principal="root", person="root", hands_in=True, owns=True)),
    ],
)
def test_a_ticket_is_for_all_that_is_the_callers(usher: Usher, door: Door, who: Caller, watch: Watch) -> None:
    assert usher.ticket(who, subject=None, job_id=None) == ("ticket-0", NOW + 60 * SECOND)

    assert door.join("c1", "ticket-0") == watch


def test_a_ticket_may_be_for_a_subject_that_the_caller_may_read(usher: Usher, door: Door) -> None:
    watch = door.join("c1", ticket(usher, caller("root", "admin"), subject=JANE))

    assert watch == a_watch(principal="root", scope=Scope.SUBJECT, owns=False)
    for other in (caller("john", "consumer"), caller(HOOK, "producer")):
        with pytest.raises(NotFound):
            ticket(usher, other, subject=JANE)


def test_a_ticket_may_be_for_a_job_that_the_caller_may_see(usher: Usher, door: Door, jobs: Jobs) -> None:
    jobs.accept(a_deposit(1))

    for who in (caller(JANE, "consumer"), caller(HOOK, "producer")):
        watch = door.join("c1", ticket(usher, who, job_id=an_id(1)))
        assert (watch.scope, watch.job_id, watch.person) == ("job", an_id(1), JANE)
    for job_id in (an_id(1), an_id(404)):
        with pytest.raises(NotFound):
            ticket(usher, caller("john", "consumer"), job_id=job_id)


@pytest.mark.parametrize("bad", [None, "", "never-issued", "x" * 129])
def test_a_handshake_without_a_good_ticket_is_refused(door: Door, bad: str | None) -> None:
    with pytest.raises(BadTicket):
        door.join("c1", bad)

    assert door.leave("c1") is None


def test_16_handshakes_at_once_use_a_ticket_once(usher: Usher, door: Door, pool: Executor) -> None:
    only = ticket(usher, caller(JANE, "consumer"))

    def join(number: int) -> bool:
        try:
            return door.join(f"c{number}", only) is not None
        except BadTicket:
            return False

    assert sorted(pool.map(join, range(16))) == [False] * 15 + [True]


def test_a_ticket_is_over_after_its_minute(usher: Usher, door: Door, clock: Clock) -> None:
    late = ticket(usher, caller(JANE, "consumer"))
    clock.pass_seconds(60)

    with pytest.raises(BadTicket):
        door.join("c1", late)


def test_who_has_joined_is_registered_until_it_leaves(usher: Usher, door: Door, table: Table) -> None:
    door.join("c1", ticket(usher, caller(JANE, "consumer")))
    assert [connection.id for connection in Connections(table).of(JANE, NOW)] == ["c1"]

    left = door.leave("c1")

    assert (left.id, left.watch.principal) == ("c1", JANE)
    assert list(Connections(table).of(JANE, NOW)) == []


def test_a_ticket_keeps_what_its_caller_is_limited_to(usher: Usher, door: Door, table: Table) -> None:
    every = {"effect": "Allow", "methods": ["*"], "paths": ["/*"]}
    shop = parse_policy({"group": "g", "statements": [every], "limits": {"domains": ["shop"]}})
    who = replace(caller(JANE), statements=shop.statements).asking("POST", "/tickets")
    reach = (Reach((Limits(domains=("shop",)),)),)

    own = door.join("c1", ticket(usher, who))
    subjects = door.join("c2", ticket(usher, who, subject="john"))

    assert (own.within, own.asked_within) == (reach, reach)
    assert (subjects.within, subjects.asked_within) == (reach, ())
    assert [found.watch for found in Connections(table).of("john", NOW)] == [subjects]


def test_a_ticket_of_who_is_not_limited_keeps_no_limits(usher: Usher, door: Door) -> None:
    watch = door.join("c1", ticket(usher, caller(JANE, "consumer").asking("POST", "/tickets")))

    assert (watch.within, watch.asked_within) == ((), ())


@pytest.mark.parametrize("end", REVOKED)
def test_a_ticket_of_who_was_revoked_opens_nothing(
    usher: Usher, door: Door, known: KnownHere, facts: Facts, end: Any
) -> None:
    given = ticket(usher, caller(JANE, "consumer"))
    known.learn(end)

    with pytest.raises(BadTicket):
        door.join("c1", given)

    assert door.leave("c1") is None
    assert facts.heard == [{"event": "ticket.ended", "principal": JANE, "code": "revoked"}]


def test_a_ticket_that_nobody_can_tell_of_is_refused_and_not_used_up(
    usher: Usher, door: Door, known: KnownHere
) -> None:
    given = ticket(usher, caller(JANE, "consumer"))
    known.fault = AccessUnknown()
    with pytest.raises(AccessUnknown):
        door.join("c1", given)

    known.fault = None

    assert door.join("c1", given).principal == JANE
