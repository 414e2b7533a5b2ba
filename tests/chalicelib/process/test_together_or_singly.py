"""Batches settled together end as they would singly: the same table, the same failures, whatever is among them."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chalicelib.model.job import Type, first_job
from chalicelib.store import keys
from chalicelib.store.items import deposit_to_item, job_to_item
from tests.chalicelib.examples import HOOK, NOW, a_deposit, a_place, an_id
from tests.chalicelib.process.line import Line, Record, line_over, record
from tests.conftest import table_of_its_own

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor

    from chalicelib.model.deposit import Deposit
    from chalicelib.model.job import Job
    from chalicelib.process.handlers import Reporting
    from chalicelib.store.jobs import Jobs
    from chalicelib.store.table import Table
    from devtool.testing import LiveCloud


@dataclass(frozen=True)
class Came:
    """A token's history before the batch, and how it comes in it."""

    subject: int
    provider: str
    before: str
    comes: str


HISTORIES = ("new", "settled", "deleted", "settled and deleted", "claimed", "gone")
COMES = ("as it was", "twice", "poison", "its deletion", "claimed", "ended", "nothing to read", "of a later version")
tokens = st.lists(
    st.builds(
        Came,
        subject=st.integers(1, 4),
        provider=st.sampled_from(["google", "sap", "replacing"]),
        before=st.sampled_from(HISTORIES),
        comes=st.sampled_from(COMES),
    )
    | st.builds(
        Came, subject=st.integers(1, 40), provider=st.just("google"), before=st.just("new"), comes=st.just(COMES[0])
    ),
    min_size=1,
    max_size=14,
)


def deposit_of(number: int, came: Came) -> Deposit:
    if came.provider == "replacing":  # in one place alone: so revocations are made in one order, and have the same ids
        return a_deposit(number, place=a_place(provider="replacing"), has_refresh_token=True)
    return a_deposit(number, place=a_place(subject=f"subject-{came.subject}", provider=came.provider))


def happened(jobs: Jobs, table: Table, number: int, came: Came) -> Job:
    """Let a token's history happen, and return the job that would delete it."""
    deposit = deposit_of(number, came)
    deletion = first_job(an_id(number + 1_000), Type.REVOKE, deposit.token, requester=HOOK, now=NOW)
    assert jobs.accept(deposit) is None
    if "settled" in came.before:
        jobs.settle(deposit.job, deposit.token, NOW + 1)
    if "deleted" in came.before:
        jobs.revoke(deposit, deletion, NOW + 2)
    if came.before == "claimed":
        table.update(
            keys.job_key(deposit.job.id),
            "SET #status = :to, attempts = :one",
            names={"#status": "status"},
            to="IN_PROGRESS",
            one=1,
        )
    if came.before == "gone":
        table.delete(keys.job_key(deposit.job.id))
    return deletion


def records_of(number: int, came: Came, deletion: Job) -> Iterator[Record]:
    item = deposit_to_item(deposit_of(number, came))
    match came.comes:
        case "as it was":
            yield record(item, number)
        case "twice":
            yield record(item, number)
            yield record(item, number + 10_000)
        case "poison":
            yield record({**item, "status": "ASLEEP"}, number)
            yield record(item, number + 10_000)
        case "its deletion":
            yield record(item, number)
            yield record(job_to_item(deletion, ttl=NOW), number + 20_000)
        case "claimed":
            yield record({**item, "status": "IN_PROGRESS", "attempts": 1}, number)
        case "ended":
            yield record({**item, "status": "SUCCEEDED"}, number)
        case "nothing to read":
            yield {"dynamodb": {"SequenceNumber": str(number), "Keys": record(item, 1)["dynamodb"]["Keys"]}}
        case "of a later version":
            yield record({name: value for name, value in item.items() if name != "fingerprint"}, number)


def emptied(table: Table) -> None:
    for item in table._client.scan(TableName=table.name)["Items"]:
        table._client.delete_item(TableName=table.name, Key={"pk": item["pk"], "sk": item["sk"]})


def everything(table: Table) -> list[Any]:
    items = table._client.scan(TableName=table.name, ConsistentRead=True)["Items"]
    return sorted(items, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


def outcome(line: Line, table: Table, came: list[Came], shuffled: Callable[[list[Record]], list[Record]]) -> Any:
    """Return what a batch comes to: the table, the failures, the queue, and what was logged of each job."""
    emptied(table)
    line.facts.heard.clear()
    line.queue.jobs.clear()
    history = [happened(line.jobs, table, number, one) for number, one in enumerate(came, 1)]
    batch = [each for number, one in enumerate(came, 1) for each in records_of(number, one, history[number - 1])]
    reported = line(shuffled(batch))
    told = [fact for fact in line.facts.heard if not fact["event"].startswith("group.")]
    return (
        everything(table),
        sorted(one["itemIdentifier"] for one in reported["batchItemFailures"]),
        sorted(line.queue.jobs),
        sorted(map(str, told)),
    )


@pytest.mark.slow
def test_any_batch_ends_together_as_it_ends_singly(
    cloud: LiveCloud, table: Table, reporting: Reporting, pool: Executor
) -> None:
    with table_of_its_own(cloud) as other:
        together = line_over(table, reporting, pool, together=True)
        singly = line_over(other, reporting, pool, together=False)
        grouped: list[int] = []

        @settings(max_examples=40, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @given(came=tokens, order=st.integers(0, 1_000_000))
        def holds(came: list[Came], order: int) -> None:
            def shuffled(batch: list[Record]) -> list[Record]:
                return Random(order).sample(batch, len(batch))  # noqa: S311  an order, not a secret

            one, two = outcome(together, table, came, shuffled), outcome(singly, other, came, shuffled)
            assert one == two
            grouped.append(max(together.client.sizes, default=0))

        holds()
    assert max(grouped) > 9, "else nothing was settled together"
