"""A world with a certified OAuth server in it: tokens of a login there, and readers who collect them."""

from __future__ import annotations

import random
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.collect import read
from chalicelib.errors import NeedsReauth
from chalicelib.model.clock import SECOND
from chalicelib.model.deposit import Deposit
from chalicelib.model.ids import id_from
from chalicelib.model.job import Type, first_job
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
from chalicelib.store.trail import Trail
from tests.chalicelib.examples import JANE, a_place
from tests.chalicelib.model.test_caller import caller
from tests.oauth.certified import CertifiedProvider, certified_provider
from tests.stack.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.store.table import Table
    from devtool.testing import LiveCloud

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
                audit=Trail(self.world.table),
                now=lambda: self.world.now,
                new_id=_new_id,
            ),
            audit=Trail(self.world.table),
            now=lambda: self.world.now,
            new_id=_new_id,
        )
        try:
            return counter.secret(HER, token_id, min_ttl=60)
        except NeedsReauth as gone:
            return gone


def _new_id() -> str:
    return id_from(secrets.token_bytes(16))


@pytest.fixture
def storm(cloud: LiveCloud, table: Table, queue_url: str) -> Iterator[Storm]:
    world = World(cloud=cloud, table=table, queue_url=queue_url)
    keyring = Keyring(BranchKeys(table), KmsWrapper(cloud.client("kms"), cloud.key_id), lambda: world.now)
    with certified_provider() as certified:
        yield Storm(world, certified, Sealer(keyring))
    world.end()
