from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.model.access import Epoch
from chalicelib.model.limits import Limits, Reach
from chalicelib.store.connections import Connections
from chalicelib.store.open_jobs import OpenJobs
from tests.chalicelib.examples import JANE, NOW, a_deposit, a_place, a_watch, an_end, an_id
from tests.chalicelib.model.test_caller import caller
from tests.chalicelib.notify.joining import REVOKED, Replies, ticket

if TYPE_CHECKING:
    from chalicelib.notify.door import Door, Usher
    from chalicelib.notify.hearing import Hearing
    from chalicelib.store.jobs import Jobs
    from chalicelib.store.table import Table
    from tests.chalicelib.examples import Clock, Facts
    from tests.chalicelib.notify.recording import KnownHere


def test_a_ping_is_answered(usher: Usher, door: Door, hearing: Hearing, replies: Replies) -> None:
    door.join("c1", ticket(usher, caller(JANE, "consumer")))

    assert hearing.hear("c1", '{"action": "ping"}') == "ping"

    assert replies.sent == [("c1", {"type": "pong"})]


def test_a_snapshot_is_given_to_who_has_joined(
    usher: Usher, door: Door, hearing: Hearing, jobs: Jobs, replies: Replies
) -> None:
    jobs.accept(a_deposit(1))
    door.join("c1", ticket(usher, caller(JANE, "consumer")))

    assert hearing.hear("c1", '{"action": "snapshot"}') == "snapshot"

    ((to, message),) = replies.sent
    assert (to, message["type"], message["more"]) == ("c1", "snapshot", False)
    assert [job["id"] for job in message["jobs"]] == [an_id(1)]


@pytest.mark.parametrize("action", ["ping", "snapshot", "else"])
def test_who_has_not_joined_is_told_so(hearing: Hearing, replies: Replies, action: str) -> None:
    hearing.hear("stranger", json.dumps({"action": action}))

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
    usher: Usher, door: Door, hearing: Hearing, replies: Replies, text: str | None
) -> None:
    door.join("c1", ticket(usher, caller(JANE, "consumer")))

    assert hearing.hear("c1", text) == "unknown"

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


def test_a_snapshot_shows_nothing_outside_a_watchs_limits(jobs: Jobs, table: Table) -> None:
    for number, domain in enumerate(("shop", "office")):
        assert jobs.accept(a_deposit(number, place=a_place(domain=domain))) is None
    watch = a_watch(owns=True, within=(Reach((Limits(domains=("shop",)),)),))

    found, _ = OpenJobs(table).heard_by(watch, limit=10)

    assert [job.place.domain for job in found if job.place] == ["shop"]


@pytest.mark.parametrize("action", ["ping", "snapshot", "else"])
@pytest.mark.parametrize("end", REVOKED)
def test_who_was_revoked_is_answered_nothing_and_closed(  # noqa: PLR0917  fixtures
    usher: Usher,
    door: Door,
    hearing: Hearing,
    known: KnownHere,
    replies: Replies,
    facts: Facts,
    table: Table,
    end: Any,
    action: str,
) -> None:
    door.join("c1", ticket(usher, caller(JANE, "consumer")))
    known.learn(end)

    hearing.hear("c1", json.dumps({"action": action}))

    assert (replies.sent, replies.closed) == ([], ["c1"])
    assert list(Connections(table).of(JANE, NOW)) == []
    assert facts.heard == [{"event": "connection.ended", "connection": "c1", "code": "revoked", "principal": JANE}]


def test_a_socket_outlives_neither_its_bearer_nor_the_policies_of_its_ticket(  # noqa: PLR0917  fixtures
    usher: Usher, door: Door, hearing: Hearing, known: KnownHere, replies: Replies, clock: Clock
) -> None:
    for name in ("c1", "c2"):
        door.join(name, ticket(usher, caller(JANE, "consumer")))
    hearing.hear("c1", '{"action": "ping"}')
    known.learn(epoch=Epoch(rev=1, policies=1))
    hearing.hear("c1", '{"action": "ping"}')
    known.learn(epoch=Epoch())
    clock.pass_seconds(3_605)
    hearing.hear("c2", '{"action": "ping"}')

    assert replies.sent == [("c1", {"type": "pong"})]
    assert replies.closed == ["c1", "c2"]


def test_a_revoked_socket_that_cannot_be_closed_is_forgotten_all_the_same(  # noqa: PLR0917  fixtures
    usher: Usher, door: Door, hearing: Hearing, known: KnownHere, replies: Replies, table: Table
) -> None:
    door.join("c1", ticket(usher, caller(JANE, "consumer")))
    known.learn(an_end())
    replies.gone = True

    hearing.hear("c1", '{"action": "ping"}')

    assert list(Connections(table).of(JANE, NOW)) == []
