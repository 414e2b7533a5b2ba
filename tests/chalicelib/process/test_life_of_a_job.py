"""Any order of claims, expiries, late writes, cancels, retries, sweeps and duplicates against a model of a job."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from chalicelib.errors import Conflict, IllegalTransition, LeaseLost, SealBroken, Unavailable
from chalicelib.intake.control import Control
from chalicelib.model.caller import Caller
from chalicelib.model.clock import SECOND
from chalicelib.model.job import LEASE, TRANSITIONS, Job, Status
from chalicelib.model.policy import Statement
from chalicelib.process.sweep import Sweep
from chalicelib.process.worker import Worker
from chalicelib.store import keys
from chalicelib.store.items import deposit_to_item, history_of
from chalicelib.store.jobs import Jobs
from chalicelib.store.leases import Leases
from chalicelib.store.open_jobs import OpenJobs
from tests.chalicelib.examples import NOW, Clock, Facts, a_deposit, a_revocation, alone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.store.table import Table

ADMIN = Caller(
    principal="root",
    statements=(Statement(effect="Allow", methods=("*",), paths=("/*",)),),
    expires_at=NOW // SECOND + 10**9,
)
ENDED = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)


class Flaky:
    """The real outcomes; erasing fails before its transaction as the test says, or dies after it."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs
        self.error: Exception | None = None

    def job(self, job_id: str) -> Job:
        return self.jobs.job(job_id)

    def deposit(self, token_id: str) -> Any:
        return self.jobs.deposit(token_id)

    def erase(self, revocation: Job, now: int, told: Mapping[str, object]) -> None:
        if self.error is not None:
            raise self.error
        self.jobs.erase(revocation, now, told)


class Queue:
    """A queue that keeps every message for ever: any of them may come again at any time."""

    def __init__(self) -> None:
        self.job_ids: list[str] = []

    def send(self, job_id: str, *, delay: int = 0) -> None:  # noqa: ARG002  any time is as good as another
        self.job_ids.append(job_id)


class LifeOfAJob(RuleBasedStateMachine):
    table: Table
    numbers = iter(range(1, 1_000_000))

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.queue, self.facts = Clock(), Queue(), Facts()
        self.jobs, self.leases = Jobs(self.table), Leases(self.table)
        self.outcomes = Flaky(self.jobs)
        self.pool = ThreadPoolExecutor(4)
        self.sleepers: list[Job] = []
        self.seen: list[Status] = [Status.PENDING]
        self.retries = 0
        number = next(self.numbers)
        deposit = a_deposit(2 * number)
        self.table.put(deposit_to_item(deposit))
        self.jobs.settle(deposit.job, deposit.token, NOW)
        self.token_id = deposit.token.id
        job = self.jobs.revoke(deposit, a_revocation(2 * number + 1, deposit.token), NOW)
        self.job_id = job.id

    def teardown(self) -> None:
        self.pool.shutdown()

    def job(self) -> Job:
        return self.jobs.job(self.job_id)

    def work(self, error: Exception | None) -> None:
        self.outcomes.error = error
        Worker(
            **alone(self.jobs),
            outcomes=self.outcomes,
            leases=self.leases,
            queue=self.queue,
            now=self.clock,
            chance=lambda: 0.5,
            owner="worker",
            fact=self.facts,
            failure=self.facts,
        ).work(self.job_id)

    @rule(error=st.sampled_from([None, Unavailable(), SealBroken(), ZeroDivisionError()]))
    def a_message_comes(self, error: Exception | None) -> None:
        self.work(error)

    @rule()
    def a_worker_claims_and_falls_asleep(self) -> None:
        held = self.leases.claim(self.job(), "sleeper", self.clock.now)
        if held is not None:
            self.sleepers.append(held)

    @precondition(lambda self: self.sleepers)
    @rule()
    def a_lease_runs_out_and_another_worker_claims(self) -> None:
        self.clock.now += LEASE
        self.a_worker_claims_and_falls_asleep()

    @precondition(lambda self: self.sleepers)
    @rule(data=st.data())
    def a_sleeper_wakes_up_and_writes(self, data: st.DataObject) -> None:
        sleeper = data.draw(st.sampled_from(self.sleepers[:2]))  # the oldest claims have slept longest
        write = data.draw(st.sampled_from(["renew", "wait", "end", "erase"]))
        before = self.job()
        still_its = before.status is Status.IN_PROGRESS and before.attempts == sleeper.attempts
        try:
            match write:
                case "renew":
                    self.leases.renew(sleeper, self.clock.now, {"done": 1})
                case "wait":
                    self.leases.wait(sleeper, self.clock.now + SECOND, self.clock.now, "unavailable")
                case "end":
                    self.leases.end(sleeper, Status.FAILED, self.clock.now, {"error": {"code": "x"}})
                case "erase":
                    self.jobs.erase(sleeper, self.clock.now, {})
        except LeaseLost:
            assert not still_its
            assert self.job() == before
        else:
            assert still_its

    @rule(seconds=st.sampled_from([1, 61, LEASE // SECOND, 301, 901, 40_000]))
    def time_passes(self, seconds: int) -> None:
        self.clock.pass_seconds(seconds)

    @rule()
    def the_sweep_runs(self) -> None:
        Sweep(
            index=OpenJobs(self.table),
            leases=self.leases,
            queue=self.queue,
            pool=self.pool,
            now=self.clock,
            fact=self.facts,
            failure=self.facts,
        ).run(until=self.clock.now + SECOND)

    @rule()
    def somebody_cancels(self) -> None:
        before = self.job().status
        try:
            Control(jobs=self.jobs, leases=self.leases, now=self.clock).cancel(ADMIN, self.job_id)
        except IllegalTransition:
            assert before in ENDED
        else:
            assert before not in ENDED

    @rule()
    def somebody_retries(self) -> None:
        before = self.job().status
        try:
            Control(jobs=self.jobs, leases=self.leases, now=self.clock).retry(ADMIN, self.job_id)
        except (IllegalTransition, Conflict):
            assert before is not Status.FAILED
        else:
            assert before is Status.FAILED
            self.retries += 1

    @invariant()
    def every_change_is_legal(self) -> None:
        item = self.table.get(keys.job_key(self.job_id))
        assert item is not None
        path = [Status(entry["status"]) for entry in history_of(item)]
        for before, after in pairwise(path):
            # PENDING → PENDING is the sweep sending again; IN_PROGRESS → IN_PROGRESS a claim after a lost lease.
            assert after in TRANSITIONS[before] or (before is after and after not in ENDED)
        assert path[: len(self.seen)] == self.seen
        self.seen = path

    @invariant()
    def the_effect_happens_with_success_and_only_with_it(self) -> None:
        erased = self.jobs.deposit(self.token_id).sealed is None
        assert erased == (self.job().status is Status.SUCCEEDED)

    @invariant()
    def an_ended_job_is_in_no_index_and_an_open_one_is(self) -> None:
        item = self.table.get(keys.job_key(self.job_id))
        assert item is not None
        assert ("open_shard" in item) == ("due_at" in item) == (item["status"] not in ENDED)

    @invariant()
    def attempts_stay_within_the_budgets(self) -> None:
        assert self.job().attempts <= self.job().allowed + len(self.sleepers)

    def ends(self) -> None:
        """Let time and the sweep do their work: whatever happened before, the job ends."""
        self.outcomes.error = None
        for _ in range(4):
            if self.job().status in ENDED:
                return
            self.clock.pass_seconds(86_401)
            self.the_sweep_runs()
        raise AssertionError(f"the job is still {self.job().status}")


@pytest.mark.slow
def test_no_order_of_events_reaches_an_illegal_state_or_a_second_effect(table: Table) -> None:
    class Life(LifeOfAJob):
        def teardown(self) -> None:
            self.ends()
            super().teardown()

    Life.table = table

    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
