"""The table's client over the wire, and every foreign error as ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from chalicelib.errors import CloakroomError, Misconfigured, Throttled, Unavailable
from chalicelib.store.table import (
    CONTENDED_TRIES,
    TRANSLATIONS,
    ConditionFailed,
    Contended,
    Table,
    TransactionCancelled,
    translate,
)
from tests.chalicelib.aws.both import KINDS, dynamodb_client
from tests.chalicelib.examples import an_id
from tests.conftest import table_of_its_own

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtool.testing import LiveCloud

KEY = {"pk": "a", "sk": "a"}
ABSENT = "attribute_not_exists(pk)"
OPERATIONS = ("GetItem", "BatchGetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "TransactWriteItems")


def answer(code: str, status: int = 400, **more: Any) -> dict[str, Any]:
    quoted = {"Code": code, "Message": "MARKER of an item"}
    return {"Error": quoted, "ResponseMetadata": {"HTTPStatusCode": status}, **more}


def cancelled(*codes: str) -> dict[str, Any]:
    return answer("TransactionCanceledException", CancellationReasons=[{"Code": code} for code in codes])


@pytest.fixture(params=KINDS)
def table(request: pytest.FixtureRequest, cloud: LiveCloud) -> Iterator[Table]:
    with table_of_its_own(cloud, request.param) as made:
        yield made


def test_what_is_put_is_got_and_deleted(table: Table) -> None:
    table.put({**KEY, "n": 1})

    assert table.get(KEY) == {**KEY, "n": 1}
    assert table.get(KEY, consistent=False) == {**KEY, "n": 1}
    assert table.delete(KEY) == {**KEY, "n": 1}
    assert table.get(KEY) is None
    assert table.delete(KEY) is None


def test_a_failed_condition_brings_what_stood_in_its_way(table: Table) -> None:
    table.put({**KEY, "n": 1}, condition=ABSENT)

    with pytest.raises(ConditionFailed) as refused:
        table.put({**KEY, "n": 2}, condition=ABSENT)

    assert refused.value.item == {**KEY, "n": 1}
    assert table.get(KEY) == {**KEY, "n": 1}


def test_a_failed_condition_on_nothing_brings_none(table: Table) -> None:
    with pytest.raises(ConditionFailed) as refused:
        table.update(KEY, "SET n = :n", condition="attribute_exists(pk)", n=1)

    assert refused.value.item is None


def test_a_reserved_name_stands_behind_a_hash(table: Table) -> None:
    table.put({**KEY, "status": "PENDING"})

    table.update(
        KEY, "SET #status = :to", condition="#status = :is", names={"#status": "status"}, to="DONE", **{"is": "PENDING"}
    )

    assert table.get(KEY) == {**KEY, "status": "DONE"}


def test_a_transaction_does_all_or_nothing_and_says_which_condition_failed(table: Table) -> None:
    table.put({**KEY, "n": 1})
    other = {"pk": "b", "sk": "b"}

    with pytest.raises(TransactionCancelled) as refused:
        table.transact([table.put_operation(other), table.put_operation({**KEY, "n": 2}, condition=ABSENT)])

    assert refused.value.failed == [False, True]
    assert refused.value.items == [None, {**KEY, "n": 1}]
    assert table.get(other) is None


def test_binaries_come_back_as_they_were_written_wherever_they_stand(table: Table) -> None:
    whole = {**KEY, "sealed": bytes(range(256)), "inner": {"key": b""}, "listed": [b"\xff", "text", 1, True]}
    table.put(whole)

    with pytest.raises(TransactionCancelled) as refused:
        table.transact([table.put_operation(KEY, condition=ABSENT)])
    scanned, looked_at, _ = table.scan(FilterExpression="pk = :pk", values={":pk": "a"})
    changed = table.update_returning(KEY, "SET n = :n", condition="sealed = :sealed", n=1, sealed=whole["sealed"])

    assert table.get(KEY) == {**whole, "n": 1}
    assert table.get_many([KEY]) == [{**whole, "n": 1}]
    assert refused.value.items == [whole]
    assert (scanned, looked_at) == ([whole], 1)
    assert changed == {**whole, "n": 1}


def test_a_transaction_of_each_kind_of_write_is_done(table: Table) -> None:
    for name in ("changed", "deleted"):
        table.put({"pk": name, "sk": "a", "n": 1})

    table.transact(
        [
            table.put_operation({"pk": "put", "sk": "a", "sealed": b"\x00"}, condition=ABSENT),
            table.update_operation({"pk": "changed", "sk": "a"}, "SET n = n + :n", condition="n = :n", n=1),
            table.delete_operation({"pk": "deleted", "sk": "a"}, condition="n = :n", n=1),
        ]
    )

    found = table.get_many([{"pk": name, "sk": "a"} for name in ("put", "changed", "deleted")], consistent=True)
    assert sorted(found, key=lambda item: item["pk"]) == [
        {"pk": "changed", "sk": "a", "n": 2},
        {"pk": "put", "sk": "a", "sealed": b"\x00"},
    ]


def test_a_table_says_roughly_how_many_items_it_holds(table: Table) -> None:
    table.put(KEY)

    assert table.count_roughly() in (0, 1)


def test_a_query_pages(table: Table) -> None:
    for number in range(3):
        table.put({"pk": "a", "sk": str(number)})

    first, more = table.query(KeyConditionExpression="pk = :pk", values={":pk": "a"}, Limit=2)
    rest, end = table.query(KeyConditionExpression="pk = :pk", values={":pk": "a"}, ExclusiveStartKey=more)

    assert [item["sk"] for item in first + rest] == ["0", "1", "2"]
    assert end is None


def test_many_items_are_got_at_once_whatever_their_number(table: Table) -> None:
    wanted = [{"pk": an_id(number), "sk": "x"} for number in range(205)]
    for key in wanted[::2]:
        table.put(key)

    found = table.get_many(wanted)

    assert sorted(item["pk"] for item in found) == sorted(str(key["pk"]) for key in wanted[::2])
    assert table.get_many([]) == []


class Stingy:
    """Answer every batch with less than was asked for."""

    def __init__(self, name: str, *, gives: int) -> None:
        self.asked: list[int] = []
        self._name = name
        self._gives = gives

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803  boto3's name
        keys = RequestItems[self._name]["Keys"]
        self.asked.append(len(keys))
        left = {self._name: {"Keys": keys[self._gives :]}} if keys[self._gives :] else {}
        return {"Responses": {self._name: keys[: self._gives]}, "UnprocessedKeys": left}


def test_what_a_batch_leaves_out_is_asked_for_again() -> None:
    stingy = Stingy("t", gives=2)

    found = Table(stingy, "t").get_many([{"pk": str(number), "sk": "x"} for number in range(5)])

    assert [item["pk"] for item in found] == ["0", "1", "2", "3", "4"]
    assert stingy.asked == [5, 3, 1]


def test_a_table_that_will_not_give_all_is_throttled_not_silently_short() -> None:
    with pytest.raises(Throttled):
        Table(Stingy("t", gives=1), "t").get_many([{"pk": str(number), "sk": "x"} for number in range(5)])


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_that_is_not_there_is_misconfigured(kind: str, cloud: LiveCloud) -> None:
    with pytest.raises(Misconfigured, match="the table answered ResourceNotFoundException"):
        Table(dynamodb_client(kind, cloud.endpoint), "no-such-table").get(KEY)


@pytest.mark.parametrize(("kind", "why"), [("boto3", "EndpointConnectionError"), ("ours", "ConnectionRefusedError")])
def test_a_table_that_does_not_answer_is_unavailable(kind: str, why: str) -> None:
    nobody = Table(dynamodb_client(kind, "http://127.0.0.1:9"), "any")

    with pytest.raises(Unavailable, match=f"the table did not answer: {why}"):
        nobody.get(KEY)


def test_an_item_beyond_400_kb_is_refused_without_quoting_it(table: Table) -> None:
    with pytest.raises(Misconfigured) as refused:
        table.put({**KEY, "big": "MARKER" * 100_000})

    assert "MARKER" not in str(refused.value)


@pytest.mark.parametrize(("code", "kind"), TRANSLATIONS.items())
def test_every_code_is_translated_and_nothing_of_its_message_repeated(code: str, kind: type[CloakroomError]) -> None:
    error = translate(answer(code))

    assert type(error) is kind
    assert str(error) == f"the table answered {code}"


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [("NewServerError", 500, Unavailable), ("NewServerError", 503, Unavailable), ("NewFault", 400, Misconfigured)],
)
def test_a_code_that_nobody_knows_is_judged_by_its_status(code: str, status: int, kind: type[CloakroomError]) -> None:
    assert type(translate(answer(code, status))) is kind


def test_an_answer_without_a_code_is_named_by_its_status() -> None:
    assert str(translate({"ResponseMetadata": {"HTTPStatusCode": 502}})) == "the table answered 502"


@pytest.mark.parametrize(
    ("reasons", "kind"),
    [
        (("None", "ConditionalCheckFailed"), TransactionCancelled),
        (("TransactionConflict", "ConditionalCheckFailed"), TransactionCancelled),
        (("TransactionConflict", "None"), Contended),
        (("ThrottlingError", "None"), Throttled),
        (("ProvisionedThroughputExceeded", "None"), Throttled),
        (("ValidationError", "None"), Misconfigured),
        (("ItemCollectionSizeLimitExceeded",), Misconfigured),
        ((), Misconfigured),
    ],
)
def test_a_cancelled_transaction_is_judged_by_its_reasons(reasons: tuple[str, ...], kind: type[CloakroomError]) -> None:
    assert type(translate(cancelled(*reasons))) is kind


def test_every_error_of_the_operations_that_we_call_has_its_translation() -> None:
    """botocore's model lists what each operation may answer: a new one must be thought about."""
    client = boto3.client("dynamodb", region_name="us-east-1", endpoint_url="http://127.0.0.1:9")
    model = client.meta.service_model
    shapes = {shape.name for operation in OPERATIONS for shape in model.operation_model(operation).error_shapes}

    assert shapes - set(TRANSLATIONS) == {"ConditionalCheckFailedException", "TransactionCanceledException"}


class Contending:
    """The real client, but each item is in another transaction's hands for the first `times` writes."""

    def __init__(self, inner: Any, times: int) -> None:
        self.inner, self.left, self.writes = inner, times, 0

    def __getattr__(self, operation: str) -> Any:
        def ask(**arguments: Any) -> Any:
            self.writes += 1
            if self.left:
                self.left -= 1
                is_transaction = operation == "transact_write_items"
                code = "TransactionCanceledException" if is_transaction else "TransactionConflictException"
                reasons = {"CancellationReasons": [{"Code": "TransactionConflict"}]} if is_transaction else {}
                raise ClientError({"Error": {"Code": code}, **reasons}, operation)
            return getattr(self.inner, operation)(**arguments)

        return ask


@pytest.mark.parametrize("operation", ["put", "transact"])
def test_a_write_that_meets_another_transaction_is_tried_again_after_a_growing_pause(
    cloud: LiveCloud, table: Table, operation: str
) -> None:
    pauses: list[float] = []
    client = Contending(cloud.client("dynamodb"), times=CONTENDED_TRIES - 1)
    contended = Table(client, table.name, pause=pauses.append)

    if operation == "put":
        contended.put(KEY)
    else:
        contended.transact([contended.put_operation(KEY)])

    assert table.get(KEY) == KEY
    assert client.writes == CONTENDED_TRIES
    assert all(0 <= pause < 0.02 * 2**attempt for attempt, pause in enumerate(pauses))


def test_a_write_that_goes_on_meeting_others_is_given_up_as_throttled(cloud: LiveCloud, table: Table) -> None:
    contended = Table(Contending(cloud.client("dynamodb"), times=99), table.name, pause=lambda _: None)

    with pytest.raises(Throttled):
        contended.put(KEY)
