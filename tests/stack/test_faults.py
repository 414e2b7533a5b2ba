"""Whatever dies, every job ends: once, with its effect once, within the bound of docs/architecture.md.

Each handler is killed before and after each of its writes in turn; records and messages are lost, doubled, reversed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.model.clock import SECOND, SWEEP_PERIOD, SWEEP_RUN
from chalicelib.model.job import BUDGETS, DISPATCH_GRACE, LEASE, Type
from chalicelib.model.overdue import RESEND
from chalicelib.model.retry import FIRST_BACKOFF
from chalicelib.seal.keyring import Keyring
from chalicelib.seal.kms import KmsWrapper
from chalicelib.seal.sealer import Sealer
from chalicelib.store.branch_keys import BranchKeys
from tests.chalicelib.examples import a_place, an_id
from tests.stack.figures import show
from tests.stack.figures import table as as_table
from tests.stack.scene import HER, Scene, makes_current
from tests.stack.world import BY_STREAM, Fault, World, backwards, each_three_times, none_of_it

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from chalicelib.model.job import Job
    from chalicelib.store.table import Table
    from devtool.testing import LiveCloud

AN_HOUR = 3_600 * SECOND
SWEPT = SWEEP_PERIOD + SWEEP_RUN

LOST_RECORD = DISPATCH_GRACE + SWEPT
LOST_MESSAGE = RESEND + SWEPT
LOST_WORKER = LEASE + SWEPT
LOST_REMINDER = FIRST_BACKOFF + DISPATCH_GRACE + SWEPT
"""How long after the fault a job has ended at the latest (microseconds): the rows of docs/architecture.md."""


@pytest.fixture
def scene(cloud: LiveCloud, table: Table, queue_url: str, bucket: str) -> Iterator[Scene]:
    world = World(cloud=cloud, table=table, queue_url=queue_url, bucket=bucket)
    keyring = Keyring(BranchKeys(table), KmsWrapper(cloud.client("kms"), cloud.key_id), lambda: world.now)
    yield Scene(world=world, sealer=Sealer(keyring))
    world.end()


@dataclass(frozen=True, kw_only=True)
class Path:
    """A way that a job goes, and the function that is killed on it: each of its writes, and the bound behind it."""

    type: Type
    function: str
    bounds: Mapping[tuple[int, str], int]
    loses_records: bool = False
    fail: int | None = None


BEFORE, AFTER = "before", "after"
SWEEPING = {(1, BEFORE): SWEPT, (1, AFTER): LOST_MESSAGE, (2, BEFORE): LOST_MESSAGE, (2, AFTER): LOST_MESSAGE}
WORKING = {(1, AFTER): LOST_WORKER, (2, BEFORE): LOST_WORKER, (2, AFTER): 0}
PATHS = {
    "token.store, settled by the stream": Path(
        type=Type.STORE, function="advance", bounds={(1, BEFORE): BY_STREAM, (1, AFTER): 0}
    ),
    "token.store, record lost, sent by the sweep": Path(
        type=Type.STORE, function="sweep", bounds=SWEEPING, loses_records=True
    ),
    "token.store, record lost, done by the worker": Path(
        type=Type.STORE, function="work", bounds={(1, BEFORE): LOST_MESSAGE, **WORKING}, loses_records=True
    ),
    "token.revoke, queued by the stream": Path(
        type=Type.REVOKE, function="advance", bounds={(1, BEFORE): BY_STREAM, (1, AFTER): BY_STREAM}
    ),
    "token.revoke, record lost, sent by the sweep": Path(
        type=Type.REVOKE, function="sweep", bounds=SWEEPING, loses_records=True
    ),
    "token.revoke, done by the worker": Path(
        type=Type.REVOKE, function="work", bounds={(1, BEFORE): LOST_RECORD, **WORKING}
    ),
    "token.revoke, put off by the worker": Path(
        type=Type.REVOKE,
        function="work",
        fail=2,
        bounds={
            (1, BEFORE): LOST_RECORD,
            (1, AFTER): LOST_WORKER,
            (2, BEFORE): LOST_WORKER,
            (3, BEFORE): LOST_WORKER,
            (3, AFTER): LOST_REMINDER,
            (4, BEFORE): LOST_REMINDER,
            (4, AFTER): LOST_REMINDER,
        },
    ),
    "token.import, queued by the stream": Path(
        type=Type.IMPORT, function="advance", bounds={(1, BEFORE): BY_STREAM, (1, AFTER): BY_STREAM}
    ),
    "token.import, record lost, sent by the sweep": Path(
        type=Type.IMPORT, function="sweep", bounds=SWEEPING, loses_records=True
    ),
    "token.import, done by the worker": Path(
        type=Type.IMPORT,
        function="work",
        bounds={
            (1, BEFORE): LOST_RECORD,
            (1, AFTER): LOST_WORKER,
            # The count, the refused lines, three transactions; then the end, and the file.
            **{(write, when): LOST_WORKER for write in range(2, 7) for when in (BEFORE, AFTER)},
            (7, BEFORE): LOST_WORKER,
            **dict.fromkeys(((7, AFTER), (8, BEFORE), (8, AFTER)), 0),
        },
    ),
}
"""Of `put off`, there is no (2, after): the network loses the second write, and the attempt is put off by the third."""


@pytest.mark.slow
@pytest.mark.parametrize("name", PATHS)
def test_a_handler_killed_before_or_after_any_of_its_writes_costs_no_job_anything_but_time(
    scene: Scene, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = PATHS[name]
    rows, met = [], set()
    number, write = 1, 0
    while write == len({point[0] for point in met}):  # until no write is left to die at
        write += 1
        for when in (BEFORE, AFTER):
            job, took = _killed_at(scene, path, number, (write, when))
            number += 1
            if took is None:
                continue
            met.add((write, when))
            bound = path.bounds[write, when]
            rows.append((f"{when} write {write} of {path.function}", took / SECOND, bound / SECOND))
            assert took <= bound
            scene.has_its_effect_once(job)

    show(capsys, *as_table((name, "time to an end, s", "bound, s"), rows))
    assert met == set(path.bounds)


def _killed_at(scene: Scene, path: Path, number: int, point: tuple[int, str]) -> tuple[Job, int | None]:
    """Let a job go its way with a death at this point; return how long after it the job ended, None without a death."""
    world = scene.world
    if path.type is Type.REVOKE:
        scene.stored(number)
    came, world.records_come = world.records_come, none_of_it if path.loses_records else world.records_come
    world.faults = [Fault(function=path.function, die=point, fail=path.fail)]
    died_before = len(world.deaths)
    job = scene.begin(path.type, number)
    world.live(job.id, until=world.now + AN_HOUR)
    world.records_come = came
    world.faults = []
    deaths = world.deaths[died_before:]
    return job, world.jobs.job(job.id).updated_at - deaths[0] if deaths else None


@pytest.mark.parametrize("job_type", [Type.STORE, Type.REVOKE, Type.IMPORT])  # others have tests of their own
def test_a_job_whose_stream_records_are_all_lost_is_found_by_the_sweep(
    scene: Scene, capsys: pytest.CaptureFixture[str], job_type: Type
) -> None:
    scene.stored(1)
    scene.world.records_come = none_of_it
    began = scene.world.now

    job = scene.begin(job_type, 1 if job_type is Type.REVOKE else 2)
    scene.world.live(job.id, until=began + LOST_RECORD)

    took = scene.world.jobs.job(job.id).updated_at - began
    show(capsys, f"{job_type}, every record lost: {took / SECOND:.0f} s, bound {LOST_RECORD / SECOND:.0f} s")
    scene.has_its_effect_once(job)


@pytest.mark.parametrize("deliver", [each_three_times, backwards])
def test_what_comes_three_times_or_backwards_is_done_once_and_the_newest_wins(
    scene: Scene, deliver: Callable[[list[Any]], list[Any]]
) -> None:
    scene.world.records_come = scene.world.messages_come = deliver
    stored = [scene.store(number, provider="google") for number in range(1, 11)]
    deleted = [scene.delete(number) for number in (3, 6)]
    both = [job.id for job in (*stored, *deleted)]

    scene.world.live(*both, until=scene.world.now + BY_STREAM)

    assert {job.id: scene.world.ends(job.id) for job in stored} == {
        job.id: ["CANCELLED" if job.id in (an_id(3), an_id(6)) else "SUCCEEDED"] for job in stored
    }
    for job in deleted:
        scene.has_its_effect_once(job)
    newest = stored[-1]
    current = scene.world.jobs.current(a_place(provider="google"))
    assert current is not None
    assert current.id == newest.id
    assert scene.counter.secret(HER, newest.id, min_ttl=0)[1] == scene.secrets[newest.id]
    for number in range(1, 11):
        assert sum(makes_current(record, an_id(number)) for record in scene.world.stream) <= 1


def test_a_job_for_which_nothing_ever_works_fails_in_time_and_can_be_sent_round_again(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    world = scene.world
    scene.stored(1)
    world.messages_come = none_of_it
    began, bound = world.now, AN_HOUR + SWEPT

    job = scene.delete(1, lifetime=AN_HOUR)
    world.live(job.id, until=began + bound)

    failed = world.jobs.job(job.id)
    took = failed.updated_at - began
    show(capsys, f"token.revoke, every message lost: {took / SECOND:.0f} s, bound {bound / SECOND:.0f} s")
    assert world.ends(job.id) == ["FAILED"]
    assert failed.error == {"code": "deadline_exceeded", "message": "The job did not end within its time."}

    world.messages_come = list
    assert world.leases.retry(failed, world.now, allowed=12, deadline_at=world.now + AN_HOUR)
    world.live(job.id, until=world.now + BY_STREAM)
    assert world.ends(job.id) == ["FAILED", "SUCCEEDED"]
    assert world.jobs.deposit(an_id(1)).sealed is None


@pytest.mark.slow
def test_a_job_whose_workers_all_die_fails_when_it_was_begun_as_often_as_it_may_be(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    world, most = scene.world, BUDGETS[Type.REVOKE].attempts
    scene.stored(1)
    world.faults = [Fault(function="work", die=(1, AFTER)) for _ in range(1_000)]
    began, bound = world.now, most * LOST_WORKER

    job = scene.delete(1)
    world.live(job.id, until=began + bound)

    failed = world.jobs.job(job.id)
    took, deaths = failed.updated_at - began, len(world.deaths)
    told = f"token.revoke, each of its {deaths} workers killed: {took / SECOND:.0f} s, bound {bound / SECOND:.0f} s"
    show(capsys, told)
    assert (failed.attempts, world.ends(job.id)) == (12, ["FAILED"])
    assert deaths >= 12, "also those die whose claim came too early"
    assert failed.error is not None
    assert failed.error["code"] == "worker_lost"
    assert world.jobs.deposit(an_id(1)).sealed is not None
