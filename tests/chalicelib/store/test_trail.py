"""Each change of a token is written down by the transaction that makes it: once, or neither of the two happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from chalicelib.errors import Conflict, LeaseLost, Unreadable
from chalicelib.model.audit import Entry, Event, Who, entry_id, order_of
from chalicelib.model.clock import SECOND
from chalicelib.model.job import Job, Status, Type, first_job
from chalicelib.model.renewal import Journal
from chalicelib.store import keys
from chalicelib.store.imports import Imports
from chalicelib.store.leases import Leases
from chalicelib.store.renewals import Renewals
from chalicelib.store.table import ConditionFailed
from chalicelib.store.trail import Trail, entry_from_item, entry_to_item, key_of
from tests.chalicelib.examples import HOOK, JANE, NOW, a_deposit, a_place, a_revocation, a_token, an_id

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from chalicelib.model.deposit import Deposit
    from chalicelib.store.jobs import Jobs
    from chalicelib.store.table import Table

ORIGIN = {"issuer": "https://i", "client": "c", "bearer": "jti-1", "groups": "producer,x", "address": "203.0.113.7"}
SOMEBODY = Who(principal=HOOK, **ORIGIN)


def entries(table: Table) -> list[Entry]:
    """Return all entries of a table, oldest first."""
    items: list[dict[str, Any]] = []
    more: Any = {}
    while more is not None:
        page, _, more = table.scan(
            FilterExpression="begins_with(pk, :audit)",
            values={":audit": "AUDIT#"},
            **({"ExclusiveStartKey": more} if more else {}),
        )
        items += page
    return sorted(map(entry_from_item, items), key=lambda entry: entry.order)


def told(table: Table) -> list[tuple[str, str | None]]:
    return [(entry.event, entry.code) for entry in entries(table)]


def accepted(jobs: Jobs, number: int = 1) -> Deposit:
    deposit = a_deposit(number)
    deposit = replace(deposit, job=replace(deposit.job, origin=ORIGIN))
    jobs.accept(deposit)
    return deposit


def refreshed(jobs: Jobs, table: Table, number: int = 9, now: int = NOW) -> Job:
    """Begin the refresh of token 1 and return its job as a worker holds it."""
    token = jobs.deposit(an_id(1)).token
    job = first_job(an_id(number), Type.REFRESH, token, requester=JANE, now=now, origin=ORIGIN)
    Renewals(table).begin(token, job, now)
    held = Leases(table).claim(job, "w", now)
    assert held is not None
    return held


def test_an_entry_is_read_back_as_it_was_written(table: Table) -> None:
    entry = Entry(
        id=an_id(5),
        at=NOW,
        event=Event.READ,
        who=replace(SOMEBODY, principal="a#b"),
        subject=JANE,
        environment="production",
        domain="shop",
        provider="google",
        token_id=an_id(1),
        generation=3,
        job_id=an_id(2),
        job_type="token.refresh",
        code="x",
        what="/providers/google",
        kept_until=NOW // SECOND,
    )

    Trail(table, days=2).write(entry)

    item = table.get(key_of(NOW, an_id(5), entry.order))
    assert item is not None
    assert entry_from_item(item) == entry
    assert item["ttl"] == NOW // SECOND + 2 * 86_400


def test_an_entry_is_never_written_over(table: Table) -> None:
    entry = Entry(id=an_id(5), at=NOW, event=Event.READ, who=SOMEBODY)
    Trail(table).write(entry)

    with pytest.raises(ConditionFailed):
        Trail(table).write(replace(entry, event=Event.REFUSED))

    assert [one.event for one in entries(table)] == ["token.read"]


@pytest.mark.parametrize("missing", ["sk", "event", "audit_principal"])
def test_what_is_no_entry_is_unreadable(missing: str) -> None:
    item = {**entry_to_item(Entry(id=an_id(5), at=NOW, event=Event.READ, who=SOMEBODY), ttl=1)}
    del item[missing]

    with pytest.raises(Unreadable):
        entry_from_item(item)


def test_what_a_later_version_wrote_is_shown(table: Table) -> None:
    item = {**entry_to_item(Entry(id=an_id(5), at=NOW, event=Event.READ, who=SOMEBODY), ttl=1)}

    assert entry_from_item({**item, "event": "token.sung", "more": 1}).event == "token.sung"
    with pytest.raises(Unreadable, match="of a form"):
        entry_from_item({**item, "sk": "today"})


def test_settling_is_written_down_once_with_who_asked_and_whence(jobs: Jobs, table: Table) -> None:
    deposit = accepted(jobs)

    for now in (NOW + 5, NOW + 6):  # the stream brings it twice
        jobs.settle(deposit.job, deposit.token, now)

    (entry,) = entries(table)
    assert entry == Entry(
        id=entry_id(an_id(1), Event.STORED, NOW + 5),
        at=NOW + 5,
        event="token.stored",
        who=SOMEBODY,
        subject=JANE,
        environment="production",
        domain="shop",
        provider="google",
        token_id=an_id(1),
        generation=1,
        job_id=an_id(1),
        job_type="token.store",
        kept_until=table.get(keys.job_key(an_id(1)))["ttl"],
    )


def test_32_at_once_settle_a_token_and_one_entry_is_written(jobs: Jobs, table: Table, pool: Executor) -> None:
    deposit = accepted(jobs)

    list(pool.map(lambda number: jobs.settle(deposit.job, deposit.token, NOW + number), range(32)))

    assert told(table) == [("token.stored", None)]


def test_where_the_entry_is_refused_the_token_is_not_settled_and_the_next_try_does_both(
    jobs: Jobs, table: Table
) -> None:
    deposit = accepted(jobs)
    forged = Entry(id=entry_id(an_id(1), Event.STORED, NOW), at=NOW, event=Event.REFUSED, who=SOMEBODY)
    Trail(table).write(forged)

    with pytest.raises(Conflict):
        jobs.settle(deposit.job, deposit.token, NOW)
    unsettled = jobs.job(an_id(1)).status, jobs.current(a_place())
    jobs.settle(deposit.job, deposit.token, NOW + 1)

    assert unsettled == (Status.PENDING, None)
    assert told(table) == [("refused", None), ("token.stored", None)]
    assert jobs.job(an_id(1)).status is Status.SUCCEEDED


def test_a_superseded_token_is_written_down_as_such(jobs: Jobs, table: Table) -> None:
    older, newer = accepted(jobs, 1), accepted(jobs, 2)
    jobs.settle(newer.job, newer.token, NOW)
    jobs.settle(older.job, older.token, NOW + 1)
    jobs.settle(older.job, older.token, NOW + 2)

    assert told(table) == [("token.stored", None), ("token.stored", "superseded")]


def test_a_token_that_is_put_in_anothers_place_tells_of_both(jobs: Jobs, table: Table) -> None:
    older, newer = accepted(jobs, 1), accepted(jobs, 2)
    jobs.settle(older.job, older.token, NOW)

    for now in (NOW + 1, NOW + 2):
        jobs.settle_instead(newer.job, newer.token, now, refresh_at=None, revoking=lambda token: a_revocation(9, token))

    assert sorted(told(table)) == [("token.deleted", "replaced"), ("token.stored", None), ("token.stored", None)]


def test_deleting_and_erasing_are_written_down_once_each(jobs: Jobs, table: Table) -> None:
    deposit = accepted(jobs)
    revocation = replace(a_revocation(2, deposit.token), origin=ORIGIN)
    jobs.revoke(deposit, revocation, NOW)
    jobs.revoke(deposit, a_revocation(3, deposit.token), NOW + 1)
    held = Leases(table).claim(revocation, "w", NOW + 2)
    assert held is not None
    jobs.erase(held, NOW + 3, {})
    with pytest.raises(LeaseLost):
        jobs.erase(held, NOW + 4, {})
    jobs.settle(deposit.job, deposit.token, NOW + 5)

    assert told(table) == [("token.deleted", None), ("token.erased", None), ("job.cancelled", "token_deleted")]
    assert [(entry.who.principal, entry.who.address) for entry in entries(table)][:2] == [(JANE, "203.0.113.7")] * 2


def test_a_deletion_that_was_cancelled_and_is_asked_for_again_is_told_of_as_such(jobs: Jobs, table: Table) -> None:
    deposit = accepted(jobs)
    revocation = a_revocation(2, deposit.token)
    jobs.revoke(deposit, revocation, NOW)
    Leases(table).end_as_seen(revocation, Status.CANCELLED, NOW + 1, {"result": {"reason": "cancelled"}})

    jobs.revoke(deposit, a_revocation(3, deposit.token), NOW + 2)

    assert told(table) == [("token.deleted", None), ("job.cancelled", "cancelled"), ("token.deleted_again", None)]


def test_an_end_from_outside_and_a_retry_tell_who_asked_for_it(jobs: Jobs, table: Table) -> None:
    leases, job = Leases(table), accepted(jobs).job
    operator = Who(principal="operator", address="198.51.100.1")

    assert leases.end_as_seen(job, Status.FAILED, NOW + 1, {"error": {"code": "deadline_exceeded"}})
    assert not leases.end_as_seen(job, Status.FAILED, NOW + 2, {"error": {"code": "deadline_exceeded"}})
    failed = jobs.job(job.id)
    assert leases.retry(failed, NOW + 3, allowed=9, deadline_at=NOW, by=operator)
    assert not leases.retry(failed, NOW + 4, allowed=9, deadline_at=NOW, by=operator)
    assert leases.end_as_seen(jobs.job(job.id), Status.CANCELLED, NOW + 5, {"result": {}}, by=operator)

    assert told(table) == [("job.failed", "deadline_exceeded"), ("job.retried", None), ("job.cancelled", None)]
    assert [entry.who for entry in entries(table)] == [SOMEBODY, operator, operator]


def test_a_worker_that_comes_late_writes_no_second_end(jobs: Jobs, table: Table) -> None:
    leases = Leases(table)
    held = leases.claim(accepted(jobs).job, "w", NOW)
    assert held is not None
    leases.end(held, Status.FAILED, NOW + 1, {"error": {"code": "worker_lost"}})

    with pytest.raises(LeaseLost):
        leases.end(held, Status.FAILED, NOW + 2, {"error": {"code": "worker_lost"}})

    assert told(table) == [("job.failed", "worker_lost")]


def test_a_refresh_is_written_down_where_it_is_begun_and_where_it_has_come_to(jobs: Jobs, table: Table) -> None:
    deposit = accepted(jobs)
    jobs.settle(deposit.job, deposit.token, NOW)
    job = refreshed(jobs, table, now=NOW + 1)
    renewals, journal = Renewals(table), Journal(job_id=job.id, attempt=job.attempts, at=NOW)
    renewals.journal(deposit.token, journal)
    after = replace(deposit, token=replace(deposit.token, generation=2))
    renewals.renewed(job, deposit.token, after, journal, NOW + 2, None)
    with pytest.raises(LeaseLost):
        renewals.renewed(job, deposit.token, after, journal, NOW + 3, None)

    assert told(table) == [("token.stored", None), ("token.refresh_asked", None), ("token.refreshed", None)]
    assert [entry.generation for entry in entries(table)] == [1, 1, 2]
    assert entries(table)[2].who == replace(SOMEBODY, principal=JANE)


def test_a_refresh_that_fails_or_is_cancelled_is_written_down_once(jobs: Jobs, table: Table) -> None:
    deposit = accepted(jobs)
    renewals = Renewals(table)
    first = refreshed(jobs, table, 8, NOW)
    renewals.put_down(first, deposit.token, NOW + 1, code="unavailable", message="m", again=1)
    second = refreshed(jobs, table, 9, NOW + 2)
    Leases(table).end_as_seen(second, Status.CANCELLED, NOW + 3, {"result": {"reason": "cancelled"}})
    with pytest.raises(LeaseLost):
        renewals.needs_reauth(second, deposit.token, NOW + 4, code="invalid_grant", message="m")

    assert told(table) == [
        ("token.refresh_asked", None),
        ("job.failed", "unavailable"),
        ("token.refresh_asked", None),
        ("job.cancelled", "cancelled"),
    ]


def test_each_imported_token_is_written_down_once_whatever_an_attempt_finds_there(table: Table) -> None:
    imports = Imports(table)
    deposits = [
        replace(a_deposit(number, place=a_place(provider=f"p{number % 9}")), body_mark=None) for number in range(1, 26)
    ]
    deposits = [replace(one, job=replace(one.job, origin=ORIGIN)) for one in deposits]

    imports.store(deposits[:10], NOW, lambda _: None)
    imports.store(deposits, NOW + 1, lambda _: None)

    written = entries(table)
    assert sorted(str(entry.token_id) for entry in written) == sorted(one.token.id for one in deposits)
    assert {entry.who for entry in written} == {SOMEBODY}
    assert "origin" not in table.get(keys.job_key(an_id(1))), "it would cost each token some of its KB"


def test_an_entry_stays_below_a_kilobyte_with_the_longest_names() -> None:
    who = Who(
        principal="p" * 128, issuer="i" * 100, client="c" * 36, bearer="b" * 36, groups="g" * 60, address="a" * 39
    )
    token = a_token(1, place=a_place(subject="s" * 128, provider="p" * 64, domain="d" * 64, environment="e" * 32))
    item = entry_to_item(
        Entry(
            id=an_id(5),
            at=NOW,
            event=Event.REFRESH_ASKED,
            who=who,
            subject=token.place.subject,
            environment=token.place.environment,
            domain=token.place.domain,
            provider=token.place.provider,
            token_id=token.id,
            generation=1_000,
            job_id=an_id(6),
            job_type="token.refresh",
            kept_until=1,
        ),
        ttl=1,
    )

    assert sum(len(name) + len(str(value)) for name, value in item.items() if value is not None) <= 1_024


def test_entries_of_one_moment_have_places_of_their_own() -> None:
    assert order_of(5, "b") > order_of(5, "a") > order_of(4, "z")
