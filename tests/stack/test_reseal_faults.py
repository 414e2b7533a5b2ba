"""A worker that re-seals is killed before and after each of its writes: the job ends, once, and every token opens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from chalicelib.model.clock import SECOND, SWEEP_PERIOD, SWEEP_RUN
from chalicelib.model.job import DISPATCH_GRACE, LEASE, Job, Status, Type, errand
from chalicelib.seal.envelope import key_version
from chalicelib.seal.keyring import SETTLED, Keyring
from chalicelib.seal.kms import KmsWrapper
from chalicelib.seal.sealer import Sealer
from chalicelib.store.branch_keys import BranchKeys, RotatedKeys
from tests.chalicelib.examples import an_id
from tests.stack.figures import show
from tests.stack.figures import table as as_table
from tests.stack.scene import HER, Scene
from tests.stack.world import BY_STREAM, Fault, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.model.branch_key import WrappedKey
    from chalicelib.store.table import Table
    from devtool.testing import LiveCloud

HERE = ("production", "shop")
LOST_WORKER = LEASE + SWEEP_PERIOD + SWEEP_RUN
LOST_REMINDER = DISPATCH_GRACE + SWEEP_PERIOD + SWEEP_RUN
TOKENS = 3
POINTS = [(number, when) for number in range(1, 20) for when in ("before", "after")]
WALK = 1 + TOKENS + 1
"""Writes of a walk: the claim, each token, the end. Tokens are written side by side, so that "after" one of them may be
after another as well, and nobody dies there."""


@dataclass(kw_only=True)
class Domain:
    """A domain with a few tokens, whose key is rotated again and again."""

    scene: Scene
    wrapper: KmsWrapper
    rotations: int = 0

    @property
    def world(self) -> World:
        return self.scene.world

    def keyring(self) -> Keyring:
        return Keyring(BranchKeys(self.world.table), self.wrapper, lambda: self.world.now)

    def rotate(self) -> Job:
        made: list[Job] = []
        self.rotations += 1

        def job_of(key: WrappedKey) -> Job:
            asked = {"environment": HERE[0], "domain": HERE[1], "version": key.version, "items": TOKENS}
            made.append(
                errand(an_id(500 + self.rotations), Type.RESEAL, requester="ops", now=self.world.now, asked=asked)
            )
            return made[0]

        store = RotatedKeys(BranchKeys(self.world.table), job_of)
        Keyring(store, self.wrapper, lambda: self.world.now).rotate(*HERE)
        return made[0]

    def is_sealed_anew(self, job: Job) -> None:
        """See that the job ended once, and that each token is under its version and opens."""
        assert self.world.ends(job.id) == ["SUCCEEDED"]
        assert job.input is not None
        self.scene.sealer = Sealer(self.keyring())
        for number in range(1, TOKENS + 1):
            sealed = self.world.jobs.deposit(an_id(number)).sealed
            assert sealed is not None
            assert key_version(sealed) == job.input["version"]
            assert self.scene.counter.secret(HER, an_id(number), min_ttl=0)[1] == self.scene.secrets[an_id(number)]
            assert self.world.ends(an_id(number)) == ["SUCCEEDED"]


@pytest.fixture
def domain(cloud: LiveCloud, table: Table, queue_url: str) -> Iterator[Domain]:
    world = World(cloud=cloud, table=table, queue_url=queue_url)
    wrapper = KmsWrapper(cloud.client("kms"), cloud.key_id)
    sealer = Sealer(Keyring(BranchKeys(table), wrapper, lambda: world.now))
    made = Domain(scene=Scene(world=world, sealer=sealer), wrapper=wrapper)
    for number in range(1, TOKENS + 1):
        made.scene.stored(number)
    yield made
    world.end()


def died(domain: Domain, function: str, point: tuple[int, str], job: Job, until: int) -> int | None:
    """Let the job go its way with a death at this point; return when it was, None without one."""
    world = domain.world
    before = len(world.deaths)
    world.faults = [Fault(function=function, die=point)]
    world.live(job.id, until=until)
    world.faults = []
    return world.deaths[before] if len(world.deaths) > before else None


@pytest.mark.slow
@pytest.mark.parametrize("function", ["advance", "work"])
def test_whoever_dies_before_the_walk_costs_it_some_minutes(
    domain: Domain, capsys: pytest.CaptureFixture[str], function: str
) -> None:
    rows, met = [], []
    for point in POINTS[:8]:
        job = domain.rotate()
        rotated, bound = domain.world.now, SETTLED + LOST_WORKER + BY_STREAM
        if died(domain, function, point, job, rotated + bound) is None:
            break
        met.append(point)
        took = domain.world.jobs.job(job.id).updated_at - rotated
        rows.append((f"{point[1]} write {point[0]} of {function}", took / SECOND, bound / SECOND))
        domain.is_sealed_anew(job)

    show(capsys, *as_table(("domain.reseal, from the rotation", "time to an end, s", "bound, s"), rows))
    assert len(met) == {"advance": 2, "work": 8}[function]


@pytest.mark.slow
def test_whoever_dies_within_the_walk_leaves_it_to_another(domain: Domain, capsys: pytest.CaptureFixture[str]) -> None:
    rows, met = [], []
    for point in POINTS[: 2 * WALK + 1]:
        job, world = domain.rotate(), domain.world
        while world.jobs.job(job.id).checkpoint is None:
            world.happen((job.id,))
        began = died(domain, "work", point, job, world.now + SETTLED + LOST_WORKER)
        domain.is_sealed_anew(job)
        if began is None:
            continue
        met.append(point)
        took = world.jobs.job(job.id).updated_at - began
        rows.append((f"{point[1]} write {point[0]} of the walk", took / SECOND, LOST_WORKER / SECOND))
        assert took <= LOST_WORKER

    show(capsys, *as_table(("domain.reseal, from the death", "time to an end, s", "bound, s"), rows))
    assert {*POINTS[: 2 * WALK : 2], (1, "after"), (WALK, "after")} <= set(met)
    assert (WALK + 1, "before") not in met


def test_a_walk_whose_reminder_is_lost_is_found_by_the_sweep(domain: Domain) -> None:
    job, world = domain.rotate(), domain.world
    while world.jobs.job(job.id).checkpoint is None:
        world.happen((job.id,))
    world.messages_come = lambda messages: []  # noqa: ARG005  the reminder
    world._take_in()
    world._messages.clear()
    world.messages_come = list

    world.live(job.id, until=world.now + SETTLED + LOST_REMINDER)

    assert world.jobs.job(job.id).status is Status.SUCCEEDED
    domain.is_sealed_anew(job)
