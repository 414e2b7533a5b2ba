"""A refresh against a provider that rotates its refresh tokens and takes a second use for theft."""

from __future__ import annotations

import base64
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from msgspec.structs import replace

from chalicelib.errors import LeaseLost, Throttled
from chalicelib.model.audit import Who
from chalicelib.model.clock import SECOND
from chalicelib.model.job import LEASE, Status
from chalicelib.model.provider import AuthMethod, Credential, sealed_under
from chalicelib.model.token import TokenStatus
from chalicelib.seal.keyring import KEEP_SECONDS
from chalicelib.store import keys
from chalicelib.store.branch_keys import BranchKeys
from chalicelib.store.leases import Leases
from chalicelib.store.renewals import Renewals
from tests.chalicelib.examples import NOW, a_revocation, an_id
from tests.chalicelib.renew.bench import HER, Bench, in_seconds
from tests.oauth.played import Told

if TYPE_CHECKING:
    from chalicelib.model.token import Token


def refreshed(bench: Bench, token: Token, **changes: Any) -> Any:
    """Begin a refresh and let a worker do it; return its job."""
    job = bench.begin(token)
    bench.worker(**changes).work(job.id)
    return bench.job(job)


def test_a_refresh_makes_the_next_generation_and_ends_its_job(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in()
    first = bench.secret(token).refresh_token

    job = refreshed(bench, token)

    present, secret = bench.token(token), bench.secret(token)
    assert (job.status, job.result) == (Status.SUCCEEDED, {"generation": 2, "expires_at": present.expires_at})
    assert (present.generation, present.status_at(NOW), in_seconds(present)) == (2, TokenStatus.ACTIVE, 3_600)
    assert secret.access_token.endswith("-played")
    assert secret.refresh_token not in (None, first)
    assert present.fingerprint != token.fingerprint
    assert bench.played.reuses == 0


def test_the_second_generation_is_refreshed_like_the_first(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in()

    for generation in (2, 3, 4):
        refreshed(bench, token)
        assert bench.token(token).generation == generation

    assert (bench.played.refreshes, bench.played.reuses) == (3, 0)


def test_a_collector_gets_the_new_token_by_id_and_by_place(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in()
    refreshed(bench, token)

    for outcome in (
        bench.counter.secret(HER, token.id, min_ttl=3_600),
        bench.counter.current_secret(HER, token.place, min_ttl=3_600),
    ):
        assert isinstance(outcome, tuple)
        assert outcome[1].access_token == bench.secret(token).access_token
    assert bench.counter.current_record(HER, token.place).generation == 2


def test_50_at_once_begin_one_refresh(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in()

    with ThreadPoolExecutor(50) as pool:
        jobs = list(pool.map(lambda _: bench.refresher.begin(token, by=Who(principal="x")), range(50)))

    assert len({job.id for job in jobs if job}) == 1


def test_a_message_that_comes_twice_refreshes_once(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in()
    job = bench.begin(token)

    for _ in range(3):
        bench.worker().work(job.id)

    assert (bench.played.refreshes, bench.token(token).generation) == (1, 2)


def test_what_the_provider_leaves_out_goes_on_as_it_was(bench: Bench) -> None:
    bench.configure(rotates=False)
    bench.played.rotates = False
    token = bench.hand_in(scope="mail.read", token_type="Bearer")
    kept = bench.secret(token).refresh_token
    bench.played.script.append(Told(body={"access_token": "only-this"}))

    refreshed(bench, token)

    present, secret = bench.token(token), bench.secret(token)
    assert (secret.access_token, secret.refresh_token) == ("only-this", kept)
    assert (present.scope, present.token_type, present.expires_at) == ("mail.read", "Bearer", None)


def test_a_scope_that_shrinks_is_kept_as_it_is_now(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in(scope="mail.read mail.send")
    bench.played.script.append(Told(body={"access_token": "narrower", "scope": "mail.read", "expires_in": "60"}))

    refreshed(bench, token)

    assert (bench.token(token).scope, in_seconds(bench.token(token))) == ("mail.read", 60)


def test_without_expires_in_a_jwt_says_and_else_the_configuration_and_else_what_was_learned(bench: Bench) -> None:
    bench.configure(rotates=False)
    bench.played.rotates = False
    token = bench.hand_in()
    told = jwt.encode({"exp": NOW // SECOND + 77}, "k" * 32)

    bench.played.script.append(Told(body={"access_token": told}))
    refreshed(bench, token)
    assert in_seconds(bench.token(token)) == 77

    bench.configure(rotates=False, default_expires_in=88)
    bench.played.script.append(Told(body={"access_token": "opaque"}))
    refreshed(bench, token)
    assert in_seconds(bench.token(token)) == 88


def test_what_a_rejection_has_taught_is_believed_where_nobody_says(bench: Bench) -> None:
    bench.configure()
    bench.played.life = None
    token = bench.hand_in(expires_at=None)
    bench.clock.pass_seconds(1_200)

    _, job = bench.refresher.rejected(HER, token.id, 1)
    assert job is not None
    bench.worker().work(job.id)

    present = bench.token(token)
    assert (present.generation, present.expires_at) == (2, bench.clock.now // SECOND + 1_200)


@pytest.mark.parametrize("code", ["invalid_grant", "bad_refresh_token"])
def test_a_grant_that_is_gone_asks_for_a_login(bench: Bench, code: str) -> None:
    bench.configure()
    token = bench.hand_in()
    bench.played.script.append(Told(status=400, body={"error": code}))

    job = refreshed(bench, token)

    present = bench.token(token)
    assert (job.status, job.error["code"]) == (Status.FAILED, "invalid_grant")
    assert (present.status_at(bench.clock.now), present.renewal.reauth.code) == (
        TokenStatus.NEEDS_REAUTH,
        "invalid_grant",
    )
    assert isinstance(bench.counter.secret(HER, token.id, min_ttl=0), tuple)  # still good for what is left of it


def test_a_provider_that_refuses_us_costs_no_customer_a_login(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in()
    bench.played.script.append(Told(status=401, body={"error": "invalid_client"}))

    job = refreshed(bench, token)

    present = bench.token(token)
    assert (job.status, job.error["code"]) == (Status.FAILED, "provider_refused")
    assert (present.status_at(NOW), present.renewal.journal) == (TokenStatus.ACTIVE, None)
    assert refreshed(bench, token).status is Status.SUCCEEDED  # once it was mended


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_provider_is_given_the_time_that_it_asks_for(bench: Bench, status: int) -> None:
    bench.configure()
    token = bench.hand_in()
    bench.played.script.append(Told(status=status, body="<html>busy</html>", headers={"Retry-After": "120"}))

    job = refreshed(bench, token)
    assert (job.status, job.not_before) == (Status.PENDING, NOW + 120 * SECOND)
    assert bench.token(token).renewal.journal is None

    bench.clock.pass_seconds(120)
    bench.worker().work(job.id)
    assert (bench.token(token).generation, bench.played.reuses) == (2, 0)


def test_a_provider_that_cannot_be_reached_is_asked_again(bench: Bench) -> None:
    bench.configure(token_endpoint="http://127.0.0.1:9/token")
    token = bench.hand_in()
    job = refreshed(bench, token)
    assert (job.status, bench.token(token).renewal.journal) == (Status.PENDING, None)

    bench.configure()
    bench.clock.pass_seconds(5)
    bench.worker().work(job.id)

    assert bench.token(token).generation == 2


@pytest.mark.parametrize(
    "lost",
    [
        Told(status=None, used=True),
        Told(status=500, body="<html>oops</html>", used=True),
        Told(status=200, body="<html>all is well</html>", used=True),
    ],
    ids=["connection closed", "500 in HTML", "200 in HTML"],
)
def test_a_call_that_spent_the_token_unheard_is_never_sent_again(bench: Bench, lost: Told) -> None:
    bench.configure()
    token = bench.hand_in()
    bench.played.script.append(lost)

    job = refreshed(bench, token)
    assert job.status is Status.PENDING
    finished(bench, job)

    assert (bench.played.refreshes, bench.played.reuses) == (1, 0)
    assert bench.job(job).error["code"] == "refresh_outcome_unknown"
    assert bench.token(token).status_at(NOW) is TokenStatus.NEEDS_REAUTH


def test_a_call_that_did_nothing_unheard_is_sent_again_once_the_provider_says_so(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in()
    bench.played.script.append(Told(status=None))

    job = refreshed(bench, token)
    finished(bench, job)

    assert (bench.token(token).generation, bench.played.refreshes, bench.played.reuses) == (2, 2, 0)


def test_inside_its_leeway_a_provider_is_asked_once_more_and_only_once(bench: Bench) -> None:
    bench.configure(introspection_endpoint=None, leeway=60)
    token = bench.hand_in()
    bench.played.script += [Told(status=None), Told(status=None)]

    job = refreshed(bench, token)
    finished(bench, job)

    assert bench.played.refreshes == 2
    assert bench.job(job).error["code"] == "refresh_outcome_unknown"


def test_a_provider_that_does_not_rotate_is_simply_asked_again(bench: Bench) -> None:
    bench.configure(rotates=False, introspection_endpoint=None)
    bench.played.rotates = False
    token = bench.hand_in()
    bench.played.script += [Told(status=None), Told(status=500, body="")]

    job = refreshed(bench, token)
    finished(bench, job)

    assert (bench.token(token).generation, bench.played.refreshes) == (2, 3)


def test_a_slow_drip_is_cut_off_and_counts_as_unheard(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in()
    bench.played.script.append(Told(status=200, body={}, after=11.0, used=True))
    begun = time.monotonic()

    job = refreshed(bench, token)

    assert time.monotonic() - begun < 11
    assert bench.job(job).status is Status.PENDING
    assert bench.token(token).renewal.journal is not None


def finished(bench: Bench, job: Any) -> None:
    """Bring a job to its worker again and again, as the queue would, until it has ended."""
    for _ in range(20):
        if not bench.job(job).is_open:
            return
        bench.clock.now = max(bench.clock.now, bench.job(job).not_before)
        bench.worker().work(job.id)
    raise AssertionError(f"still open: {bench.job(job)}")


def test_a_table_that_is_away_when_the_answer_comes_is_waited_for(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in()
    away = [Throttled("away"), Throttled("away")]

    class Away(Renewals):
        def renewed(self, *arguments: Any) -> None:
            if away:
                raise away.pop()
            super().renewed(*arguments)

    job = refreshed(bench, token, renewals=Away(bench.table))

    assert (job.status, bench.token(token).generation, bench.slept) == (Status.SUCCEEDED, 2, [1.0, 1.0])


def test_a_late_worker_writes_nothing_over_the_next_generation(bench: Bench) -> None:
    bench.configure(rotates=False)
    bench.played.rotates = False
    token = bench.hand_in()
    job = bench.begin(token)
    late = Leases(bench.table).claim(bench.job(job), "worker-late", bench.clock.now)
    assert late is not None
    bench.clock.now += LEASE
    bench.worker().work(job.id)
    present = bench.token(token)

    with pytest.raises(LeaseLost):
        bench.refresh()(late)

    assert bench.token(token) == present


def test_a_token_that_was_deleted_meanwhile_stays_deleted_and_the_new_one_is_given_back(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in()
    job = bench.begin(token)

    class DeletedMeanwhile(Renewals):
        def renewed(self, *arguments: Any) -> None:
            bench.jobs.revoke(bench.jobs.deposit(token.id), a_revocation(9, token), bench.clock.now)
            super().renewed(*arguments)

    bench.worker(renewals=DeletedMeanwhile(bench.table)).work(job.id)

    assert bench.job(job).status is Status.CANCELLED
    assert bench.token(token).status_at(NOW) is TokenStatus.REVOKED
    assert [hint for hint, _ in bench.played.revoked] == ["refresh_token"]


def test_a_refresh_that_comes_after_a_newer_generation_calls_nobody(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in()
    job = bench.begin(token)
    bench.table.update(keys.job_key(token.id), "SET generation = :g", g=2)

    bench.worker().work(job.id)

    assert (bench.job(job).status, bench.job(job).result) == (Status.SUCCEEDED, {"generation": 2, "by": "another"})
    assert bench.played.refreshes == 0


def test_nobody_configured_means_nobody_is_called(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in()
    job = bench.begin(token)
    bench.providers.delete("google")

    bench.worker().work(job.id)

    assert bench.job(job).error["code"] == "provider_unknown"
    assert bench.token(token).status_at(NOW) is TokenStatus.ACTIVE


def test_a_provider_whose_day_is_bad_is_looked_at_again_on_schedule(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in()
    bench.played.script += [Told(status=503, body="")] * 20

    job = refreshed(bench, token)
    finished(bench, job)

    item = bench.table.get(keys.job_key(token.id))
    assert bench.job(job).status is Status.FAILED
    assert item is not None
    assert item["refresh_at"] == bench.clock.now // SECOND + 900
    assert bench.token(token).renewal.job_id is None


def test_a_cancelled_refresh_lets_the_next_one_begin(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in()
    job = bench.begin(token)

    assert Leases(bench.table).end_as_seen(bench.job(job), Status.CANCELLED, NOW, {"result": {"reason": "cancelled"}})

    assert bench.token(token).status_at(NOW) is TokenStatus.ACTIVE
    assert refreshed(bench, token).status is Status.SUCCEEDED


def test_we_say_who_we_are_by_basic_as_rfc_6749_encodes_it(bench: Bench) -> None:
    bench.configure()
    refreshed(bench, bench.hand_in())

    (asked,) = bench.played.asked
    assert (
        base64.b64decode(asked.headers["authorization"].removeprefix("Basic "))
        == b"cloakroom:the+client%27s+own+secret"
    )
    assert "client_secret" not in asked.form


def test_we_say_who_we_are_in_the_form(bench: Bench) -> None:
    bench.configure(auth_method=AuthMethod.POST, parameters={"audience": "shop"})
    refreshed(bench, bench.hand_in())

    (asked,) = bench.played.asked
    assert (asked.form["client_id"], asked.form["client_secret"]) == ("cloakroom", "the client's own secret")
    assert asked.form["audience"] == "shop"


def test_we_say_who_we_are_by_a_signed_assertion(bench: Bench) -> None:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    provider = bench.configure(auth_method=AuthMethod.PRIVATE_KEY_JWT, key_id="k1")
    place, credential_id = sealed_under("google")
    sealed, _ = bench.sealer.seal(Credential(private_key=pem).to_bytes(), place, credential_id)
    bench.providers.put(provider, sealed, provider.rev)
    bench.clock.now = time.time_ns() // 1_000

    refreshed(bench, bench.hand_in())

    (asked,) = bench.played.asked
    assertion = asked.form["client_assertion"]
    claims = jwt.decode(assertion, key.public_key(), algorithms=["RS256"], audience=bench.played.token_endpoint)
    assert (claims["iss"], claims["sub"], jwt.get_unverified_header(assertion)["kid"]) == (
        "cloakroom",
        "cloakroom",
        "k1",
    )


def test_no_secret_is_logged(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in()
    bench.played.script.append(Told(status=400, body={"error": "invalid_scope", "error_description": "ya29.secret"}))
    refreshed(bench, token)

    told = repr(bench.facts.heard)
    for secret in ("ya29.secret", "played-provider", "handed-in", "the client"):
        assert secret not in told
    assert an_id(1) in told


def test_a_refresh_that_is_cancelled_while_its_provider_answers_keeps_what_it_was_given(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in()
    job = bench.begin(token)

    class CancelledMeanwhile(Renewals):
        def renewed(self, *arguments: Any) -> None:
            Leases(bench.table).end_as_seen(bench.job(job), Status.CANCELLED, NOW, {"result": {"reason": "cancelled"}})
            super().renewed(*arguments)

    bench.worker(renewals=CancelledMeanwhile(bench.table)).work(job.id)

    assert bench.job(job).status is Status.CANCELLED
    assert (bench.token(token).generation, bench.token(token).renewal.journal) == (2, None)
    assert refreshed(bench, token).result["generation"] == 3
    assert bench.played.reuses == 0


def test_a_provider_that_asks_for_longer_than_a_job_lives_is_left_alone_for_so_long(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in()
    bench.played.script.append(Told(status=429, body="", headers={"Retry-After": "7200"}))

    job = refreshed(bench, token)

    item = bench.table.get(keys.job_key(token.id))
    assert (job.status, job.error["code"]) == (Status.FAILED, "unavailable")
    assert item is not None
    assert item["refresh_at"] == NOW // SECOND + 7_200


def test_waiting_for_a_turn_uses_up_no_attempt(bench: Bench) -> None:
    bench.configure(per_second=1, at_once=1)
    token = bench.hand_in()
    job = bench.begin(token)
    bench.parts()["limits"].enter(bench.providers.get("google")[0], "another")

    for _ in range(70):
        bench.worker().work(job.id)
        bench.clock.now = max(bench.clock.now, bench.job(job).not_before)

    assert (bench.job(job).status, bench.token(token).generation) == (Status.SUCCEEDED, 2)


def test_asking_for_a_refresh_that_is_under_way_writes_nothing(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in()
    job = bench.begin(token)
    before = bench.table.get(keys.job_key(token.id))

    class Silent(Renewals):
        def begin(self, *_: Any) -> Any:
            raise AssertionError("a refresh is under way")

    asking = replace(bench.refresher, renewals=Silent(bench.table))

    assert asking.refresh(HER, token.id).id == job.id
    assert bench.table.get(keys.job_key(token.id)) == before


def test_a_shredded_token_is_not_tried_again_and_again_and_its_deletion_erases_it(bench: Bench) -> None:
    bench.configure()
    token = bench.hand_in()
    before = bench.begin(token)
    BranchKeys(bench.table).shred(token.place.environment, token.place.domain, NOW)
    bench.clock.pass_seconds(KEEP_SECONDS)

    bench.worker().work(before.id)
    deletion = a_revocation(77, bench.token(token), NOW)
    bench.jobs.revoke(bench.jobs.deposit(token.id), deletion, NOW)
    bench.worker().work(deletion.id)

    assert (bench.job(before).status, bench.job(before).error["code"]) == (Status.FAILED, "key_gone")
    assert bench.token(token).renewal.reauth.code == "key_gone"
    assert (bench.job(deletion).status, bench.job(deletion).result) == (
        Status.SUCCEEDED,
        {"erased": True, "revoked": False},
    )
    assert bench.played.asked == []
