"""Tokens that are settled together: killed before and after each write, each ends once, as it would alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chalicelib.model.clock import SECOND
from chalicelib.seal.keyring import Keyring
from chalicelib.seal.kms import KmsWrapper
from chalicelib.seal.sealer import Sealer
from chalicelib.store.branch_keys import BranchKeys
from chalicelib.store.items import current_to_item
from tests.chalicelib.examples import a_place, a_token, an_id
from tests.stack.scene import HER, Scene
from tests.stack.world import BY_STREAM, Fault, World, each_three_times

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.store.table import Table
    from devtool.testing import LiveCloud

NEW = range(1, 7)
BEHIND = 7
WRITES = 4
"""Of a batch of new tokens and one behind a newer one: the group, the rest of it, the one by itself, its end."""


@pytest.fixture
def scene(cloud: LiveCloud, table: Table, queue_url: str) -> Iterator[Scene]:
    world = World(cloud=cloud, table=table, queue_url=queue_url)
    keyring = Keyring(BranchKeys(table), KmsWrapper(cloud.client("kms"), cloud.key_id), lambda: world.now)
    yield Scene(world=world, sealer=Sealer(keyring))
    world.end()


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", range(1, WRITES + 1))
def test_killed_at_any_write_of_a_group_each_token_is_settled_once(scene: Scene, write: int, when: str) -> None:
    world = scene.world
    newer = a_token(99, place=a_place(provider=f"provider-{BEHIND}"), accepted_at=world.now + 900 * SECOND)
    world.table.put(current_to_item(newer))
    jobs = [scene.store(number) for number in (*NEW, BEHIND)]
    world.faults = [Fault(function="advance", die=(write, when))]

    world.live(*(job.id for job in jobs), until=world.now + BY_STREAM)

    assert len(world.deaths) == 1
    for job in jobs[:-1]:
        scene.has_its_effect_once(job)
    assert world.ends(an_id(BEHIND)) == ["SUCCEEDED"]
    assert world.jobs.job(an_id(BEHIND)).result == {"current": False}
    assert world.jobs.current(newer.place) == newer


@pytest.mark.slow
def test_of_a_batch_of_everything_three_times_each_token_is_settled_once(scene: Scene) -> None:
    scene.world.records_come = each_three_times
    jobs = [scene.store(number) for number in NEW]
    scene.world.faults = [Fault(function="advance", die=(1, "after"))]

    scene.world.live(*(job.id for job in jobs), until=scene.world.now + BY_STREAM)

    for job in jobs:
        scene.has_its_effect_once(job)


@pytest.mark.slow
def test_where_the_network_loses_a_groups_write_each_token_is_settled_by_itself(scene: Scene) -> None:
    jobs = [scene.store(number) for number in NEW]
    scene.world.faults = [Fault(function="advance", fail=1)]

    scene.world.live(*(job.id for job in jobs), until=scene.world.now + BY_STREAM)

    assert len(scene.world.failures) == 1
    for job in jobs:
        scene.has_its_effect_once(job)
        assert scene.counter.secret(HER, job.about_token, min_ttl=0)[1] == scene.secrets[job.id]
