"""Handing out: to whom it belongs, as long as it is good, and saying nothing to anybody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chalicelib.collect.read import Counter, secret_view
from chalicelib.errors import Forbidden, NotFound, SealBroken, TokenExpired, TokenRevoked, TooShortLived
from chalicelib.model.clock import SECOND
from chalicelib.model.deposit import Deposit
from chalicelib.model.job import Type, first_job
from chalicelib.model.token import Owner, Secret
from chalicelib.seal.kms import KmsWrapper
from chalicelib.seal.sealer import Sealer
from chalicelib.store.leases import Leases
from chalicelib.store.tokens import CurrentTokens
from chalicelib.store.trail import Trail
from chalicelib.wiring import system
from tests.chalicelib.examples import HOOK, JANE, NOW, NobodyRefreshes, a_place, a_revocation, a_token, an_id
from tests.chalicelib.model.test_caller import caller
from tests.chalicelib.seal.counting import a_process

if TYPE_CHECKING:
    from chalicelib.model.caller import Caller
    from chalicelib.model.token import Token
    from chalicelib.store.jobs import Jobs
    from chalicelib.store.table import Table
    from devtool.testing import LiveCloud
    from tests.chalicelib.examples import Clock

SECRET = Secret(access_token="ya29.opaque", refresh_token="1//refresh", extra={"instance_url": "https://x.example"})
HER = caller(JANE, "consumer")
OWNER = Owner(environment="production", domain="shop", subject=JANE)


@pytest.fixture
def sealer(table: Table, cloud: LiveCloud, key_id: str, clock: Clock) -> Sealer:
    return Sealer(a_process(table, KmsWrapper(cloud.client("kms"), key_id), clock))


@pytest.fixture
def counter(table: Table, jobs: Jobs, sealer: Sealer, clock: Clock) -> Counter:
    return Counter(
        jobs=jobs,
        tokens=CurrentTokens(table),
        opener=sealer,
        refresher=NobodyRefreshes(),
        audit=Trail(table),
        now=clock,
        new_id=system.new_id,
    )


def keep(jobs: Jobs, sealer: Sealer, token: Token, *, settled: bool = True) -> Deposit:
    """Hand a token in, as the intake does."""
    sealed, version = sealer.seal(SECRET.to_bytes(), token.place, token.id)
    job = first_job(token.id, Type.STORE, token, requester=token.requester, now=token.accepted_at)
    deposit = Deposit(job=job, token=token, sealed=sealed, body_mark=b"m", key_version=version)
    jobs.accept(deposit)
    if settled:
        jobs.settle(job, token, NOW)
    return deposit


def test_a_token_is_collected_by_its_id_and_by_its_place(counter: Counter, jobs: Jobs, sealer: Sealer) -> None:
    keep(jobs, sealer, a_token(1))

    assert counter.secret(HER, an_id(1), min_ttl=0) == (a_token(1), SECRET)
    assert counter.current_secret(HER, a_place(), min_ttl=0) == (a_token(1), SECRET)


def test_a_token_is_collected_by_its_id_already_while_its_job_is_pending(
    counter: Counter, jobs: Jobs, sealer: Sealer
) -> None:
    keep(jobs, sealer, a_token(1), settled=False)

    assert counter.secret(HER, an_id(1), min_ttl=0) == (a_token(1), SECRET)
    with pytest.raises(NotFound):
        counter.current_secret(HER, a_place(), min_ttl=0)


def test_records_jobs_and_lists_are_shown_to_whom_they_belong(counter: Counter, jobs: Jobs, sealer: Sealer) -> None:
    keep(jobs, sealer, a_token(1))

    assert counter.record(HER, an_id(1)) == a_token(1)
    assert counter.job(HER, an_id(1)).id == an_id(1)
    assert counter.current_record(HER, a_place()) == a_token(1)
    assert counter.listed(HER, OWNER, limit=50, after=None) == ([a_token(1)], None)


def test_a_producer_sees_its_own_request_and_not_the_secret(counter: Counter, jobs: Jobs, sealer: Sealer) -> None:
    keep(jobs, sealer, a_token(1))
    hook = caller(HOOK, "producer")

    assert counter.record(hook, an_id(1)) == a_token(1)
    assert counter.job(hook, an_id(1)).id == an_id(1)
    with pytest.raises(NotFound):
        counter.secret(hook, an_id(1), min_ttl=0)
    with pytest.raises(Forbidden):
        counter.current_secret(hook, a_place(), min_ttl=0)


@pytest.mark.parametrize("who", [caller("john", "consumer"), caller("other-hook", "producer"), caller("nobody")])
def test_what_is_not_the_callers_is_not_found_like_what_does_not_exist(
    counter: Counter, jobs: Jobs, sealer: Sealer, who: Caller
) -> None:
    keep(jobs, sealer, a_token(1))

    for token_id in (an_id(1), an_id(404)):
        with pytest.raises(NotFound):
            counter.record(who, token_id)
        with pytest.raises(NotFound):
            counter.secret(who, token_id, min_ttl=0)
        with pytest.raises(NotFound):
            counter.job(who, token_id)
    for place in (a_place(), a_place(provider="none")):
        with pytest.raises(Forbidden):
            counter.current_record(who, place)
        with pytest.raises(Forbidden):
            counter.current_secret(who, place, min_ttl=0)
    with pytest.raises(Forbidden):
        counter.listed(who, OWNER, limit=50, after=None)


def test_nothing_is_found_where_nothing_is(counter: Counter) -> None:
    with pytest.raises(NotFound):
        counter.current_record(HER, a_place())
    assert counter.listed(HER, OWNER, limit=50, after=None) == ([], None)


def test_a_token_is_handed_out_until_its_expiry_and_never_after(
    counter: Counter, jobs: Jobs, sealer: Sealer, clock: Clock
) -> None:
    keep(jobs, sealer, a_token(1, expires_at=NOW // SECOND + 10))
    clock.now = NOW + 10 * SECOND - 1
    assert counter.secret(HER, an_id(1), min_ttl=0)

    clock.now += 1

    for ask in (
        lambda: counter.secret(HER, an_id(1), min_ttl=0),
        lambda: counter.current_secret(HER, a_place(), min_ttl=0),
    ):
        with pytest.raises(TokenExpired) as gone:
            ask()
        assert gone.value.facts == {"expires_at": "2027-01-15T08:00:10.000Z"}
    assert counter.record(HER, an_id(1)).status_at(clock()) == "EXPIRED"


@pytest.mark.parametrize(("min_ttl", "good"), [(0, True), (10, True), (11, False), (31_536_000, False)])
def test_a_token_is_good_for_as_long_as_is_asked_or_too_short_lived(
    counter: Counter,
    jobs: Jobs,
    sealer: Sealer,
    min_ttl: int,
    good: bool,  # noqa: FBT001
) -> None:
    keep(jobs, sealer, a_token(1, expires_at=NOW // SECOND + 10))

    if good:
        assert counter.secret(HER, an_id(1), min_ttl=min_ttl)
        return
    with pytest.raises(TooShortLived) as refused:
        counter.secret(HER, an_id(1), min_ttl=min_ttl)
    assert refused.value.facts == {"expires_at": "2027-01-15T08:00:10.000Z", "min_ttl": min_ttl}


def test_a_token_of_unknown_expiry_is_given_for_any_time(counter: Counter, jobs: Jobs, sealer: Sealer) -> None:
    keep(jobs, sealer, a_token(1, expires_at=None))

    assert counter.secret(HER, an_id(1), min_ttl=31_536_000)


def test_a_deleted_token_is_gone_at_once_and_after_it_was_erased(
    counter: Counter, jobs: Jobs, table: Table, sealer: Sealer
) -> None:
    deposit = keep(jobs, sealer, a_token(1))
    revocation = jobs.revoke(deposit, a_revocation(2, deposit.token), NOW)
    claimed = Leases(table).claim(revocation, "worker-a", NOW)

    for erase in (jobs.erase, None):
        with pytest.raises(TokenRevoked):
            counter.secret(HER, an_id(1), min_ttl=0)
        with pytest.raises(TokenRevoked):
            counter.current_secret(HER, a_place(), min_ttl=0)
        if erase is not None:
            erase(claimed, NOW, {})
    assert counter.record(HER, an_id(1)).status_at(NOW) == "REVOKED"
    assert counter.job(HER, revocation.id).status == "SUCCEEDED"


def test_an_erased_secret_is_gone_also_where_its_record_does_not_say_so(
    counter: Counter, jobs: Jobs, table: Table, sealer: Sealer
) -> None:
    keep(jobs, sealer, a_token(1))
    table.update({"pk": f"JOB#{an_id(1)}", "sk": "JOB"}, "REMOVE sealed")

    with pytest.raises(TokenRevoked):
        counter.secret(HER, an_id(1), min_ttl=0)


def test_a_secret_copied_to_another_subjects_item_does_not_open(
    counter: Counter, jobs: Jobs, table: Table, sealer: Sealer
) -> None:
    keep(jobs, sealer, a_token(1, place=a_place(subject="john")))
    keep(jobs, sealer, a_token(2))
    stolen = table.get({"pk": f"JOB#{an_id(1)}", "sk": "JOB"})["sealed"]
    table.update({"pk": f"JOB#{an_id(2)}", "sk": "JOB"}, "SET sealed = :stolen", stolen=stolen)

    with pytest.raises(SealBroken):
        counter.secret(HER, an_id(2), min_ttl=0)


def test_a_collector_gets_the_providers_answer_again_with_the_time_that_is_left() -> None:
    token = a_token(1, token_type="Bearer", scope="mail.read", expires_at=NOW // SECOND + 100)

    assert secret_view(token, SECRET, NOW + 40 * SECOND) == {
        "id": "aaaaaaaaaaaaaaaaaaaaaaaaab",
        "access_token": "ya29.opaque",
        "generation": 1,
        "refresh_token": "1//refresh",
        "token_type": "Bearer",
        "scope": "mail.read",
        "extra": {"instance_url": "https://x.example"},
        "expires_in": 60,
        "expires_at": "2027-01-15T08:01:40.000Z",
    }


def test_what_the_provider_did_not_give_is_left_out_and_an_unknown_expiry_is_null() -> None:
    assert secret_view(a_token(1, expires_at=None), Secret(access_token="x"), NOW) == {
        "id": "aaaaaaaaaaaaaaaaaaaaaaaaab",
        "access_token": "x",
        "generation": 1,
        "expires_at": None,
    }
