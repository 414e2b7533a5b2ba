from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from chalicelib.errors import AccessUnknown, BadTicket, NotFound
from chalicelib.model.access import Epoch, Kind
from chalicelib.model.clock import SECOND
from chalicelib.model.limits import Limits, Reach
from chalicelib.model.policy import parse_policy
from chalicelib.model.watch import Scope
from chalicelib.notify.sockets import Sockets, Usher
from chalicelib.notify.tell import GoneAway
from chalicelib.store.connections import Connections
from chalicelib.store.open_jobs import OpenJobs
from chalicelib.store.tickets import Tickets
from tests.chalicelib.examples import HOOK, JANE, NOW, a_deposit, a_place, a_watch, an_end, an_id
from tests.chalicelib.model.test_caller import caller
from tests.chalicelib.notify.recording import KnownHere

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from chalicelib.model.caller import Caller
    from chalicelib.model.watch import Watch
    from chalicelib.store.jobs import Jobs
    from chalicelib.store.table import Table
    from tests.chalicelib.examples import Clock, Facts


class Replies:
    """A list that records."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.closed: list[str] = []
        self.gone = False

    def __call__(self, connection_id: str, message: bytes) -> None:
        self.sent.append((connection_id, json.loads(message)))

    def hang_up(self, connection_id: str) -> None:
        self.closed.append(connection_id)
        if self.gone:
            raise GoneAway


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
def sockets(table: Table, known: KnownHere, replies: Replies, clock: Clock, facts: Facts) -> Sockets:
    return Sockets(
        tickets=Tickets(table),
        registry=Connections(table),
        open_jobs=OpenJobs(table),
        known=known,
        post=replies,
        hang_up=replies.hang_up,
        now=clock,
        fact=facts,
    )


def ticket(usher: Usher, who: Caller, *, subject: str | None = None, job_id: str | None = None) -> str:
    return usher.ticket(who, subject=subject, job_id=job_id)[0]


@pytest.mark.parametrize(
    ("who", "watch"),
    [
        (caller(JANE, "consumer"), a_watch()),
        (caller(HOOK, "producer"), a_watch(principal=HOOK, person=HOOK, hands_in=True, owns=False)),
        (caller("root", "admin"), a_watch(principal="root", person="root", hands_in=True, owns=True)),
    ],
)
def test_a_ticket_is_for_all_that_is_the_callers(usher: Usher, sockets: Sockets, who: Caller, watch: Watch) -> None:
    assert usher.ticket(who, subject=None, job_id=None) == ("ticket-0", NOW + 60 * SECOND)

    assert sockets.join("c1", "ticket-0") == watch


def test_a_ticket_may_be_for_a_subject_that_the_caller_may_read(usher: Usher, sockets: Sockets) -> None:
    watch = sockets.join("c1", ticket(usher, caller("root", "admin"), subject=JANE))

    assert watch == a_watch(principal="root", scope=Scope.SUBJECT, owns=False)
    for other in (caller("john", "consumer"), caller(HOOK, "producer")):
        with pytest.raises(NotFound):
            ticket(usher, other, subject=JANE)


def test_a_ticket_may_be_for_a_job_that_the_caller_may_see(usher: Usher, sockets: Sockets, jobs: Jobs) -> None:
    jobs.accept(a_deposit(1))

    for who in (caller(JANE, "consumer"), caller(HOOK, "producer")):
        watch = sockets.join("c1", ticket(usher, who, job_id=an_id(1)))
        assert (watch.scope, watch.job_id, watch.person) == ("job", an_id(1), JANE)
    for job_id in (an_id(1), an_id(404)):
        with pytest.raises(NotFound):
            ticket(usher, caller("john", "consumer"), job_id=job_id)


@pytest.mark.parametrize("bad", [None, "", "never-issued", "x" * 129])
def test_a_handshake_without_a_good_ticket_is_refused(sockets: Sockets, bad: str | None) -> None:
    with pytest.raises(BadTicket):
        sockets.join("c1", bad)

    assert sockets.leave("c1") is None


def test_16_handshakes_at_once_use_a_ticket_once(usher: Usher, sockets: Sockets, pool: Executor) -> None:
    only = ticket(usher, caller(JANE, "consumer"))

    def join(number: int) -> bool:
        try:
            return sockets.join(f"c{number}", only) is not None
        except BadTicket:
            return False

    assert sorted(pool.map(join, range(16))) == [False] * 15 + [True]


def test_a_ticket_is_over_after_its_minute(usher: Usher, sockets: Sockets, clock: Clock) -> None:
    late = ticket(usher, caller(JANE, "consumer"))
    clock.pass_seconds(60)

    with pytest.raises(BadTicket):
        sockets.join("c1", late)


def test_who_has_joined_is_registered_until_it_leaves(usher: Usher, sockets: Sockets, table: Table) -> None:
    sockets.join("c1", ticket(usher, caller(JANE, "consumer")))
    assert [connection.id for connection in Connections(table).of(JANE, NOW)] == ["c1"]

    left = sockets.leave("c1")

    assert (left.id, left.watch.principal) == ("c1", JANE)
    assert list(Connections(table).of(JANE, NOW)) == []


def test_a_ping_is_answered(usher: Usher, sockets: Sockets, replies: Replies) -> None:
    sockets.join("c1", ticket(usher, caller(JANE, "consumer")))

    assert sockets.hear("c1", '{"action": "ping"}') == "ping"

    assert replies.sent == [("c1", {"type": "pong"})]


def test_a_snapshot_is_given_to_who_has_joined(usher: Usher, sockets: Sockets, jobs: Jobs, replies: Replies) -> None:
    jobs.accept(a_deposit(1))
    sockets.join("c1", ticket(usher, caller(JANE, "consumer")))

    assert sockets.hear("c1", '{"action": "snapshot"}') == "snapshot"

    ((to, message),) = replies.sent
    assert (to, message["type"], message["more"]) == ("c1", "snapshot", False)
    assert [job["id"] for job in message["jobs"]] == [an_id(1)]


@pytest.mark.parametrize("action", ["ping", "snapshot", "else"])
def test_who_has_not_joined_is_told_so(sockets: Sockets, replies: Replies, action: str) -> None:
    sockets.hear("stranger", json.dumps({"action": action}))

    ((_, message),) = replies.sent
    assert (message["type"], message["code"]) == ("error", "not_joined")


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "hello",
        "null",
        "[]",
        '"ping"',
        "{}",
        '{"action": "PING"}',
        '{"action": ["ping"]}',
        '{"action": {"a": 1}}',
        "[" * 4_000,
        '{"action": "ping", "pad": "' + "x" * 4_096 + '"}',
    ],
    ids=range(12),
)
def test_anything_else_is_answered_by_what_may_be_said_and_not_repeated(
    usher: Usher, sockets: Sockets, replies: Replies, text: str | None
) -> None:
    sockets.join("c1", ticket(usher, caller(JANE, "consumer")))

    assert sockets.hear("c1", text) == "unknown"

    assert replies.sent == [
        (
            "c1",
            {
                "type": "error",
                "code": "unknown_action",
                "detail": 'Send {"action": "snapshot"} or {"action": "ping"}.',
            },
        )
    ]


def test_a_ticket_keeps_what_its_caller_is_limited_to(usher: Usher, sockets: Sockets, table: Table) -> None:
    every = {"effect": "Allow", "methods": ["*"], "paths": ["/*"]}
    shop = parse_policy({"group": "g", "statements": [every], "limits": {"domains": ["shop"]}})
    who = replace(caller(JANE), statements=shop.statements).asking("POST", "/tickets")
    reach = (Reach((Limits(domains=("shop",)),)),)

    own = sockets.join("c1", ticket(usher, who))
    subjects = sockets.join("c2", ticket(usher, who, subject="john"))

    assert (own.within, own.asked_within) == (reach, reach)
    assert (subjects.within, subjects.asked_within) == (reach, ())
    assert [found.watch for found in Connections(table).of("john", NOW)] == [subjects]


def test_a_ticket_of_who_is_not_limited_keeps_no_limits(usher: Usher, sockets: Sockets) -> None:
    watch = sockets.join("c1", ticket(usher, caller(JANE, "consumer").asking("POST", "/tickets")))

    assert (watch.within, watch.asked_within) == ((), ())


def test_a_snapshot_shows_nothing_outside_a_watchs_limits(jobs: Jobs, table: Table) -> None:
    for number, domain in enumerate(("shop", "office")):
        assert jobs.accept(a_deposit(number, place=a_place(domain=domain))) is None
    watch = a_watch(owns=True, within=(Reach((Limits(domains=("shop",)),)),))

    found, _ = OpenJobs(table).heard_by(watch, limit=10)

    assert [job.place.domain for job in found if job.place] == ["shop"]


REVOKED = [an_end(), an_end(Kind.BEARER, "token-1")]


@pytest.mark.parametrize("end", REVOKED)
def test_a_ticket_of_who_was_revoked_opens_nothing(
    usher: Usher, sockets: Sockets, known: KnownHere, facts: Facts, end: Any
) -> None:
    given = ticket(usher, caller(JANE, "consumer"))
    known.learn(end)

    with pytest.raises(BadTicket):
        sockets.join("c1", given)

    assert sockets.leave("c1") is None
    assert facts.heard == [{"event": "ticket.ended", "principal": JANE, "code": "revoked"}]


def test_a_ticket_that_nobody_can_tell_of_is_refused_and_not_used_up(
    usher: Usher, sockets: Sockets, known: KnownHere
) -> None:
    given = ticket(usher, caller(JANE, "consumer"))
    known.fault = AccessUnknown()
    with pytest.raises(AccessUnknown):
        sockets.join("c1", given)

    known.fault = None

    assert sockets.join("c1", given).principal == JANE


@pytest.mark.parametrize("action", ["ping", "snapshot", "else"])
@pytest.mark.parametrize("end", REVOKED)
def test_who_was_revoked_is_answered_nothing_and_closed(  # noqa: PLR0917  fixtures
    usher: Usher,
    sockets: Sockets,
    known: KnownHere,
    replies: Replies,
    facts: Facts,
    table: Table,
    end: Any,
    action: str,
) -> None:
    sockets.join("c1", ticket(usher, caller(JANE, "consumer")))
    known.learn(end)

    sockets.hear("c1", json.dumps({"action": action}))

    assert (replies.sent, replies.closed) == ([], ["c1"])
    assert list(Connections(table).of(JANE, NOW)) == []
    assert facts.heard == [{"event": "connection.ended", "connection": "c1", "code": "revoked", "principal": JANE}]


def test_a_socket_outlives_neither_its_bearer_nor_the_policies_of_its_ticket(
    usher: Usher, sockets: Sockets, known: KnownHere, replies: Replies, clock: Clock
) -> None:
    for name in ("c1", "c2"):
        sockets.join(name, ticket(usher, caller(JANE, "consumer")))
    sockets.hear("c1", '{"action": "ping"}')
    known.learn(epoch=Epoch(rev=1, policies=1))
    sockets.hear("c1", '{"action": "ping"}')
    known.learn(epoch=Epoch())
    clock.pass_seconds(3_605)
    sockets.hear("c2", '{"action": "ping"}')

    assert replies.sent == [("c1", {"type": "pong"})]
    assert replies.closed == ["c1", "c2"]


def test_a_revoked_socket_that_cannot_be_closed_is_forgotten_all_the_same(
    usher: Usher, sockets: Sockets, known: KnownHere, replies: Replies, table: Table
) -> None:
    sockets.join("c1", ticket(usher, caller(JANE, "consumer")))
    known.learn(an_end())
    replies.gone = True

    sockets.hear("c1", '{"action": "ping"}')

    assert list(Connections(table).of(JANE, NOW)) == []
