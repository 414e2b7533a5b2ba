"""Refreshes under a storm, against a certified OAuth server that rotates refresh tokens and detects their reuse.

Fifty readers ask at once for a token that has expired, round after round, while the worker that refreshes it is killed
before and after its writes. Time moves as the world's clock says, so that leases run out at once.
"""

from __future__ import annotations

import random
import secrets
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.collect import read
from chalicelib.errors import NeedsReauth
from chalicelib.model.clock import SECOND
from chalicelib.model.deposit import Deposit
from chalicelib.model.ids import id_from
from chalicelib.model.job import Job, Type, first_job
from chalicelib.model.provider import AuthMethod, Credential, Provider, sealed_under
from chalicelib.model.token import Secret, Token
from chalicelib.renew.begin import Refresher
from chalicelib.renew.providers import KnownProviders
from chalicelib.seal.keyring import Keyring
from chalicelib.seal.kms import KmsWrapper
from chalicelib.seal.sealer import Sealer
from chalicelib.store.branch_keys import BranchKeys
from chalicelib.store.jobs import Jobs
from chalicelib.store.providers import Providers
from chalicelib.store.renewals import Renewals
from chalicelib.store.tokens import CurrentTokens
from tests.chalicelib.examples import JANE, a_place
from tests.chalicelib.model.test_caller import caller
from tests.oauth.certified import CertifiedProvider, certified_provider
from tests.stack.figures import show
from tests.stack.world import Fault, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.store.table import Table
    from devtool.testing import LiveCloud

ROUNDS = 200
READERS = 50
AN_HOUR = 3_600 * SECOND
A_DAY = 24 * AN_HOUR
WRITES = 7
"""Of a refresh by a worker: claim, place, turn (one or two), journal, outcome, giving the place up."""

HER = caller(JANE, "consumer")


@dataclass
class Storm:
    world: World
    certified: CertifiedProvider
    sealer: Sealer
    chance: random.Random = field(default_factory=lambda: random.Random(4711))  # noqa: S311  the same storm each time

    def __post_init__(self) -> None:
        self.jobs, self.providers = Jobs(self.world.table), Providers(self.world.table)
        provider = Provider(
            name="google",
            client_id=self.certified.client_id,
            auth_method=AuthMethod.BASIC,
            token_endpoint=f"{self.certified.issuer}/token",
            introspection_endpoint=f"{self.certified.issuer}/token/introspection",
            rotates=True,
            per_second=1_000,
            at_once=3,
            updated_at=self.world.now,
            updated_by="root",
        )
        place, credential_id = sealed_under("google")
        credential = Credential(secret=self.certified.client_secret)
        self.providers.put(provider, self.sealer.seal(credential.to_bytes(), place, credential_id)[0], None)

    def hand_in(self) -> Token:
        """Take in what a login gave, and settle it."""
        given = self.certified.issue(JANE)
        now = self.world.now
        token = Token(
            id=self.new_id(),
            place=a_place(),
            requester="login-hook",
            accepted_at=now,
            fingerprint="k1:0",
            expires_at=now // SECOND + given["expires_in"],
            has_refresh_token=True,
        )
        secret = Secret(access_token=given["access_token"], refresh_token=given["refresh_token"])
        sealed, version = self.sealer.seal(secret.to_bytes(), token.place, token.id)
        job = first_job(token.id, Type.STORE, token, requester=token.requester, now=now)
        self.jobs.accept(Deposit(job=job, token=token, sealed=sealed, body_mark=b"m", key_version=version))
        self.jobs.settle(job, token, now)
        return token

    def new_id(self) -> str:
        return id_from(self.chance.randbytes(16))

    def read(self, token_id: str) -> Any:
        """Collect the token as a reader of its own would, with nothing in memory."""
        known = KnownProviders(self.providers, lambda: self.world.now)
        counter = read.Counter(
            jobs=self.jobs,
            tokens=CurrentTokens(self.world.table),
            opener=self.sealer,
            refresher=Refresher(
                tokens=self.jobs,
                renewals=Renewals(self.world.table),
                providers=known,
                now=lambda: self.world.now,
                new_id=lambda: id_from(secrets.token_bytes(16)),
            ),
            now=lambda: self.world.now,
        )
        try:
            return counter.secret(HER, token_id, min_ttl=60)
        except NeedsReauth as gone:
            return gone


@pytest.fixture
def storm(cloud: LiveCloud, table: Table, queue_url: str) -> Iterator[Storm]:
    world = World(cloud=cloud, table=table, queue_url=queue_url)
    keyring = Keyring(BranchKeys(table), KmsWrapper(cloud.client("kms"), cloud.key_id), lambda: world.now)
    with certified_provider() as certified:
        yield Storm(world, certified, Sealer(keyring))
    world.end()


@pytest.mark.slow
def test_fifty_readers_two_hundred_times_over_and_the_server_sees_no_reuse(
    storm: Storm, capsys: pytest.CaptureFixture[str]
) -> None:
    world, ends, kills, spent_by_kill = storm.world, Counter[str](), 0, 0
    token = storm.hand_in()
    with ThreadPoolExecutor(READERS) as pool:
        for number in range(ROUNDS):
            world.now = max(world.now, (storm.jobs.deposit(token.id).token.expires_at or 0) * SECOND)
            before, generation = storm.certified.seen()["refreshed"], storm.jobs.deposit(token.id).token.generation
            asked = list(pool.map(storm.read, [token.id] * READERS))
            begun = {one.id for one in asked if isinstance(one, Job)}
            assert len(begun) == 1, "50 readers began more than one refresh, or none"
            (job_id,) = begun
            if number % 3 == 0:
                when = storm.chance.choice(["before", "after"])
                world.faults.append(Fault(function="work", die=(storm.chance.randint(1, WRITES), when)))
            deaths = len(world.deaths)
            world.live(job_id, until=world.now + A_DAY)
            world.faults.clear()
            kills += len(world.deaths) - deaths

            outcomes = list(pool.map(storm.read, [token.id] * READERS))
            after = storm.jobs.deposit(token.id).token
            refreshed = storm.certified.seen()["refreshed"] - before
            if after.renewal.reauth is None:
                ends["refreshed"] += 1
                assert (after.generation, refreshed) == (generation + 1, 1)
                (text,) = {one[1].access_token for one in outcomes}
                assert text
            else:
                ends[after.renewal.reauth.code] += 1
                spent_by_kill += 1
                assert (after.generation, refreshed, len(world.deaths) - deaths) == (generation, 1, 1)
                assert {type(one) for one in outcomes} == {NeedsReauth}
                token = storm.hand_in()

    seen = storm.certified.seen()
    show(
        capsys,
        f"{ROUNDS} rounds of {READERS} readers: {dict(ends)}; {kills} workers killed, {spent_by_kill} of them between "
        f"the provider's answer and our write; the server: {seen['refreshed']} refreshes, {seen['reused']} reuses, "
        f"refusals {seen['refused']}",
    )
    assert seen["reused"] == 0
    assert seen["refused"] == {}
    assert ends == Counter({"refreshed": ROUNDS - spent_by_kill, "refresh_outcome_unknown": spent_by_kill})
    assert 0 < spent_by_kill < kills
    assert seen["refreshed"] == ROUNDS
