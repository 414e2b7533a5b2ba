"""Telling watchers: each in order, nobody twice, and no slow or gone client at another's cost."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from chalicelib.aws.endpoints import surroundings
from chalicelib.aws.sockets import Sockets
from chalicelib.aws.switchboard import Switchboard
from chalicelib.errors import AccessUnknown, Unavailable
from chalicelib.model.access import Epoch, Kind
from chalicelib.model.change import JobChange, Joined, Revoked
from chalicelib.model.clock import SECOND
from chalicelib.model.job import Status
from chalicelib.model.watch import Scope
from chalicelib.notify import tell as module
from chalicelib.notify.side_by_side import SideBySide
from chalicelib.notify.talks import InThreads
from chalicelib.notify.tell import Teller
from chalicelib.store import keys
from chalicelib.store.connections import Connections
from chalicelib.store.items import deposit_to_item
from chalicelib.store.open_jobs import OpenJobs
from devtool import environment
from tests.chalicelib.aws.scripted import Scripted
from tests.chalicelib.examples import HOOK, JANE, NOW, a_bearer, a_connection, a_deposit, a_job, an_end, an_id
from tests.chalicelib.notify.recording import CountedRegistry, KnownHere, Posts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Executor

    from chalicelib.errors import Unreadable
    from chalicelib.model.watch import Connection
    from chalicelib.notify.talks import Talks
    from chalicelib.store.jobs import Jobs
    from chalicelib.store.table import Table
    from tests.chalicelib.examples import Clock, Facts


@pytest.fixture
def posts() -> Posts:
    return Posts()


@pytest.fixture(params=["threads", "one thread"])
def talks(request: pytest.FixtureRequest, posts: Posts, pool: Executor) -> Iterator[Talks]:
    if request.param == "threads":
        yield InThreads(post=posts, hang_up=posts.hang_up, pool=pool)
        return
    around = surroundings(environment.fixed_credentials())
    assert around is not None
    with Scripted(by=posts.answer) as server:
        talks = SideBySide(Sockets(server.endpoint, around), Switchboard(server.endpoint, pool), pool)
        yield talks
        talks.close()


@pytest.fixture
def registry(table: Table) -> CountedRegistry:
    return CountedRegistry(Connections(table))


@pytest.fixture
def known() -> KnownHere:
    return KnownHere()


@pytest.fixture
def teller(  # noqa: PLR0917  its parts are fixtures
    registry: CountedRegistry,
    table: Table,
    known: KnownHere,
    talks: Talks,
    pool: Executor,
    clock: Clock,
    facts: Facts,
) -> Teller:
    clock.pass_seconds(60)  # the connections of these tests have joined a minute ago
    return Teller(
        registry=registry,
        open_jobs=OpenJobs(table),
        known=known,
        talks=talks,
        pool=pool,
        now=clock,
        fact=facts,
    )


def change(number: int, rev: int = 1, **changes: Any) -> JobChange:
    before = None if rev == 1 else a_job(number, rev=rev - 1, **changes)
    return JobChange(before=before, after=a_job(number, rev=rev, **changes), token=None)


def test_a_change_reaches_each_connection_that_may_hear_of_it_once(
    teller: Teller, registry: CountedRegistry, posts: Posts, facts: Facts
) -> None:
    for name, person in (("jane-1", JANE), ("jane-2", JANE), ("john", "john"), ("hook", HOOK)):
        registry.inner.join(a_connection(name, person=person))

    teller.tell([change(1)])

    assert {name: posts.to(name) for name in ("jane-1", "jane-2", "john", "hook")} == {
        "jane-1": [f"{an_id(1)}:1"],
        "jane-2": [f"{an_id(1)}:1"],
        "john": [],
        "hook": [f"{an_id(1)}:1"],
    }
    assert facts.heard[-1] == {"event": "batch.told", "changes": 1, "connections": 3}


def test_a_connection_hears_nothing_that_its_ticket_was_not_for(
    teller: Teller, registry: CountedRegistry, posts: Posts
) -> None:
    registry.inner.join(a_connection("narrow", owns=False))
    registry.inner.join(a_connection("one-job", scope=Scope.JOB, job_id=an_id(2)))

    teller.tell([change(1), change(2)])

    assert posts.to("narrow") == []
    assert posts.to("one-job") == [f"{an_id(2)}:1"]


def test_a_connection_that_does_not_parse_is_set_aside_and_stops_nobody(
    teller: Teller, registry: CountedRegistry, table: Table, posts: Posts, facts: Facts
) -> None:
    for name, person in (("jane", JANE), ("john", "john")):
        registry.inner.join(a_connection(name, person=person))
    later = {**table.get(keys.watch_key(JANE, "jane")), **keys.watch_key(JANE, "a-later-version"), "scope": "team"}
    table.put(later)

    teller.tell([change(1), change(2, subject="john")])

    assert (posts.to("jane"), posts.to("john")) == ([f"{an_id(1)}:1"], [f"{an_id(2)}:1"])
    assert {
        "event": "connection.unreadable",
        "reason": "a watch with a scope or limits that this version does not know",
    } in facts.heard


def test_a_connection_found_under_two_names_is_told_once(
    teller: Teller, registry: CountedRegistry, posts: Posts
) -> None:
    registry.inner.join(a_connection("jane", person=JANE))

    teller.tell([change(1, requester=JANE), change(2, requester=JANE, subject="john"), change(3)])

    assert posts.to("jane") == [f"{an_id(number)}:1" for number in (1, 2, 3)]


def test_each_connection_hears_the_changes_in_the_order_of_the_stream(
    teller: Teller, registry: CountedRegistry, posts: Posts
) -> None:
    for number in range(5):
        registry.inner.join(a_connection(f"c{number}"))

    teller.tell([change(number, rev) for rev in (1, 2) for number in range(10)])

    expected = [f"{an_id(number)}:{rev}" for rev in (1, 2) for number in range(10)]
    assert all(posts.to(f"c{number}") == expected for number in range(5))


def test_the_registry_is_asked_once_per_name_and_batch(teller: Teller, registry: CountedRegistry) -> None:
    teller.tell([change(number) for number in range(20)])

    assert sorted(registry.asked) == [JANE, HOOK]


def test_a_change_that_nobody_would_see_is_not_told(teller: Teller, registry: CountedRegistry, posts: Posts) -> None:
    registry.inner.join(a_connection("c1"))
    unseen = JobChange(before=a_job(1), after=a_job(1), token=None)

    teller.tell([unseen])

    assert posts.sent == []
    assert registry.asked == []


def test_no_news_is_nothing(teller: Teller, posts: Posts) -> None:
    teller.tell([])

    assert posts.sent == []


def test_who_has_just_joined_gets_a_snapshot_and_then_what_changes(
    teller: Teller, registry: CountedRegistry, jobs: Jobs, posts: Posts
) -> None:
    jobs.accept(a_deposit(1))
    connection = a_connection("new")
    registry.inner.join(connection)

    teller.tell([change(2), Joined(connection=connection), change(3)])

    assert posts.to("new") == ["snapshot", f"{an_id(2)}:1", f"{an_id(3)}:1"]
    assert [job["id"] for job in posts.sent[0][1]["jobs"]] == [an_id(1)]


def test_a_gone_connection_is_forgotten_and_the_rest_of_its_messages_dropped(
    teller: Teller, registry: CountedRegistry, posts: Posts, facts: Facts
) -> None:
    posts.gone = {"gone"}
    for name in ("gone", "here"):
        registry.inner.join(a_connection(name))

    teller.tell([change(1), change(2)])

    assert posts.to("here") == [f"{an_id(1)}:1", f"{an_id(2)}:1"]
    assert posts.tries.count("gone") == 1
    assert [connection.id for connection in registry.inner.of(JANE, NOW)] == ["here"]
    assert {"event": "connection.gone", "connection": "gone", "principal": JANE} in facts.heard


def test_a_gone_connection_that_cannot_be_forgotten_now_harms_nobody(
    teller: Teller, registry: CountedRegistry, posts: Posts, facts: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(self: CountedRegistry, connection: Connection) -> None:
        raise Unavailable

    monkeypatch.setattr(CountedRegistry, "forget", unavailable)
    posts.gone = {"gone"}
    for name in ("gone", "here"):
        registry.inner.join(a_connection(name))

    teller.tell([change(1)])

    assert posts.to("here") == [f"{an_id(1)}:1"]
    assert {"event": "connection.kept", "connection": "gone", "code": "unavailable"} in facts.heard


def test_a_young_connection_is_waited_for_until_it_opens(
    teller: Teller, registry: CountedRegistry, posts: Posts, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HANDSHAKE_PAUSE", 0)
    clock.now = NOW + 10 * SECOND
    posts.opening = {"young": 10}
    registry.inner.join(a_connection("young"))

    teller.tell([change(1), change(2)])

    assert posts.to("young") == [f"{an_id(1)}:1", f"{an_id(2)}:1"]


def test_a_young_connection_that_never_opens_is_given_up(
    teller: Teller, registry: CountedRegistry, posts: Posts, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HANDSHAKE_PAUSE", 0)
    clock.now = NOW
    posts.gone = {"young"}
    registry.inner.join(a_connection("young"))

    teller.tell([change(1)])

    assert posts.tries == ["young"] * 11
    assert list(registry.inner.of(JANE, NOW)) == []


def test_a_slow_connection_holds_up_nobody_else_and_keeps_its_place(
    teller: Teller, registry: CountedRegistry, posts: Posts, facts: Facts
) -> None:
    posts.slow = {"slow-1": 0.6, "slow-2": 0.6}
    for name in ("slow-1", "slow-2", "here"):
        registry.inner.join(a_connection(name))
    began = time.monotonic()

    teller.tell([change(1), change(2), change(3)])
    took = time.monotonic() - began

    assert posts.to("here") == [f"{an_id(number)}:1" for number in (1, 2, 3)]
    assert posts.at["here"] < min(posts.at["slow-1"], posts.at["slow-2"])
    assert took < 1.8  # less than three time-outs: one for both, not one for each of three messages
    assert posts.tries.count("slow-1") == 1
    assert {"event": "push.dropped", "connection": "slow-1", "code": "not_delivered", "messages": 3} in facts.heard
    assert sorted(posts.closed) == ["slow-1", "slow-2"]
    assert [connection.id for connection in registry.inner.of(JANE, NOW)] == ["here"]


def test_a_socket_that_cannot_be_closed_is_forgotten_all_the_same(
    teller: Teller, registry: CountedRegistry, posts: Posts, facts: Facts
) -> None:
    """It hears nothing more; API Gateway ends it, and its client joins again."""
    posts.slow, posts.gone = {"slow": 0.01}, {"slow"}
    registry.inner.join(a_connection("slow"))

    teller.tell([change(1)])

    assert list(registry.inner.of(JANE, NOW)) == []
    assert {"event": "connection.not_closed", "connection": "slow", "code": "connection_gone"} in facts.heard


def test_when_the_registry_does_not_answer_nothing_is_told(
    teller: Teller, registry: CountedRegistry, posts: Posts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it comes again: what had been told before the failure would be told twice."""
    registry.inner.join(a_connection("here"))
    answer = registry.of

    def half(self: CountedRegistry, person: str, now: int) -> Iterable[Connection | Unreadable]:
        if person == HOOK:
            raise Unavailable
        return answer(person, now)

    monkeypatch.setattr(CountedRegistry, "of", half)

    with pytest.raises(Unavailable):
        teller.tell([change(1)])

    assert posts.sent == []


def test_an_open_job_that_cannot_be_read_is_missing_in_a_snapshot_and_harms_nobody(
    teller: Teller, registry: CountedRegistry, table: Table, posts: Posts, facts: Facts
) -> None:
    newcomer = a_connection("new")
    for connection in (newcomer, a_connection("here")):
        registry.inner.join(connection)
    later = {"pk": "JOB#x", "sk": "JOB", "open_shard": "OPEN#10", "due_at": 1, "subject": JANE, "type": "token.import"}
    table.put(later)
    table.put(deposit_to_item(a_deposit(3)))

    teller.tell([Joined(connection=newcomer), change(1)])

    assert posts.to("here") == [f"{an_id(1)}:1"]
    (snapshot,) = [message for connection, message in posts.sent if message["type"] == "snapshot"]
    assert [job["id"] for job in snapshot["jobs"]] == [an_id(3)]
    assert {"event": "push.sent", "connection": "new", "messages": 2} in facts.heard


def test_a_snapshot_of_one_job_that_cannot_be_read_is_dropped_and_harms_nobody(
    teller: Teller, registry: CountedRegistry, table: Table, posts: Posts, facts: Facts
) -> None:
    newcomer = a_connection("new", scope=Scope.JOB, job_id="x")
    for connection in (newcomer, a_connection("here")):
        registry.inner.join(connection)
    table.put({"pk": "JOB#x", "sk": "JOB", "subject": JANE, "type": "token.import"})

    teller.tell([Joined(connection=newcomer), change(1)])

    assert posts.to("here") == [f"{an_id(1)}:1"]
    assert {"event": "push.dropped", "connection": "new", "code": "unreadable", "messages": 0} in facts.heard
    assert posts.closed == ["new"]


def test_an_ended_job_is_told_with_its_result(teller: Teller, registry: CountedRegistry, posts: Posts) -> None:
    registry.inner.join(a_connection("here"))

    teller.tell([change(1, 2, status=Status.SUCCEEDED, result={"current": True})])

    ((_, message),) = posts.sent
    assert (message["type"], message["seq"]) == ("job.updated", 2)
    assert (message["job"]["status"], message["job"]["result"]) == ("SUCCEEDED", {"current": True})


def test_who_was_revoked_hears_nothing_more_and_is_closed(
    teller: Teller, registry: CountedRegistry, known: KnownHere, posts: Posts, facts: Facts
) -> None:
    registry.inner.join(a_connection("jane"))
    registry.inner.join(a_connection("other bearer", bearer=a_bearer(token_id="token-2")))
    registry.inner.join(a_connection("admin", principal="root", scope=Scope.SUBJECT))
    known.learn(an_end(Kind.BEARER, "token-1"), an_end(name="root"))

    teller.tell([change(1)])

    assert [to for to, _ in posts.sent] == ["other bearer"]
    assert sorted(posts.closed) == ["admin", "jane"]
    assert [connection.id for connection in registry.inner.of(JANE, NOW)] == ["other bearer"]
    assert {"event": "connection.ended", "connection": "jane", "code": "revoked", "principal": JANE} in facts.heard


def test_a_revocation_closes_its_principals_sockets_though_there_is_nothing_to_tell(
    teller: Teller, registry: CountedRegistry, known: KnownHere, posts: Posts
) -> None:
    for name, person in (("jane-1", JANE), ("jane-2", JANE), ("john", "john")):
        registry.inner.join(a_connection(name, principal=person, person=person))
    known.learn(an_end())

    teller.tell([Revoked(revocation=an_end())])

    assert known.looks == [NOW + 60 * SECOND], "what this process knew before does not count"
    assert sorted(posts.closed) == ["jane-1", "jane-2"]
    assert list(registry.inner.of(JANE, NOW)) == []
    assert posts.sent == []


def test_an_end_of_sessions_closes_the_older_ones_alone(
    teller: Teller, registry: CountedRegistry, known: KnownHere, posts: Posts, facts: Facts
) -> None:
    moment = NOW // SECOND - 30
    registry.inner.join(a_connection("before"))
    registry.inner.join(a_connection("after", bearer=a_bearer(issued_at=moment)))
    end = an_end(Kind.SESSIONS, issued_before=moment * SECOND)
    known.learn(end)

    teller.tell([Revoked(revocation=end)])

    assert posts.closed == ["before"]
    assert posts.sent == []
    assert "push.sent" not in facts.events


def test_a_revocation_that_was_lifted_before_its_record_came_closes_nobody(
    teller: Teller, registry: CountedRegistry, posts: Posts
) -> None:
    registry.inner.join(a_connection("jane"))

    teller.tell([Revoked(revocation=an_end())])

    assert posts.closed == []


def test_a_bearers_revocation_names_nobody_to_look_for(
    teller: Teller, registry: CountedRegistry, known: KnownHere
) -> None:
    teller.tell([Revoked(revocation=an_end(Kind.BEARER, "token-1"))])

    assert (registry.asked, known.looks) == ([], [])


@pytest.mark.parametrize(
    ("bearer", "epoch", "code"),
    [
        (a_bearer(expires_at=NOW // SECOND + 55), Epoch(), "expired"),
        (a_bearer(), Epoch(rev=1, policies=1), "policies_changed"),
    ],
)
def test_a_socket_ends_with_its_bearer_and_with_the_policies_of_its_ticket(  # noqa: PLR0917  fixtures
    teller: Teller,
    registry: CountedRegistry,
    known: KnownHere,
    posts: Posts,
    facts: Facts,
    bearer: Any,
    epoch: Any,
    code: str,
) -> None:
    newcomer = a_connection("new", bearer=bearer)
    for connection in (newcomer, a_connection("old", bearer=bearer)):
        registry.inner.join(connection)
    known.learn(epoch=epoch)

    teller.tell([Joined(connection=newcomer), change(1)])

    assert posts.sent == []
    assert sorted(posts.closed) == ["new", "old"]
    assert {fact["code"] for fact in facts.heard if fact["event"] == "connection.ended"} == {code}


def test_a_process_whose_knowledge_is_older_than_the_socket_asks_before_it_closes_it(
    teller: Teller, registry: CountedRegistry, known: KnownHere, posts: Posts
) -> None:
    registry.inner.join(a_connection("here", bearer=a_bearer(epoch=1)))
    known.later = replace(known.access, epoch=Epoch(rev=1, policies=1))

    teller.tell([change(1)])

    assert posts.to("here") == [f"{an_id(1)}:1"]
    assert known.looks == [NOW]


def test_when_nobody_knows_who_was_revoked_nothing_is_told_and_all_of_it_comes_again(
    teller: Teller, registry: CountedRegistry, known: KnownHere, posts: Posts
) -> None:
    registry.inner.join(a_connection("here"))
    known.fault = AccessUnknown()

    for news in (change(1), Revoked(revocation=an_end())):
        with pytest.raises(Unavailable):
            teller.tell([news])

    assert (posts.sent, posts.closed) == ([], [])


def test_a_revocation_counts_also_for_who_waits_behind_a_slow_client(
    teller: Teller, registry: CountedRegistry, known: KnownHere, posts: Posts
) -> None:
    for name in ("a-first", "b-second"):
        registry.inner.join(a_connection(name))

    def then_revoked(connection_id: str, message: bytes) -> None:
        posts(connection_id, message)
        known.learn(an_end())

    with ThreadPoolExecutor(1) as one_at_a_time:
        talks = InThreads(post=then_revoked, hang_up=posts.hang_up, pool=one_at_a_time)
        replace(teller, talks=talks).tell([change(1)])

    assert len(posts.sent) == len(posts.closed) == 1
