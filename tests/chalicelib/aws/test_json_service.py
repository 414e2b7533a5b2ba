from __future__ import annotations

import zlib
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.aws.json_service import BUDGET, JsonService, Refused
from chalicelib.aws.line import Line, Unanswered
from chalicelib.aws.signature import Credentials, Signer
from tests.chalicelib.aws.scripted import Scripted, closes, is_silent, says
from tests.chalicelib.aws.signing import signed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CREDENTIALS = Credentials(access_key="AKIDEXAMPLE", secret_key="secret", session_token="session")
CONDITION_FAILED = {
    "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
    "message": "The conditional request failed: somebody's secret",
    "Item": {"pk": {"S": "JOB#1"}},
}
BUSY = says(400, {"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"})


@dataclass
class Passing:
    """A clock that moves when somebody waits."""

    now: float = 0.0
    waits: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def passing() -> Passing:
    return Passing()


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted([]) as scripted:
        yield scripted


@pytest.fixture
def service(server: Scripted, passing: Passing) -> Iterator[JsonService]:
    with closing(Line(server.endpoint, read_timeout=0.3)) as line:
        yield JsonService(
            line,
            Signer(CREDENTIALS, region="us-east-1", service="dynamodb"),
            target="DynamoDB_20120810",
            version="1.0",
            clock=lambda: 1_800_000_000.9,
            passed=passing,
            pause=passing.pause,
        )


def test_an_operation_is_named_in_a_header_and_its_binaries_are_base64(server: Scripted, service: JsonService) -> None:
    server.script.append(says(200, {"Attributes": {"sealed": {"B": "AAE="}}}))

    answer = service.call("PutItem", {"TableName": "t", "Item": {"pk": {"S": "ä"}, "sealed": {"B": b"\x00\x01"}}})

    assert answer == {"Attributes": {"sealed": {"B": "AAE="}}}
    assert server.bodies == [{"TableName": "t", "Item": {"pk": {"S": "ä"}, "sealed": {"B": "AAE="}}}]
    headers, _ = server.heard[0]
    assert headers["x-amz-target"] == "DynamoDB_20120810.PutItem"
    assert headers["content-type"] == "application/x-amz-json-1.0"
    assert headers["x-amz-date"] == "20270115T080000Z"
    assert headers["x-amz-security-token"] == "session"
    assert headers["host"] == server.endpoint.authority


def test_what_is_no_json_is_refused_before_it_is_sent(server: Scripted, service: JsonService) -> None:
    with pytest.raises(TypeError, match="of type object is unsupported"):
        service.call("PutItem", {"Item": object()})

    assert server.heard == []


def test_a_refusal_is_read_as_botocore_reads_it_and_does_not_repeat_its_message(
    server: Scripted, service: JsonService
) -> None:
    server.script.append(says(400, CONDITION_FAILED))

    with pytest.raises(Refused) as refused:
        service.call("PutItem", {})

    assert refused.value.response == {
        "Item": {"pk": {"S": "JOB#1"}},
        "Error": {"Code": "ConditionalCheckFailedException"},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    assert "secret" not in repr(refused.value)
    assert len(server.heard) == 1


@pytest.mark.parametrize(
    "transient",
    [BUSY, says(500, {"__type": "x#InternalServerError"}), says(503, b"<html>no</html>"), closes, is_silent(1.0)],
)
def test_what_time_mends_is_tried_again(
    server: Scripted, service: JsonService, passing: Passing, transient: Callable[[Any], bool]
) -> None:
    server.script += [transient, says(200, {"n": 1})]

    assert service.call("PutItem", {"a": 1}) == {"n": 1}
    assert server.bodies == [{"a": 1}, {"a": 1}]
    assert len(passing.waits) == 1
    assert 0 <= passing.waits[0] <= 0.1


def test_after_three_tries_the_last_refusal_is_what_is_told(
    server: Scripted, service: JsonService, passing: Passing
) -> None:
    server.script += [closes, BUSY, says(500, b"")]

    with pytest.raises(Refused) as refused:
        service.call("PutItem", {})

    assert refused.value.response["Error"] == {"Code": "500"}
    assert len(server.heard) == 3
    assert len(passing.waits) == 2


def test_no_try_begins_behind_the_time_of_a_call(server: Scripted, service: JsonService, passing: Passing) -> None:
    def slowly(connection: Any) -> bool:
        passing.now += BUDGET
        return BUSY(connection)

    server.script += [slowly, says(200)]

    with pytest.raises(Refused):
        service.call("PutItem", {})

    assert len(server.heard) == 1


def test_an_answer_that_was_altered_on_its_way_is_none(server: Scripted, service: JsonService) -> None:
    body = b'{"n": 1}'
    server.script += [
        says(200, body, **{"x-amz-crc32": "1"}),
        says(200, body, **{"x-amz-crc32": str(zlib.crc32(body))}),
    ]

    assert service.call("GetItem", {}) == {"n": 1}
    assert len(server.heard) == 2


@pytest.mark.parametrize("body", [b"", b"no", b"[1]", b"null"])
def test_a_success_that_says_nothing_readable_is_no_answer(server: Scripted, service: JsonService, body: bytes) -> None:
    server.script += [says(200, body)] * 3

    with pytest.raises(Unanswered):
        service.call("GetItem", {})


def test_what_is_done_meanwhile_is_done_in_each_try(server: Scripted, service: JsonService) -> None:
    server.script = [BUSY, says(500), says(200, {"done": True})]
    done: list[int] = []

    assert service.call("PutItem", {"Item": {}}, lambda: done.append(1)) == {"done": True}
    assert len(done) == 3


def test_calls_of_one_operation_are_signed_each_by_its_body_and_time(server: Scripted) -> None:
    server.script = [says(200)] * 3
    times = iter([1_800_000_000.0, 1_800_000_001.0, 1_800_057_600.0])
    signer = Signer(CREDENTIALS, region="us-east-1", service="dynamodb")
    with closing(Line(server.endpoint)) as line:
        service = JsonService(line, signer, target="T", version="1.0", clock=lambda: next(times, 1_800_000_000.0))
        service._form("PutItem")  # its own look at the clock
        for number in range(2):
            service.call("PutItem", {"n": number})

    for (headers, body), at in zip(server.heard, (1_800_000_001, 1_800_057_600), strict=True):
        sent = {name: value for name, value in headers.items() if name in ("content-type", "host", "x-amz-target")}
        expected = signed(signer, "POST", "/", sent, body, at=at)
        assert {name: headers[name] for name in expected} == expected


@pytest.mark.parametrize("key", ["AKID\r\nx: y", "AKID\n", "ÄKID"])
def test_credentials_that_would_begin_another_header_are_not_sent(server: Scripted, key: str) -> None:
    signer = Signer(Credentials(access_key=key, secret_key="s"), region="us-east-1", service="dynamodb")

    with closing(Line(server.endpoint)) as line, pytest.raises(ValueError, match="printable ASCII"):
        JsonService(line, signer, target="T", version="1.0").call("PutItem", {})

    assert server.heard == []
