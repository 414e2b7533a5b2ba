"""Settling many tokens in one transaction: as each by itself, whatever is in the way of some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from msgspec.structs import replace

from chalicelib.errors import CloakroomError, Throttled, Unavailable
from chalicelib.intake.bodies import LARGEST_BODY, LONGEST_METADATA_NAME, LONGEST_METADATA_VALUE, LONGEST_SCOPE
from chalicelib.model.settlement import MOST_TOGETHER, Settlement
from chalicelib.store import keys
from chalicelib.store.attributes import to_attributes
from chalicelib.store.items import current_to_item, deposit_to_item
from chalicelib.store.jobs import Jobs
from chalicelib.store.settling_together import WRITES, settle_together
from chalicelib.store.table import Table
from chalicelib.store.trail import Trail
from devtool.meter import item_size
from tests.app.service import as_in_an_event
from tests.chalicelib.examples import JANE, NOW, a_deposit, a_place, a_revocation, an_id
from tests.chalicelib.watched import Watched, cancelled, keys_of, refusing
from tests.conftest import table_of_its_own

if TYPE_CHECKING:
    from chalicelib.model.deposit import Deposit
    from devtool.testing import LiveCloud

MOST_BYTES = 4 * 1_024 * 1_024
"""What DynamoDB takes in a transaction."""


@pytest.fixture
def client(table: Table) -> Watched:
    return Watched(table._client)


@pytest.fixture
def jobs(table: Table, client: Watched) -> Jobs:
    return Jobs(Table(client, table.name, pause=lambda _: None))


def of_its_own(number: int, **changes: Any) -> Deposit:
    """Return a deposit in a place that no other number has."""
    return a_deposit(number, place=a_place(subject=f"subject-{number}"), **changes)


def accepted(jobs: Jobs, *numbers: int) -> list[Settlement]:
    """Accept deposits in places of their own, and return what settles them."""
    deposits = [of_its_own(number) for number in numbers]
    for deposit in deposits:
        assert jobs.accept(deposit) is None
    return [Settlement(job=deposit.job, token=deposit.token) for deposit in deposits]


def everything(table: Table) -> list[Any]:
    items = table._client.scan(TableName=table.name, ConsistentRead=True)["Items"]
    return sorted(items, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


def test_33_are_settled_by_one_transaction_as_each_would_be_by_itself(
    cloud: LiveCloud, table: Table, jobs: Jobs, client: Watched
) -> None:
    wanted = accepted(jobs, *range(1, 34))
    wanted[3] = replace(wanted[3], refresh_at=NOW)

    ends = jobs.settle_together(wanted, NOW + 99)

    assert ends == {an_id(number): "SUCCEEDED" for number in range(1, 34)}
    assert client.sizes == [99]
    with table_of_its_own(cloud) as other:
        singly = Jobs(other)
        for one, number in zip(accepted(singly, *range(1, 34)), range(1, 34), strict=True):
            singly.settle(one.job, one.token, NOW + 99, NOW if number == 4 else None)
        assert everything(table) == everything(other)


def test_settled_again_they_have_ended_and_nothing_changes(table: Table, jobs: Jobs, client: Watched) -> None:
    wanted = accepted(jobs, *range(1, 34))
    jobs.settle_together(wanted, NOW)
    before = everything(table)

    ends = jobs.settle_together(wanted, NOW + 99)

    assert ends == dict.fromkeys((an_id(number) for number in range(1, 34)), None)
    assert everything(table) == before
    assert client.sizes == [99, 99], "once, as it would cost by itself"


def test_one_that_was_settled_before_is_told_from_the_rest_which_are_settled(jobs: Jobs, client: Watched) -> None:
    wanted = accepted(jobs, 1, 2, 3)
    jobs.settle(wanted[1].job, wanted[1].token, NOW)

    ends = jobs.settle_together(wanted, NOW + 99)

    assert ends == {an_id(1): "SUCCEEDED", an_id(2): None, an_id(3): "SUCCEEDED"}
    assert client.sizes == [3, 9, 6]
    assert jobs.job(an_id(2)).updated_at == NOW


def test_one_that_is_gone_from_the_table_has_ended(table: Table, jobs: Jobs) -> None:
    wanted = accepted(jobs, 1, 2, 3)
    table.delete(keys.job_key(an_id(2)))

    assert jobs.settle_together(wanted, NOW)[an_id(2)] is None
    assert table.get(keys.job_key(an_id(2))) is None


def test_one_behind_a_newer_token_is_left_and_the_rest_are_settled(jobs: Jobs, client: Watched) -> None:
    wanted = accepted(jobs, 1, 2, 3)
    newer = a_deposit(9, place=wanted[1].token.place)
    jobs.accept(newer)
    jobs.settle(newer.job, newer.token, NOW)

    ends = jobs.settle_together(wanted, NOW)

    assert ends == {an_id(1): "SUCCEEDED", an_id(3): "SUCCEEDED"}
    assert jobs.job(an_id(2)) == wanted[1].job
    assert jobs.current(wanted[1].token.place) == newer.token
    assert client.sizes == [3, 9, 6]


def test_one_that_was_deleted_before_is_left_to_be_cancelled(jobs: Jobs) -> None:
    wanted = accepted(jobs, 1, 2, 3)
    jobs.revoke(of_its_own(2), a_revocation(12, wanted[1].token), NOW)

    ends = jobs.settle_together(wanted, NOW)

    assert ends == {an_id(1): "SUCCEEDED", an_id(3): "SUCCEEDED"}
    assert jobs.job(an_id(2)).status == "PENDING"
    assert jobs.settle(wanted[1].job, wanted[1].token, NOW) == "CANCELLED"


def test_one_that_is_deleted_at_the_same_moment_is_left(jobs: Jobs, client: Watched, table: Table) -> None:
    wanted = accepted(jobs, 1, 2, 3)

    def delete_first(_: object) -> None:
        client.before = lambda _: None
        Jobs(table).revoke(of_its_own(2), a_revocation(12, wanted[1].token), NOW)

    client.before = delete_first

    assert jobs.settle_together(wanted, NOW) == {an_id(1): "SUCCEEDED", an_id(3): "SUCCEEDED"}
    assert jobs.deposit(an_id(2)).token.revoked_at == NOW
    current = jobs.current(wanted[1].token.place)
    assert current is not None
    assert current.revoked_at == NOW


@pytest.mark.parametrize(
    "code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "ValidationError"]
)
@pytest.mark.parametrize("touched", ["JOB", "SUBJECT"])
def test_one_that_meets_something_else_is_left_at_once_and_the_rest_are_settled(
    jobs: Jobs, client: Watched, code: str, touched: str
) -> None:
    wanted = accepted(jobs, 1, 2, 3)
    partition = keys.job_key(an_id(2))["pk"] if touched == "JOB" else keys.current_key(wanted[1].token.place)["pk"]
    client.before = refusing(str(partition), code=code)

    ends = jobs.settle_together(wanted, NOW)

    assert ends == {an_id(1): "SUCCEEDED", an_id(3): "SUCCEEDED"}
    assert client.sizes == [9, 6]
    assert jobs.job(an_id(2)) == wanted[1].job


def test_a_rest_that_meets_somebody_too_is_left_and_not_tried_a_third_time(jobs: Jobs, client: Watched) -> None:
    wanted = accepted(jobs, 1, 2, 3, 4)
    client.before = lambda operations: _refuse(keys_of(operations)[0], operations)

    assert jobs.settle_together(wanted, NOW) == {}
    assert client.sizes == [12, 9]
    assert [jobs.job(one.job.id) for one in wanted] == [one.job for one in wanted]


def _refuse(partition: str, operations: list[dict[str, Any]]) -> None:
    raise cancelled(["TransactionConflict" if one == partition else None for one in keys_of(operations)])


def test_a_refusal_that_names_nobody_leaves_all_and_is_not_tried_without_end(jobs: Jobs, client: Watched) -> None:
    wanted = accepted(jobs, 1, 2, 3)

    def before(operations: list[dict[str, Any]]) -> None:
        raise cancelled([None for _ in operations])

    client.before = before

    assert jobs.settle_together(wanted, NOW) == {}
    assert client.sizes == [9, 9]


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (ClientError({"Error": {"Code": "ThrottlingException"}}, "TransactWriteItems"), Throttled),
        (EndpointConnectionError(endpoint_url="https://nowhere.example"), Unavailable),
    ],
)
def test_what_concerns_the_whole_request_is_raised(
    jobs: Jobs, client: Watched, error: Exception, raised: type[CloakroomError]
) -> None:
    wanted = accepted(jobs, 1, 2, 3)

    def before(_: object) -> None:
        raise error

    client.before = before

    with pytest.raises(raised):
        jobs.settle_together(wanted, NOW)
    assert client.sizes == [9]


def test_after_a_lost_answer_each_of_them_has_ended(table: Table, jobs: Jobs, client: Watched) -> None:
    wanted = accepted(jobs, 1, 2, 3)

    def lose(_: object) -> None:
        client.after = lambda _: None
        raise EndpointConnectionError(endpoint_url="https://nowhere.example")

    client.after = lose
    with pytest.raises(Unavailable):
        jobs.settle_together(wanted, NOW)
    before = everything(table)

    assert jobs.settle_together(wanted, NOW + 99) == dict.fromkeys((an_id(1), an_id(2), an_id(3)))
    assert everything(table) == before


def test_what_shares_an_item_is_never_named_twice_by_a_transaction(jobs: Jobs, client: Watched) -> None:
    first, second = accepted(jobs, 1, 2)
    same_job = replace(second, job=first.job)
    same_place = replace(first, job=second.job)
    # Names that ours are never made of, and whose keys are the same all the same.
    invented = [
        replace(first, job=replace(first.job, id=an_id(number)), token=replace(first.token, place=place))
        for number, place in (
            (7, a_place(environment="a#b", domain="c", subject=JANE)),
            (8, a_place(environment="a", domain="b#c", subject=JANE)),
        )
    ]

    ends = jobs.settle_together([first, same_job, same_place, *invented], NOW)

    assert ends == {an_id(1): "SUCCEEDED", an_id(7): None}
    assert all(len(set(keys_of(operations))) == len(operations) for operations in client.transactions)


def test_33_of_the_largest_tokens_fit_a_transaction(table: Table) -> None:
    wide = "\U0001f511"  # four bytes, as the longest character has
    metadata = {
        f"{number:02}{wide * (LONGEST_METADATA_NAME - 2)}": wide * LONGEST_METADATA_VALUE for number in range(16)
    }
    scope = wide * LONGEST_SCOPE
    rest = LARGEST_BODY - len((scope + str(metadata)).encode())
    largest = replace(of_its_own(1, scope=scope, metadata=metadata), sealed=bytes(rest + 1_024))
    entry = Trail(table).stored(largest.job, largest.token, NOW, current=True)["Put"]["Item"]

    size = sum(
        item_size(as_in_an_event(item))
        for item in (to_attributes(deposit_to_item(largest)), to_attributes(current_to_item(largest.token)), entry)
    )

    assert size > LARGEST_BODY
    assert MOST_TOGETHER * WRITES <= 100
    assert MOST_TOGETHER * (size + 4_096) < MOST_BYTES, "with whatever else is known of who handed it in"


def test_the_store_asks_for_as_many_writes_as_it_reads_answers(table: Table) -> None:
    client = Watched(table._client)
    jobs = Jobs(Table(client, table.name))
    (one,) = accepted(jobs, 1)

    settle_together(Table(client, table.name), [one], NOW, trail=Trail(table))

    assert client.sizes == [WRITES]
