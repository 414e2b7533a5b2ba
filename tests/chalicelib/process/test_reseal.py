"""The job that re-seals, over a real table and real keys: what it finds, what it leaves, where it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from chalicelib.errors import KeyGone, LeaseLost, Throttled
from chalicelib.model.clock import SECOND
from chalicelib.model.deposit import Deposit
from chalicelib.model.job import LEASE, Job, Status, Type, errand, first_job
from chalicelib.model.provider import sealed_under
from chalicelib.process.reseal import RUN, Reseal
from chalicelib.seal.envelope import key_version
from chalicelib.seal.keyring import KEEP_SECONDS, SETTLED
from chalicelib.seal.kms import KmsWrapper
from chalicelib.seal.sealer import Sealer
from chalicelib.store import keys
from chalicelib.store.branch_keys import BranchKeys, RotatedKeys
from chalicelib.store.endings import LOGGED_ATTEMPTS
from chalicelib.store.jobs import Jobs
from chalicelib.store.leases import Leases
from chalicelib.store.providers import Providers
from chalicelib.store.records import read_record
from chalicelib.store.sealed_items import SealedItems
from tests.chalicelib.examples import HOOK, NOW, Clock, Facts, a_place, a_token, an_id
from tests.chalicelib.model.test_renewal import provider
from tests.chalicelib.seal.counting import a_process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor

    from chalicelib.model.sealed import SealedItem
    from chalicelib.process.worker import Worker
    from chalicelib.store.table import Table
    from devtool.testing import LiveCloud

HERE = ("production", "shop")
JOB = an_id(9_999)


@dataclass
class Bench:
    """A table with a domain's keys, a worker that re-seals there, and a clock."""

    table: Table
    worker: Worker
    reseal: Reseal
    kms: KmsWrapper
    clock: Clock
    facts: Facts

    @property
    def jobs(self) -> Jobs:
        return Jobs(self.table)

    def process(self) -> Sealer:
        """Return the sealer of a new process."""
        return Sealer(a_process(self.table, self.kms, self.clock))

    def store(self, number: int, by: Sealer, **changes: str) -> Job:
        token = a_token(number, place=a_place(provider=f"p{number}", **changes), accepted_at=self.clock.now + number)
        sealed, version = by.seal(f"secret-{number}".encode(), token.place, token.id)
        job = first_job(token.id, Type.STORE, token, requester=HOOK, now=self.clock.now)
        self.jobs.accept(Deposit(job=job, token=token, sealed=sealed, body_mark=b"m", key_version=version))
        return job

    def rotate(self, place: tuple[str, str] = HERE, items: int = 0) -> Job:
        made: list[Job] = []

        def job_of(key: Any) -> Job:
            asked = {"environment": place[0], "domain": place[1], "version": key.version, "items": items}
            made.append(errand(JOB, Type.RESEAL, requester="ops", now=self.clock.now, asked=asked))
            return made[-1]

        keyring = a_process(self.table, self.kms, self.clock)
        keyring._store = RotatedKeys(BranchKeys(self.table), job_of)
        keyring.rotate(*place)
        return made[0]

    def work(self, times: int = 1) -> Job:
        """Let the worker do the job's message so often, each when its wait is over."""
        for _ in range(times):
            self.clock.now = max(self.clock.now, self.job.not_before)
            self.worker.work(JOB)
        return self.job

    @property
    def job(self) -> Job:
        return self.jobs.job(JOB)

    def version(self, number: int) -> int:
        sealed = self.jobs.deposit(an_id(number)).sealed
        assert sealed is not None
        return key_version(sealed)

    def opened(self, number: int, by: Sealer) -> bytes:
        deposit = self.jobs.deposit(an_id(number))
        assert deposit.sealed is not None
        return by.open(deposit.sealed, deposit.token.place, deposit.token.id)


@pytest.fixture
def bench(  # noqa: PLR0917  its parts are fixtures
    table: Table, worker: Worker, cloud: LiveCloud, key_id: str, clock: Clock, facts: Facts, pool: Executor
) -> Bench:
    kms = KmsWrapper(cloud.client("kms"), key_id)
    reseal = Reseal(
        items=SealedItems(table),
        leases=Leases(table),
        sealer=Sealer(a_process(table, kms, clock)),
        settled=SETTLED,
        pool=pool,
        now=clock,
        pause=lambda _: None,
        fact=facts,
        failure=facts,
    )
    return Bench(table, replace(worker, reseal=reseal), reseal, kms, clock, facts)


def using(bench: Bench, **changes: Any) -> None:
    """Give the worker another part."""
    bench.worker = replace(bench.worker, reseal=replace(bench.reseal, **changes))


def test_it_waits_until_nobody_seals_with_the_old_version_and_then_seals_anew(bench: Bench) -> None:
    sealer = bench.process()
    for number in range(1, 12):
        bench.store(number, sealer)
    bench.store(50, sealer, domain="other")
    bench.rotate(items=100)

    waiting = bench.work()
    assert (waiting.status, waiting.not_before) == (Status.PENDING, NOW + SETTLED)
    assert waiting.progress == {"done": 0, "total": 100, "note": "begins at 2027-01-15T08:07:00.000Z"}
    bench.worker.work(JOB)
    assert bench.job == waiting, "a message that comes early changes nothing"

    done = bench.work()
    assert (done.status, done.result) == (Status.SUCCEEDED, {"resealed": 11, "version": 2, "unopened": 0})
    assert [bench.version(number) for number in range(1, 12)] == [2] * 11
    assert bench.version(50) == 1
    assert bench.opened(7, bench.process()) == b"secret-7"


def test_what_a_process_that_has_not_noticed_seals_at_its_last_moment_is_sealed_anew_too(bench: Bench) -> None:
    stale = bench.process()
    bench.store(1, stale)
    bench.rotate()
    bench.work()
    bench.clock.now = NOW + KEEP_SECONDS * SECOND - 1
    bench.store(2, stale)
    bench.clock.now += 1
    bench.store(3, stale)
    assert [bench.version(number) for number in (1, 2, 3)] == [1, 1, 2]

    done = bench.work()

    assert done.result == {"resealed": 2, "version": 2, "unopened": 0}
    assert [bench.version(number) for number in (1, 2, 3)] == [2, 2, 2]


def test_the_wait_is_longer_than_a_key_is_kept_and_a_function_may_run() -> None:
    assert SETTLED >= (KEEP_SECONDS + 60 + 30) * SECOND


def test_credentials_of_providers_are_sealed_anew_with_the_default_domain(bench: Bench) -> None:
    place, sealed_id = sealed_under(provider().name)
    sealed, _ = bench.process().seal(b"credential", place, sealed_id)
    Providers(bench.table).put(provider(), sealed, None)
    bench.rotate(("default", "default"))

    assert bench.work(2).result == {"resealed": 1, "version": 2, "unopened": 0}

    found = Providers(bench.table).get(provider().name)
    assert found is not None
    assert found[1] is not None
    assert key_version(found[1]) == 2
    assert bench.process().open(found[1], place, sealed_id) == b"credential"


@dataclass
class Meeting:
    """The real items; before one is replaced, something else happens to it."""

    inner: SealedItems
    happens: Callable[[SealedItem], object]

    def page(self, *arguments: Any) -> Any:
        return self.inner.page(*arguments)

    def replace(self, item: SealedItem, sealed: bytes) -> bool:
        self.happens(item)
        return self.inner.replace(item, sealed)


def test_a_refresh_or_a_deletion_that_is_faster_wins(bench: Bench) -> None:
    sealer = bench.process()
    for number in (1, 2, 3):
        bench.store(number, sealer)
    bench.rotate()
    bench.work()
    refreshed, _ = bench.process().seal(b"fresher", a_place(provider="p1"), an_id(1))

    def happens(item: SealedItem) -> None:
        if item.id == an_id(1):
            bench.table.update(item.key, "SET sealed = :sealed", sealed=refreshed)
        if item.id == an_id(2):
            bench.table.update(item.key, "REMOVE sealed")

    using(bench, items=Meeting(SealedItems(bench.table), happens))

    assert bench.work().result == {"resealed": 1, "version": 2, "unopened": 0}
    assert bench.opened(1, bench.process()) == b"fresher"
    assert bench.jobs.deposit(an_id(2)).sealed is None


def test_a_token_that_is_still_pending_is_settled_once_and_no_watcher_hears_of_the_new_form(
    bench: Bench, jobs: Jobs
) -> None:
    job = bench.store(1, bench.process())
    old = bench.table.get(keys.job_key(job.id))
    bench.rotate()
    bench.work(2)
    new = bench.table.get(keys.job_key(job.id))

    change = read_record({"dynamodb": {"NewImage": _image(new), "OldImage": _image(old)}})

    assert change is not None
    assert change.is_visible is False  # type: ignore[union-attr]
    assert new == {**old, "sealed": new["sealed"]}
    token = jobs.deposit(job.id).token
    assert jobs.settle(job, token, NOW) is Status.SUCCEEDED
    assert jobs.settle(job, token, NOW) is None, "the record of the new form finds it settled"


def _image(item: Mapping[str, Any]) -> Any:
    from chalicelib.store.attributes import to_attributes  # noqa: PLC0415

    return to_attributes(item)


def test_one_that_does_not_open_is_counted_and_costs_the_others_nothing(bench: Bench) -> None:
    sealer = bench.process()
    for number in range(1, 6):
        bench.store(number, sealer)
    sealed = bench.jobs.deposit(an_id(3)).sealed
    assert sealed is not None
    altered = sealed[:-1] + bytes([sealed[-1] ^ 1])
    bench.table.update(keys.job_key(an_id(3)), "SET sealed = :altered", altered=altered)
    bench.rotate()

    assert bench.work(2).result == {"resealed": 4, "version": 2, "unopened": 1}
    assert bench.facts.heard[-2] == {"event": "reseal.unopened", "error": "SealBroken", "token": an_id(3)}
    assert bench.jobs.deposit(an_id(3)).sealed == altered


def test_behind_a_shredding_nothing_comes_back_under_another_key(bench: Bench) -> None:
    worker = bench.reseal.sealer
    bench.store(1, worker)
    bench.rotate()
    bench.clock.now = bench.work().not_before
    bench.opened(1, worker)
    worker.keyring.version(*HERE, 2)  # its memory holds both versions
    BranchKeys(bench.table).shred(*HERE, bench.clock.now)
    bench.process().keyring.current(*HERE)

    ended = bench.work()

    assert bench.version(1) == 2, "never under version 4, which came afterwards"
    assert ended.status is Status.SUCCEEDED
    with pytest.raises(KeyGone):
        bench.opened(1, bench.process())


def test_a_job_whose_version_was_shredded_fails_and_says_so(bench: Bench) -> None:
    bench.store(1, bench.process())
    bench.rotate()
    BranchKeys(bench.table).shred(*HERE, bench.clock.now)

    ended = bench.work()

    assert (ended.status, (ended.error or {})["code"]) == (Status.FAILED, "key_gone")


# Going on where it was -----------------------------------------------------------------------------------


class Slow(Clock):
    """A clock that moves on at each look."""

    def __call__(self) -> int:
        self.now += SECOND
        return self.now


def test_it_gives_the_job_back_after_its_time_and_goes_on_from_there_without_using_up_attempts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.store.sealed_items.PAGE_ITEMS", 3)
    sealer = bench.process()
    for number in range(1, 101):
        bench.store(number, sealer)
    bench.rotate()
    bench.work()
    slow = Slow(bench.clock.now)
    using(bench, now=slow)

    seen, runs = [], 0
    while bench.job.is_open:
        began = slow.now = bench.clock.now = max(slow.now, bench.clock.now, bench.job.not_before)
        job = bench.work()
        runs += 1
        assert slow.now - began <= RUN + 12 * SECOND, "one item of each segment more, at the most"
        if job.is_open:
            assert (job.status, job.allowed - job.attempts) == (Status.PENDING, 12)
            assert job.progress is not None
            seen.append(job.progress["done"])

    assert runs > 3
    assert seen == sorted(seen)
    assert bench.job.result == {"resealed": 100, "version": 2, "unopened": 0}
    assert bench.job.attempts == runs + 1
    assert [bench.version(number) for number in range(1, 101)] == [2] * 100


def test_a_run_that_dies_leaves_its_last_checkpoint_and_a_full_budget(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.store.sealed_items.PAGE_ITEMS", 2)
    sealer = bench.process()
    for number in range(1, 41):
        bench.store(number, sealer)
    bench.rotate()
    bench.work()
    replaced = []

    def dies(item: SealedItem) -> None:
        replaced.append(item)
        if len(replaced) == 20:
            raise KeyboardInterrupt

    using(bench, items=Meeting(SealedItems(bench.table), dies), now=Slow(bench.clock.now))
    with pytest.raises(KeyboardInterrupt):
        bench.work()
    held = bench.job
    assert held.status is Status.IN_PROGRESS
    assert held.checkpoint is not None
    assert 0 < held.checkpoint["resealed"] < 20
    assert held.allowed == held.attempts + 12

    bench.clock.now = held.lease_until
    using(bench)
    done = bench.work()

    assert done.status is Status.SUCCEEDED
    assert held.checkpoint["resealed"] < (done.result or {})["resealed"] <= 40, "what died uncounted stays uncounted"
    assert [bench.version(number) for number in range(1, 41)] == [2] * 40


def test_trouble_with_the_table_puts_the_job_off_by_the_failures_in_a_row_not_by_its_attempts(bench: Bench) -> None:
    bench.store(1, bench.process())
    bench.rotate()
    bench.work()
    bench.table.update(keys.job_key(JOB), "SET attempts = :many, allowed = :more", many=500, more=512)

    def throttled(_: SealedItem) -> None:
        raise Throttled

    using(bench, items=Meeting(SealedItems(bench.table), throttled))
    first = bench.work()

    assert (first.status, first.attempts) == (Status.PENDING, 501)
    assert first.not_before - bench.clock.now == SECOND, "half of the first back-off"
    for _ in range(11):
        bench.work()
    assert (bench.job.status, bench.job.attempts) == (Status.FAILED, 512)


def test_one_that_is_cancelled_stops_at_its_next_word(bench: Bench) -> None:
    sealer = bench.process()
    for number in range(1, 30):
        bench.store(number, sealer)
    bench.rotate()
    bench.work()

    def cancel(_: SealedItem) -> None:
        job = bench.job
        if job.is_open:
            Leases(bench.table).end_as_seen(job, Status.CANCELLED, bench.clock.now, {"result": {}})

    using(bench, items=Meeting(SealedItems(bench.table), cancel))
    ended = bench.work()

    assert ended.status is Status.CANCELLED
    assert bench.facts.events[-1] == "lease.lost"


def test_the_history_of_a_job_of_thousands_of_runs_stays_small(bench: Bench) -> None:
    bench.rotate()
    leases, job = Leases(bench.table), bench.job
    for _ in range(3 * LOGGED_ATTEMPTS):
        held = leases.claim(job, "worker-a", NOW)
        assert held is not None
        leases.pause(held, NOW, NOW, {"done": 1, "total": 1, "note": ""}, {"left": [0]})
        job = bench.job

    item = bench.table.get(keys.job_key(JOB))

    assert item is not None
    assert 1 < len(item["history"]) <= 2 * LOGGED_ATTEMPTS
    assert (job.attempts, job.allowed) == (150, 162)


def test_a_lease_that_was_lost_can_neither_be_paused_nor_renewed(bench: Bench) -> None:
    bench.rotate()
    leases = Leases(bench.table)
    first = leases.claim(bench.job, "worker-a", NOW)
    assert first is not None
    assert leases.claim(bench.job, "worker-b", NOW + LEASE) is not None

    with pytest.raises(LeaseLost):
        leases.pause(first, NOW, NOW, {"done": 1, "total": 1, "note": ""}, {"left": []})
    with pytest.raises(LeaseLost):
        leases.renew(first, NOW, {"done": 1, "total": 1, "note": ""}, {"left": []})
    assert bench.job.checkpoint is None
