"""What sets a refresh off: a reader's `min_ttl`, a request, a rejection, the schedule."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from chalicelib.errors import NeedsReauth, NotFound, NotRefreshable, TokenExpired, TokenRevoked, TooShortLived
from chalicelib.model.clock import SECOND
from chalicelib.model.job import Job, Status, Type, first_job
from chalicelib.model.token import TokenStatus
from chalicelib.renew.schedule import Schedule
from chalicelib.store import keys
from chalicelib.store.refresh_due import RefreshDue
from tests.chalicelib.examples import HOOK, NOW, a_place, a_revocation, an_id
from tests.chalicelib.model.test_caller import caller
from tests.chalicelib.renew.bench import HER, Bench, later_place

if TYPE_CHECKING:
    from chalicelib.model.token import Token


def test_a_reader_whose_time_the_token_cannot_meet_gets_a_job_and_then_the_token(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in(expires_at=NOW // SECOND + 30)
    assert isinstance(bench.counter.secret(HER, token.id, min_ttl=30), tuple)

    job = bench.counter.secret(HER, token.id, min_ttl=31)
    again = bench.counter.current_secret(HER, token.place, min_ttl=31)

    assert isinstance(job, Job)
    assert isinstance(again, Job)
    assert (job.id, job.input) == (again.id, {"generation": 1})
    assert bench.token(token).status_at(NOW) is TokenStatus.REFRESHING
    assert isinstance(bench.counter.secret(HER, token.id, min_ttl=0), tuple)  # the old one, while it is good
    bench.worker().work(job.id)
    assert isinstance(bench.counter.secret(HER, token.id, min_ttl=31), tuple)


def test_an_expired_token_is_refreshed_by_its_reader(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in(expires_at=NOW // SECOND + 1)
    bench.clock.pass_seconds(2)

    assert isinstance(bench.counter.secret(HER, token.id, min_ttl=0), Job)


def test_who_asks_for_more_than_the_provider_gives_is_told_so_and_has_nothing_refreshed(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in(expires_at=NOW // SECOND + 30)
    job = bench.counter.secret(HER, token.id, min_ttl=3_600)
    assert isinstance(job, Job)
    bench.worker().work(job.id)
    bench.clock.pass_seconds(1)

    for min_ttl in (3_600, 7_200):
        with pytest.raises(TooShortLived):
            bench.counter.secret(HER, token.id, min_ttl=min_ttl)
    bench.clock.pass_seconds(120)
    assert isinstance(bench.counter.secret(HER, token.id, min_ttl=3_500), Job)


def test_without_a_provider_or_a_refresh_token_a_reader_is_told_as_before(bench: Bench) -> None:
    token = bench.hand_in(expires_at=NOW // SECOND + 30)

    with pytest.raises(TooShortLived):
        bench.counter.secret(HER, token.id, min_ttl=31)
    bench.clock.pass_seconds(30)
    with pytest.raises(TokenExpired):
        bench.counter.secret(HER, token.id, min_ttl=0)
    with pytest.raises(NotRefreshable):
        bench.refresher.refresh(HER, token.id)


def test_a_token_that_needs_a_login_says_why(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in(expires_at=NOW // SECOND + 30)
    bench.renewals.dead(token, NOW, "invalid_grant")
    assert isinstance(bench.counter.secret(HER, token.id, min_ttl=0), tuple)
    bench.clock.pass_seconds(30)

    with pytest.raises(NeedsReauth) as gone:
        bench.counter.secret(HER, token.id, min_ttl=0)

    assert gone.value.facts == {"reason": "invalid_grant"}


def test_a_refresh_on_request_is_the_one_that_is_under_way(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in()

    assert bench.refresher.refresh(HER, token.id).id == bench.refresher.refresh(HER, token.id).id


def test_a_rejected_generation_is_refreshed_once_and_then_answered_with_the_newer_one(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in()
    with ThreadPoolExecutor(16) as pool:
        jobs = {job.id for _, job in pool.map(lambda _: bench.refresher.rejected(HER, token.id, 1), range(16)) if job}
    (job_id,) = jobs
    bench.worker().work(job_id)

    newer, job = bench.refresher.rejected(HER, token.id, 1)

    assert (newer.generation, job) == (2, None)
    assert bench.played.refreshes == 1


def test_a_rejected_token_that_nobody_can_refresh_is_handed_out_no_more(bench: Bench) -> None:
    token = bench.hand_in()

    dead, job = bench.refresher.rejected(HER, token.id, 1)

    assert (dead.status_at(NOW), job) == (TokenStatus.NEEDS_REAUTH, None)
    with pytest.raises(NeedsReauth):
        bench.counter.secret(HER, token.id, min_ttl=0)


def test_who_may_not_collect_may_not_refresh(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in()
    stranger = caller("john", "consumer")

    with pytest.raises(NotFound):
        bench.refresher.refresh(stranger, token.id)
    with pytest.raises(NotFound):
        bench.refresher.rejected(stranger, token.id, 1)


def test_a_deleted_token_is_refreshed_for_nobody(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in()
    bench.jobs.revoke(bench.jobs.deposit(token.id), a_revocation(9, token), NOW)

    with pytest.raises(TokenRevoked):
        bench.refresher.refresh(HER, token.id)
    with pytest.raises(TokenRevoked):
        bench.refresher.rejected(HER, token.id, 1)
    with pytest.raises(TokenRevoked):
        bench.counter.secret(HER, token.id, min_ttl=0)


def schedule(bench: Bench, pool: ThreadPoolExecutor) -> dict[str, int]:
    return Schedule(
        index=RefreshDue(bench.table),
        tokens=bench.jobs,
        refresher=bench.refresher,
        pool=pool,
        now=bench.clock,
        fact=bench.facts,
        failure=bench.facts,
    ).run(until=bench.clock.now + SECOND)


def on_schedule(bench: Bench, token: Token) -> bool:
    item = bench.table.get(keys.job_key(token.id))
    return item is not None and "refresh_at" in item


def test_a_settled_token_is_refreshed_when_it_is_due_and_not_before(bench: Bench, pool: ThreadPoolExecutor) -> None:
    bench.configure(spread=1)
    tokens = [bench.hand_in(number, place=later_place(number)) for number in range(1, 6)]
    bench.clock.pass_seconds(3_298)
    assert schedule(bench, pool)["begun"] == 0

    bench.clock.pass_seconds(2)
    assert schedule(bench, pool) == {"begun": 5, "dropped": 0, "failed": 0}
    assert schedule(bench, pool) == {"begun": 0, "dropped": 0, "failed": 0}

    for token in tokens:
        job_id = bench.token(token).renewal.job_id
        assert job_id is not None
        bench.worker().work(job_id)
        assert (bench.jobs.job(job_id).status, bench.token(token).generation) == (Status.SUCCEEDED, 2)
        assert on_schedule(bench, token)


def test_what_was_replaced_or_deleted_is_taken_off_the_schedule(bench: Bench, pool: ThreadPoolExecutor) -> None:
    bench.configure()
    replaced = bench.hand_in(1)
    present = bench.hand_in(2)
    deleted = bench.hand_in(3, place=a_place(provider="google", subject="john"))
    bench.jobs.revoke(bench.jobs.deposit(deleted.id), a_revocation(9, deleted), NOW)
    bench.clock.pass_seconds(3_600)

    counts = schedule(bench, pool)

    assert counts == {"begun": 1, "dropped": 2, "failed": 0}
    assert [on_schedule(bench, token) for token in (replaced, present, deleted)] == [False, False, False]
    assert bench.token(present).renewal.job_id is not None


def test_a_token_without_a_refresh_token_is_on_no_schedule(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in(1)
    assert on_schedule(bench, token)
    bench.providers.delete("google")

    assert not on_schedule(bench, bench.hand_in(2))


def test_two_runs_of_the_schedule_begin_one_refresh(bench: Bench, pool: ThreadPoolExecutor) -> None:
    bench.configure()
    token = bench.hand_in()
    bench.clock.pass_seconds(3_600)

    with ThreadPoolExecutor(4) as runs:
        list(runs.map(lambda _: schedule(bench, pool), range(4)))

    begun = bench.token(token).renewal.job_id
    assert begun is not None
    assert bench.jobs.job(begun).requester == "cloakroom"


def test_a_deleted_token_is_revoked_at_its_provider_the_refresh_token_first(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in()
    secret = bench.secret(token)
    job = bench.jobs.revoke(bench.jobs.deposit(token.id), a_revocation(9, token), NOW)

    bench.worker().work(job.id)

    assert bench.played.revoked == [("refresh_token", secret.refresh_token), ("access_token", secret.access_token)]
    assert bench.job(job).result == {"erased": True, "revoked": True}
    assert bench.jobs.deposit(an_id(1)).sealed is None


def test_a_provider_that_is_away_is_told_later_and_readers_see_it_gone_at_once(bench: Bench) -> None:
    bench.configure(revocation_endpoint="http://127.0.0.1:9/revoke")
    token = bench.hand_in()
    job = bench.jobs.revoke(bench.jobs.deposit(token.id), a_revocation(9, token), NOW)
    bench.worker().work(job.id)
    assert bench.job(job).status is Status.PENDING
    with pytest.raises(TokenRevoked):
        bench.counter.secret(HER, token.id, min_ttl=0)

    bench.configure()
    bench.clock.now = max(bench.job(job).not_before, bench.clock.now + 2 * SECOND)
    bench.worker().work(job.id)

    assert bench.job(job).result == {"erased": True, "revoked": True}


def test_without_a_place_to_revoke_at_a_token_is_erased_all_the_same(bench: Bench) -> None:
    bench.configure(revocation_endpoint=None)
    token = bench.hand_in()
    job = bench.jobs.revoke(bench.jobs.deposit(token.id), a_revocation(9, token), NOW)

    bench.worker().work(job.id)

    assert bench.job(job).result == {"erased": True}


def test_a_token_that_is_replaced_is_revoked_where_its_provider_wants_it(bench: Bench) -> None:
    bench.configure(revoke_replaced=True)
    old = bench.hand_in(1)
    secret = bench.secret(old)

    new = bench.hand_in(2)

    assert bench.token(old).status_at(NOW) is TokenStatus.REVOKED
    assert bench.counter.current_record(HER, new.place).id == new.id
    revocation = bench.table.get(keys.job_key(old.id))["revocation"]
    bench.worker().work(revocation)
    assert bench.played.revoked[0] == ("refresh_token", secret.refresh_token)
    assert bench.jobs.job(revocation).result == {"erased": True, "revoked": True}
    assert bench.token(new).status_at(NOW) is TokenStatus.ACTIVE


def test_a_second_delivery_of_what_replaced_a_token_changes_nothing(bench: Bench) -> None:
    bench.configure(revoke_replaced=True)
    bench.hand_in(1)
    new = bench.hand_in(2)
    job = first_job(new.id, Type.STORE, new, requester=HOOK, now=NOW)
    before = bench.table.get(keys.job_key(an_id(1)))

    assert bench.settling(job, new, NOW) is None

    assert bench.table.get(keys.job_key(an_id(1))) == before


def test_an_older_token_that_comes_late_replaces_nothing(bench: Bench) -> None:
    bench.configure(revoke_replaced=True)
    newer = bench.hand_in(2)

    bench.hand_in(1)

    assert bench.counter.current_record(HER, newer.place).id == newer.id
    assert bench.token(newer).status_at(NOW) is TokenStatus.ACTIVE


def test_a_token_that_was_deleted_before_it_was_replaced_is_deleted_once(bench: Bench) -> None:
    bench.configure(revoke_replaced=True)
    old = bench.hand_in(1)
    first = bench.jobs.revoke(bench.jobs.deposit(old.id), a_revocation(9, old), NOW)

    new = bench.hand_in(2)

    assert bench.table.get(keys.job_key(old.id))["revocation"] == first.id
    assert bench.counter.current_record(HER, new.place).id == new.id


def test_without_the_wish_a_replaced_token_stays_as_it_is(bench: Bench) -> None:
    bench.configure()
    old = bench.hand_in(1)

    bench.hand_in(2)

    assert bench.token(old).status_at(NOW) is TokenStatus.ACTIVE


@pytest.mark.slow
def test_16_that_replace_each_other_at_once_leave_one(bench: Bench) -> None:
    bench.configure(revoke_replaced=True)
    with ThreadPoolExecutor(16) as pool:
        tokens = list(pool.map(lambda number: bench.hand_in(number, however_often=True), range(1, 17)))

    alive = [token.id for token in tokens if bench.token(token).revoked_at is None]
    current = bench.counter.current_record(HER, tokens[0].place).id
    assert current == tokens[-1].id  # the newest: of one moment, the highest id
    assert current in alive
