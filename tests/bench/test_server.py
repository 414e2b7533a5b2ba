"""The server that answers for AWS: what it says, when, and what it counts."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bench.server import server

if TYPE_CHECKING:
    from bench.server import Server


def opened(aws: Server) -> http.client.HTTPConnection:
    parts = urlsplit(aws.url)
    assert parts.hostname
    if aws.ca_file is None:
        return http.client.HTTPConnection(parts.hostname, parts.port)
    context = ssl.create_default_context(cafile=str(aws.ca_file))
    return http.client.HTTPSConnection(parts.hostname, parts.port, context=context)


def asked(line: http.client.HTTPConnection, operation: str, body: dict[str, Any]) -> tuple[int, Any]:
    line.request("POST", "/", json.dumps(body), {"X-Amz-Target": f"DynamoDB_20120810.{operation}"})
    answer = line.getresponse()
    return answer.status, json.loads(answer.read())


def test_an_operation_is_answered_over_tls_as_given_or_as_by_an_empty_table() -> None:
    with server(answers={"Decrypt": {"Plaintext": "AAAA"}}) as aws:
        line = opened(aws)

        assert asked(line, "Decrypt", {}) == (200, {"Plaintext": "AAAA"})
        assert asked(line, "PutItem", {"Item": {}}) == (200, {})
        assert asked(line, "BatchWriteItem", {}) == (200, {"UnprocessedItems": {}})
        line.close()


def test_a_refusal_has_its_status_and_what_nobody_named_is_not_found() -> None:
    refusal = {"status": 400, "body": {"__type": "ConditionalCheckFailedException"}}
    with server(tls=False, answers={"PutItem": refusal}) as aws:
        line = opened(aws)

        assert asked(line, "PutItem", {}) == (400, {"__type": "ConditionalCheckFailedException"})
        assert asked(line, "Nonsense", {})[0] == 404
        line.close()


def test_requests_connections_and_operations_are_counted_until_they_are_forgotten() -> None:
    with server(tls=False, answers={"GET /jwks.json": {"keys": []}}) as aws:
        first, second = opened(aws), opened(aws)
        asked(first, "PutItem", {})
        asked(first, "PutItem", {})
        asked(second, "Query", {})
        second.request("GET", "/jwks.json")
        second.getresponse().read()
        second.request("POST", "/api/@connections/abc%3D", b"hello")
        second.getresponse().read()

        assert aws.counts() == {
            "requests": 5,
            "connections": 2,
            "most_open": 2,
            "operations": {"PutItem": 2, "Query": 1, "GET /jwks.json": 1, "@connections": 1},
        }
        aws.forget()
        asked(first, "PutItem", {})

        assert aws.counts() == {"requests": 1, "connections": 0, "most_open": 2, "operations": {"PutItem": 1}}
        first.close()
        second.close()


def test_an_answer_takes_its_time_and_holds_up_no_other() -> None:
    with server(delay=0.1, tls=False) as aws:
        lines = [opened(aws) for _ in range(10)]
        began = time.monotonic()
        for line in lines:
            line.request("POST", "/", b"{}", {"x-amz-target": "DynamoDB_20120810.PutItem"})
        for line in lines:
            line.getresponse().read()
        took = time.monotonic() - began
        for line in lines:
            line.close()

    assert 0.1 <= took < 0.8


def test_no_answer_leaves_before_its_time_whatever_others_are_under_way() -> None:
    took: list[float] = []

    def ask(aws: Server, pause: float) -> None:
        line = opened(aws)
        for _ in range(20):
            time.sleep(pause)
            began = time.monotonic()
            asked(line, "PutItem", {})
            took.append(time.monotonic() - began)
        line.close()

    with server(delay=0.010, tls=False) as aws, ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(ask, aws, pause) for pause in (0.0, 0.0003, 0.0007, 0.0013)]:
            future.result()

    assert len(took) == 80
    assert min(took) >= 0.010


def test_a_message_is_answered_with_its_sum_as_boto3_checks_it() -> None:
    with server(tls=False) as aws:
        line = opened(aws)
        _, sent = asked(line, "SendMessage", {"MessageBody": "hi"})
        _, batch = asked(line, "SendMessageBatch", {"Entries": [{"Id": "1", "MessageBody": "hi"}]})
        line.close()

    assert sent["MD5OfMessageBody"] == "49f68a5c8493ec2c0bf489821c21fc3b"
    assert [entry["Id"] for entry in batch["Successful"]] == ["1"]


def test_an_answer_may_be_for_requests_that_hold_a_text_and_another_for_the_rest() -> None:
    answers = {"Query BRANCH#": {"Items": ["a key"]}, "Query": {"Items": ["another"]}}
    with server(tls=False, answers=answers) as aws:
        line = opened(aws)

        assert asked(line, "Query", {"values": {":pk": {"S": "BRANCH#prod#shop"}}})[1] == {"Items": ["a key"]}
        assert asked(line, "Query", {"values": {":pk": {"S": "WATCH#jane"}}})[1] == {"Items": ["another"]}
        line.close()


def test_requests_that_come_in_pieces_or_several_at_once_are_each_answered() -> None:
    request = b"POST / HTTP/1.1\r\nx-amz-target: DynamoDB_20120810.PutItem\r\ncontent-length: 2\r\n\r\n{}"
    with server(tls=False) as aws:
        parts = urlsplit(aws.url)
        with socket.create_connection((parts.hostname, parts.port or 80), timeout=5) as line:
            line.sendall(request[:40])
            time.sleep(0.05)
            line.sendall(request[40:-1])
            time.sleep(0.05)
            line.sendall(request[-1:] + request + request)
            heard = b""
            while heard.count(b"HTTP/1.1 200 OK") < 3 or not heard.endswith(b"\r\n\r\n{}"):
                heard += line.recv(65_536)

        assert aws.counts()["operations"] == {"PutItem": 3}
