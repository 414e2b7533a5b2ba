"""A world in which tokens are handed in, deleted and collected, and what a job's effect is, seen from outside."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.collect.read import Counter
from chalicelib.errors import TokenRevoked
from chalicelib.model.clock import SECOND
from chalicelib.model.deposit import Deposit
from chalicelib.model.imports import file_key, line_id
from chalicelib.model.job import Type, first_job
from chalicelib.model.token import Secret
from chalicelib.store import keys
from chalicelib.store.files import Files
from chalicelib.store.imports import Imports
from chalicelib.store.tokens import CurrentTokens
from chalicelib.store.trail import Trail
from chalicelib.wiring import system
from tests.chalicelib.examples import HOOK, JANE, NOW, NobodyRefreshes, a_place, a_token, an_id
from tests.chalicelib.model.test_caller import caller
from tests.chalicelib.process.many import a_file, a_request
from tests.stack.world import BY_STREAM

if TYPE_CHECKING:
    from chalicelib.model.job import Job
    from chalicelib.model.token import Token
    from chalicelib.seal.sealer import Sealer
    from tests.stack.world import World

IMPORTED = 60
"""Lines of an import: more than two transactions take."""

HER = caller(JANE, "consumer")


@dataclass(kw_only=True)
class Scene:
    """A world, and what hands tokens in, out and back in it."""

    world: World
    sealer: Sealer
    secrets: dict[str, Secret] = field(default_factory=dict)

    @property
    def counter(self) -> Counter:
        table = self.world.table
        return Counter(
            jobs=self.world.jobs,
            tokens=CurrentTokens(table),
            opener=self.sealer,
            refresher=NobodyRefreshes(),
            audit=Trail(table),
            now=self._now,
            new_id=system.new_id,
        )

    def _now(self) -> int:
        return self.world.now

    def store(self, number: int, provider: str | None = None, lifetime: int = 0) -> Job:
        """Hand a token in as the intake does."""
        now = self.world.now
        place = a_place(provider=provider or f"provider-{number}")
        token = a_token(number, place=place, accepted_at=now + number, expires_at=NOW // SECOND + 10_000_000)
        secret = Secret(access_token=f"invented-{number}", refresh_token=None, extra={})
        sealed, version = self.sealer.seal(secret.to_bytes(), token.place, token.id)
        job = first_job(token.id, Type.STORE, token, requester=HOOK, now=now)
        deposit = Deposit(job=job, token=token, sealed=sealed, body_mark=b"m", key_version=version)
        assert self.world.jobs.accept(deposit) is None
        self.secrets[token.id] = secret
        return self._lasting(job, lifetime)

    def delete(self, number: int, lifetime: int = 0) -> Job:
        """Delete a stored token as its owner does."""
        deposit = self.world.jobs.deposit(an_id(number))
        job = first_job(an_id(number + 10_000), Type.REVOKE, deposit.token, requester=JANE, now=self.world.now)
        self.world.jobs.revoke(deposit, job, self.world.now)
        return self._lasting(job, lifetime)

    def bring(self, number: int) -> Job:
        """Accept an import of `IMPORTED` lines, of which two are refused, as the reception does.

        Each brings tokens of the same places, newer than those of the one before.
        """
        self.sealer.keyring.current("default", "default")  # its making is none of the import's writes
        world, content = self.world, a_file(IMPORTED, refused=(5, 31))
        files = Files(world.cloud.client("s3"), world.bucket)
        source = files.write(file_key(HOOK, an_id(number)), content)
        request = a_request(source, number + 20_000, now=world.now + 100 * number)
        assert Imports(world.table).accept(request) is None
        return request.job

    def begin(self, job_type: Type, number: int) -> Job:
        """Begin a job of a type; of a deletion, the token is stored."""
        begins = {Type.STORE: self.store, Type.REVOKE: self.delete, Type.IMPORT: self.bring}
        return begins[job_type](number)

    def stored(self, number: int) -> None:
        """Hand a token in and let it settle, before anything is lost or dies."""
        self.world.live(self.store(number).id, until=self.world.now + BY_STREAM)

    def _lasting(self, job: Job, lifetime: int) -> Job:
        if lifetime:
            end = self.world.now + lifetime
            self.world.table.update(keys.job_key(job.id), "SET deadline_at = :end", end=end)
        return job

    def token(self, job: Job) -> Token:
        return self.world.jobs.deposit(job.token_id).token

    def has_its_effect_once(self, job: Job) -> None:
        """See that a job succeeded once, that its effect is there, and that the table's stream tells of it once."""
        assert self.world.ends(job.id) == ["SUCCEEDED"]
        if job.type is Type.IMPORT:
            self._imported_once(job)
            return
        token_id = job.about_token
        if job.type is Type.STORE:
            token = self.token(job)
            assert self.counter.secret(HER, token_id, min_ttl=0) == (token, self.secrets[token_id])
            assert self.counter.current_secret(HER, token.place, min_ttl=0) == (token, self.secrets[token_id])
            assert sum(makes_current(record, token_id) for record in self.world.stream) == 1
        else:
            with pytest.raises(TokenRevoked):
                self.counter.secret(HER, token_id, min_ttl=0)
            assert self.world.jobs.deposit(token_id).sealed is None
            assert sum(erases(record, token_id) for record in self.world.stream) == 1

    def _imported_once(self, job: Job) -> None:
        result = self.world.jobs.job(job.id).result
        assert result is not None
        assert (result["lines"], result["stored"], result["refused"]) == (IMPORTED, IMPORTED - 2, 2)
        for line in set(range(1, IMPORTED + 1)) - {5, 31}:
            token_id = line_id(job.id, line)
            deposit = self.world.jobs.deposit(token_id)
            assert self.world.ends(token_id) == ["SUCCEEDED"]
            plain = self.sealer.open(deposit.sealed or b"", deposit.token.place, token_id)
            assert Secret.from_bytes(plain).access_token == f"invented-{line}"
            assert sum(is_stored(record, token_id) for record in self.world.stream) == 1
            current = self.world.jobs.current(deposit.token.place)
            assert current is not None
            assert current.accepted_at >= deposit.token.accepted_at
            assert sum(makes_current(record, token_id) for record in self.world.stream) <= 1


def is_stored(record: dict[str, Any], job_id: str) -> bool:
    change = record["dynamodb"]
    is_its = change["Keys"] == {"pk": {"S": f"JOB#{job_id}"}, "sk": {"S": "JOB"}}
    return is_its and "NewImage" in change and "OldImage" not in change


def makes_current(record: dict[str, Any], token_id: str) -> bool:
    image = record["dynamodb"].get("NewImage", {})
    return (image.get("kind"), image.get("token_id")) == ({"S": "current"}, {"S": token_id})


def erases(record: dict[str, Any], token_id: str) -> bool:
    change = record["dynamodb"]
    is_its = change["Keys"]["pk"] == {"S": f"JOB#{token_id}"}
    return is_its and "sealed" in change.get("OldImage", {}) and "sealed" not in change["NewImage"]
