"""Tokens of a provider that really answers, a worker over a real table and queue, and what a test looks at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.collect.read import Counter
from chalicelib.errors import Conflict
from chalicelib.model.audit import Who
from chalicelib.model.clock import SECOND
from chalicelib.model.deposit import Deposit
from chalicelib.model.job import Job, Type, first_job
from chalicelib.model.provider import AuthMethod, Credential, Provider, sealed_under
from chalicelib.model.token import Secret, Token
from chalicelib.outbound.http import Outside
from chalicelib.process.messages import WorkQueue
from chalicelib.process.worker import Worker
from chalicelib.renew.attempt import Refresh
from chalicelib.renew.begin import Refresher
from chalicelib.renew.oauth import OAuth
from chalicelib.renew.providers import KnownProviders, TrustedProviders
from chalicelib.renew.revoke import Revocation
from chalicelib.renew.settle import Settling
from chalicelib.store.jobs import Jobs
from chalicelib.store.leases import Leases
from chalicelib.store.limits import Limits
from chalicelib.store.providers import Providers
from chalicelib.store.renewals import Renewals
from chalicelib.store.tokens import CurrentTokens
from chalicelib.store.trail import Trail
from tests.chalicelib.examples import JANE, NOW, Clock, Facts, a_place, a_token, an_id
from tests.chalicelib.model.test_caller import caller

if TYPE_CHECKING:
    from chalicelib.seal.sealer import Sealer
    from chalicelib.store.table import Table
    from tests.oauth.played import PlayedProvider

HER = caller(JANE, "consumer")
CREDENTIAL = Credential(secret="the client's own secret")


@dataclass
class Bench:
    table: Table
    sealer: Sealer
    played: PlayedProvider
    sqs: Any
    queue_url: str
    clock: Clock = field(default_factory=Clock)
    facts: Facts = field(default_factory=Facts)
    slept: list[float] = field(default_factory=list)
    _ids: int = 1_000

    def __post_init__(self) -> None:
        self.jobs, self.renewals, self.providers = Jobs(self.table), Renewals(self.table), Providers(self.table)

    def new_id(self) -> str:
        self._ids += 1
        return an_id(self._ids)

    def pause(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.pass_seconds(seconds)

    def configure(self, **changes: Any) -> Provider:
        """Set the provider up as it is played."""
        usual: dict[str, Any] = {
            "name": "google",
            "client_id": "cloakroom",
            "auth_method": AuthMethod.BASIC,
            "token_endpoint": self.played.token_endpoint,
            "revocation_endpoint": f"{self.played.address}/revoke",
            "introspection_endpoint": f"{self.played.address}/introspect",
            "rotates": self.played.rotates,
            "per_second": 1_000,
            "at_once": 10,
            "updated_at": NOW,
            "updated_by": "root",
        }
        provider = Provider(**{**usual, **changes})
        place, credential_id = sealed_under(provider.name)
        sealed, _ = self.sealer.seal(CREDENTIAL.to_bytes(), place, credential_id)
        stored = self.providers.get(provider.name)
        return self.providers.put(provider, sealed, stored[0].rev if stored else None)

    def hand_in(self, number: int = 1, *, however_often: bool = False, **changes: Any) -> Token:
        """Take a token in that the provider issued, and settle it: `however_often` it takes, as the stream does that
        brings a record again.
        """
        secret = Secret(access_token=f"access-{number}-handed-in", refresh_token=self.played.issue())
        token = a_token(number, accepted_at=NOW, has_refresh_token=True, **changes)
        sealed, version = self.sealer.seal(secret.to_bytes(), token.place, token.id)
        job = first_job(token.id, Type.STORE, token, requester=token.requester, now=NOW)
        self.jobs.accept(Deposit(job=job, token=token, sealed=sealed, body_mark=b"m", key_version=version))
        while True:
            try:
                self.settling(job, token, NOW)
            except Conflict:
                if not however_often:
                    raise
            else:
                return token

    @property
    def known(self) -> KnownProviders:
        return KnownProviders(self.providers, self.clock)

    @property
    def refresher(self) -> Refresher:
        return Refresher(
            tokens=self.jobs,
            renewals=self.renewals,
            providers=self.known,
            audit=Trail(self.table),
            now=self.clock,
            new_id=self.new_id,
        )

    @property
    def counter(self) -> Counter:
        return Counter(
            jobs=self.jobs,
            tokens=CurrentTokens(self.table),
            opener=self.sealer,
            refresher=self.refresher,
            audit=Trail(self.table),
            now=self.clock,
            new_id=self.new_id,
        )

    @property
    def settling(self) -> Settling:
        return Settling(jobs=self.jobs, providers=self.known, new_id=self.new_id)

    def parts(self) -> dict[str, Any]:
        outside = Outside(allow_private=True)
        return {
            "tokens": self.jobs,
            "sealer": self.sealer,
            "providers": TrustedProviders(self.known, self.sealer),
            "endpoints": OAuth(outside=outside, now=self.clock, new_id=self.new_id),
            "limits": Limits(self.table, now=self.clock, pause=self.pause, chance=lambda: 0.0),
        }

    def refresh(self, **changes: Any) -> Refresh:
        """Return the worker's step, with parts of it changed."""
        own = {"renewals": self.renewals, "now": self.clock, "pause": self.pause, "fact": self.facts}
        return Refresh(**{**self.parts(), **own, **changes})

    def worker(self, **changes: Any) -> Worker:
        return Worker(
            outcomes=self.jobs,
            leases=Leases(self.table),
            queue=WorkQueue(self.sqs, self.queue_url),
            refresh=self.refresh(**changes),
            revoke=Revocation(**self.parts()),
            settle=self.settling,
            reseal=lambda _: None,
            importing=lambda _: None,
            now=self.clock,
            chance=lambda: 0.0,
            owner="worker-a",
            fact=self.facts,
            failure=self.facts,
        )

    def token(self, token: Token) -> Token:
        return self.jobs.deposit(token.id).token

    def secret(self, token: Token) -> Secret:
        deposit = self.jobs.deposit(token.id)
        assert deposit.sealed is not None
        return Secret.from_bytes(self.sealer.open(deposit.sealed, deposit.token.place, token.id))

    def begin(self, token: Token) -> Job:
        job = self.refresher.begin(self.token(token), by=Who(principal=JANE))
        assert job is not None
        return job

    def job(self, job: Job) -> Job:
        return self.jobs.job(job.id)


def later_place(number: int) -> Any:
    return a_place(subject=f"{JANE}-{number}")


def in_seconds(token: Token) -> int:
    return (token.expires_at or 0) - NOW // SECOND
