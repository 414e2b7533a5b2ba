"""The limits do what they say: a signature that AWS would take, a task that is done."""

from __future__ import annotations

import calendar
import json
import time
from base64 import b64decode
from typing import TYPE_CHECKING

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench import behind, login
from bench.limits import authorizer, intake, join, notify, settle, wire, worker
from bench.server import server
from chalicelib.aws.signature import Credentials, Signer
from tests.chalicelib.aws.signing import signed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from bench.server import Server


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with server(answers=behind.answers()) as running:
        for name, value in {**login.settings(running), "AWS_CA_BUNDLE": str(running.ca_file)}.items():
            monkeypatch.setenv(name, value)
        yield running
    wire.context.cache_clear()  # the next server has another authority


@pytest.mark.parametrize(
    ("target", "service", "path"),
    [
        ("DynamoDB_20120810.PutItem", "dynamodb", "/"),
        ("", "execute-api", "/api/@connections/L0SM9cOFIAMCIdw%3D"),
    ],
)
def test_a_signature_is_the_one_that_ours_is_which_is_botocores(
    aws: Server, target: str, service: str, path: str
) -> None:
    head, _, body = wire.signed(target, b'{"a":1}', service=service, path=path).partition(b"\r\n\r\n")

    first, *lines = head.decode().split("\r\n")
    sent = dict(line.split(": ", 1) for line in lines)
    authorization, _ = sent.pop("authorization"), sent.pop("content-length")
    at = calendar.timegm(time.strptime(sent.pop("x-amz-date"), "%Y%m%dT%H%M%SZ"))
    credentials = Credentials(access_key="test", secret_key="test", session_token=sent.pop("x-amz-security-token"))
    signer = Signer(credentials, region="us-east-1", service=service)
    assert first == f"POST {path} HTTP/1.1"
    assert authorization == signed(signer, "POST", path, sent, body, at=at)["authorization"]


def test_the_intake_seals_the_token_and_puts_nothing_of_it_in_the_clear() -> None:
    body, key = json.loads(login.body()), AESGCM(bytes(32))

    written = intake.put(body, intake.sealed(body, key))

    sealed = b64decode(json.loads(written)["Item"]["sealed"]["B"])
    opened = key.decrypt(sealed[:12], sealed[12:], body["subject"].encode())
    assert json.loads(opened) == body["token"]
    assert body["token"]["access_token"].encode() not in written


@pytest.mark.parametrize(
    ("handler", "event", "operations"),
    [
        (intake.handler, login.event, {"PutItem": 1}),
        (authorizer.handler, behind.authorizer_event, {"GetItem": 1, "BatchGetItem": 1}),
        (settle.handler, behind.stream_event, {"TransactWriteItems": 1}),
        (worker.handler, behind.queue_event, {"GetItem": 1, "UpdateItem": 1, "TransactWriteItems": 1}),
        (notify.handler, behind.stream_event, {"Query": 1, "@connections": 1}),
        (join.handler, behind.connect_event, {"DeleteItem": 1, "PutItem": 1}),
    ],
    ids=["intake", "authorizer", "settle", "worker", "notify", "join"],
)
def test_each_asks_aws_for_what_its_task_takes_and_for_nothing_else(
    aws: Server,
    handler: Callable[[dict[str, Any], object], dict[str, Any]],
    event: Callable[[], dict[str, Any]],
    operations: dict[str, int],
) -> None:
    handler(event(), None)

    assert aws.counts()["operations"] == operations


def test_the_authorizer_believes_no_bearer_whose_signature_is_anothers(aws: Server) -> None:
    event = behind.authorizer_event()
    signed, _, signature = event["authorizationToken"].rpartition(".")
    event["authorizationToken"] = f"{signed}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"

    with pytest.raises(InvalidSignature):
        authorizer.handler(event, None)
