"""The pump over the wire: real streams, real functions, in a MiniStack of its own."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING

from devtool.pump.reader import lane_of
from devtool.testing import wait_for

if TYPE_CHECKING:
    from devtool.emulator import Emulator
    from tests.devtool.pump.bench import Bench

REPORTS = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}


def test_a_function_gets_records_as_lambda_writes_them(bench: Bench) -> None:
    bench.map(bench.function())
    pump = bench.start()

    bench.put("a", 1, blob={"B": b"\x00\xff"}, names={"SS": ["x"]})

    assert pump.settle(10)
    ((record,),) = bench.batches()
    assert record["eventName"] == "INSERT"
    assert record["eventSource"] == "aws:dynamodb"
    assert record["eventSourceARN"] == bench.stream
    assert record["dynamodb"]["Keys"] == {"pk": {"S": "a"}, "sk": {"N": "1"}}
    assert record["dynamodb"]["NewImage"]["blob"] == {"B": "AP8="}
    assert record["dynamodb"]["NewImage"]["names"] == {"SS": ["x"]}
    assert abs(record["dynamodb"]["ApproximateCreationDateTime"] - time.time()) < 60
    assert record["dynamodb"]["SequenceNumber"].isdigit()


def test_what_was_written_before_the_pump_began_is_delivered_too(bench: Bench) -> None:
    bench.map(bench.function())
    bench.put("a", 1)

    assert bench.start().settle(10)

    assert bench.numbers() == [[1]]


def test_what_is_written_while_it_is_held_is_delivered_when_it_goes_on(bench: Bench) -> None:
    bench.map(bench.function())
    pump = bench.start()
    bench.put("a", 1)
    assert pump.settle(10)  # its process runs now, so that the next one would be delivered in a moment

    pump.hold()
    bench.put("a", 2)
    time.sleep(0.5)
    held = bench.numbers()
    pump.go_on()

    assert held == [[1]]
    assert pump.settle(10)
    assert bench.numbers() == [[1], [2]]


def test_a_pump_that_goes_on_from_now_never_tells_what_was_written_before(bench: Bench) -> None:
    bench.map(bench.function())
    pump = bench.start()
    assert pump.settle(10)

    pump.hold()
    bench.put("a", 1)
    pump.go_on(from_now=True)
    bench.put("a", 2)

    assert pump.settle(10)
    assert bench.numbers() == [[2]]


def test_only_records_that_pass_the_filters_are_delivered(bench: Bench) -> None:
    job = {"dynamodb": {"NewImage": {"$or": [{"kind": {"S": ["job"]}}, {"kind": {"S": [{"prefix": "w"}]}}]}}}
    bench.map(bench.function(), FilterCriteria={"Filters": [{"Pattern": json.dumps(job)}]})
    pump = bench.start()

    for number, kind in enumerate(("job", "token", "watch", "other")):
        bench.put("a", number, kind={"S": kind})

    assert pump.settle(10)
    assert [number for batch in bench.numbers() for number in batch] == [0, 2]


def test_batches_are_no_larger_than_asked(bench: Bench) -> None:
    bench.map(bench.function(), BatchSize=3)
    for number in range(7):
        bench.put("a", number)

    assert bench.start().settle(10)

    assert [number for batch in bench.numbers() for number in batch] == list(range(7))
    assert max(len(batch) for batch in bench.numbers()) == 3


def test_a_window_gathers_records_that_come_one_by_one(bench: Bench) -> None:
    bench.map(bench.function(), MaximumBatchingWindowInSeconds=1)
    pump = bench.start()

    for number in range(3):
        bench.put("a", number)
        time.sleep(0.15)

    assert pump.settle(10)
    assert bench.numbers() == [[0, 1, 2]]


def test_a_reported_failure_brings_back_that_record_and_what_follows(bench: Bench) -> None:
    bench.map(bench.function(), MaximumRetryAttempts=0, **REPORTS)
    for number in range(6):
        bench.put("a", number, **({"fail_once": {"BOOL": True}} if number == 2 else {}))

    assert bench.start().settle(10)

    assert bench.numbers() == [[0, 1, 2, 3, 4, 5], [2, 3, 4, 5]]


def test_a_poison_record_is_isolated_and_told_to_the_failure_queue(bench: Bench) -> None:
    url, arn = bench.queue()
    function = bench.function()
    bench.map(
        function,
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": arn}},
        **REPORTS,
    )
    for number in range(4):
        bench.put("a", number, **({"raise": {"BOOL": True}} if number == 1 else {}))

    assert bench.start().settle(15)

    assert bench.numbers() == [[0, 1, 2, 3], [0, 1], [0], [1], [1], [2, 3]]
    message = bench.await_message(url)
    poison = bench.batches()[3][0]["dynamodb"]["SequenceNumber"]
    assert message["requestContext"]["functionArn"] == function
    assert message["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert message["requestContext"]["approximateInvokeCount"] == 2
    assert message["DDBStreamBatchInfo"]["startSequenceNumber"] == poison
    assert message["DDBStreamBatchInfo"]["endSequenceNumber"] == poison
    assert message["DDBStreamBatchInfo"]["batchSize"] == 1
    assert message["DDBStreamBatchInfo"]["streamArn"] == bench.stream
    assert "poison" not in json.dumps(message)


def test_records_that_grew_too_old_are_given_up(bench: Bench) -> None:
    url, arn = bench.queue()
    bench.map(
        bench.function(),
        MaximumRecordAgeInSeconds=1,
        DestinationConfig={"OnFailure": {"Destination": arn}},
    )
    pump = bench.start()

    bench.put("a", 1, **{"raise": {"BOOL": True}})

    assert pump.settle(10)
    assert set(map(tuple, bench.numbers())) == {(1,)}
    assert bench.await_message(url)["requestContext"]["condition"] == "RecordAgeExceeded"


def test_lanes_keep_each_keys_order_and_pass_by_a_stuck_one(bench: Bench) -> None:
    bench.map(bench.function(), ParallelizationFactor=10, BatchSize=1)
    pump = bench.start()

    bench.put("stuck", 0, **{"raise": {"BOOL": True}})
    for number in range(4):
        for key in ("a", "b", "c", "d", "e"):
            bench.put(key, number)

    def delivered() -> list[tuple[str, int]]:
        keys = [record["dynamodb"]["Keys"] for batch in bench.batches() for record in batch]
        return [(key["pk"]["S"], int(key["sk"]["N"])) for key in keys if key["pk"]["S"] != "stuck"]

    free = [key for key in "abcde" if lane(key) != lane("stuck")]
    wait_for(lambda: {number for key, number in delivered() if key in free} == {0, 1, 2, 3})
    wait_for(lambda: len([1 for key, _ in delivered() if key in free]) == 4 * len(free))
    for key in free:
        assert [number for name, number in delivered() if name == key] == [0, 1, 2, 3]
    assert pump.pending > 0


def lane(key: str) -> int:
    return lane_of({"dynamodb": {"Keys": {"pk": {"S": key}}}}, "pk", 10)


def test_an_expired_item_is_removed_by_the_service_and_a_deleted_one_is_not(bench: Bench) -> None:
    bench.tables.update_time_to_live(
        TableName=bench.name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    )
    bench.map(bench.function())
    pump = bench.start()
    now = int(time.time())
    bench.put("expired", 1, ttl={"N": str(now - 10)})
    bench.put("good", 2, ttl={"N": str(now + 1000)})
    bench.put("ancient", 3, ttl={"N": str(now - 6 * 365 * 86_400)})
    bench.put("deleted", 4)

    assert pump.expire_now() == 1
    bench.tables.delete_item(TableName=bench.name, Key={"pk": {"S": "deleted"}, "sk": {"N": "4"}})

    assert pump.settle(10)
    removed = {
        record["dynamodb"]["Keys"]["pk"]["S"]: record.get("userIdentity")
        for batch in bench.batches()
        for record in batch
        if record["eventName"] == "REMOVE"
    }
    service = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    assert removed == {"expired": service, "deleted": None}


def test_a_killed_worker_costs_no_record_its_retries(bench: Bench, engine: Emulator) -> None:
    bench.map(bench.function(PAUSE="0.6"), MaximumRetryAttempts=0)
    pump = bench.start()

    bench.put("a", 1)
    wait_for(lambda: bench.numbers() == [[1]])
    (worker,) = [pid for pid, command in engine.workers().items() if bench.name in command]
    os.kill(worker, signal.SIGKILL)

    assert pump.settle(10)
    assert bench.numbers() == [[1], [1]]


def test_a_throttled_function_is_tried_until_it_runs(bench: Bench) -> None:
    function = bench.function()
    bench.map(function, MaximumRetryAttempts=0)
    bench.functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    pump = bench.start()

    bench.put("a", 1)
    assert not pump.settle(0.7)
    bench.functions.delete_function_concurrency(FunctionName=function)

    assert pump.settle(10)
    assert bench.numbers() == [[1]]


def test_a_doubled_mapping_delivers_once_and_two_functions_each_get_all(bench: Bench) -> None:
    function = bench.function()
    bench.map(function)
    bench.map(function)
    bench.map(bench.function("other"))

    bench.put("a", 1)

    assert bench.start().settle(10)
    assert bench.numbers() == [[1]]
    assert bench.numbers("other") == [[1]]


def test_the_emulators_own_poller_stays_out_of_it(bench: Bench) -> None:
    uuid = bench.map(bench.function())
    bench.functions.update_event_source_mapping(UUID=uuid, Enabled=True)
    pump = bench.start()
    bench.put("a", 1)
    assert pump.settle(10)
    pump.stop(drain_seconds=5)

    bench.put("a", 2)
    time.sleep(1.5)

    assert bench.numbers() == [[1]]
    assert bench.functions.get_event_source_mapping(UUID=uuid)["State"] == "Disabled"


def test_a_clean_stop_delivers_what_is_queued(bench: Bench) -> None:
    bench.map(bench.function(PAUSE="0.05"), BatchSize=1)
    pump = bench.start()
    for number in range(10):
        bench.put("a", number)

    left = pump.stop(drain_seconds=10)

    assert left == 0
    assert [number for batch in bench.numbers() for number in batch] == list(range(10))


def test_a_stop_is_bounded_and_counts_what_it_leaves_behind(bench: Bench) -> None:
    bench.map(bench.function())
    pump = bench.start()
    bench.put("a", 1, **{"raise": {"BOOL": True}})
    wait_for(lambda: pump.pending == 1)

    began = time.monotonic()
    left = pump.stop(drain_seconds=0.5)

    assert left == 1
    assert time.monotonic() - began < 5
