"""AWS's JSON protocol, as DynamoDB, KMS and SQS speak it: an operation's name in a header, an object in, an object out.

Binary values go out as base64 and stay base64 when they come back. https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
"""

from __future__ import annotations

import time
import zlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from chalicelib.aws.exchange import begun, ended
from chalicelib.aws.line import READ_TIMEOUT, Line, Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.aws.signature import Form, Signer

TRIES: Final = 3
PAUSE: Final = 0.05
BUDGET: Final = 6.0
"""Seconds for all tries of a call together: a login hook has about 20, and API Gateway's function 15."""

THROTTLED: Final = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "Throttling",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "TooManyRequestsException",
        "PriorRequestNotComplete",
        "TransactionInProgressException",
    }
)
"""What botocore's standard retries take for a throttle, of these services."""

# `http` with its names of statuses is a hundredth of a cold start.
_OK: Final = 200
_THEIR_FAULT: Final = 500

_ENCODER: Final = msgspec.json.Encoder()
"""Bytes become base64. A tenth of `json`'s time, which is 20 us of a put."""
_DECODER: Final = msgspec.json.Decoder()


class Refused(Exception):
    """The service's own error. `response` is as botocore's ClientError has it, so that one translation reads both."""

    def __init__(self, response: Mapping[str, Any]) -> None:
        super().__init__(response["Error"]["Code"])
        self.response = response


class JsonService:
    """One service, called over one line; safe to share among threads."""

    def __init__(
        self,
        line: Line,
        signer: Signer,
        *,
        target: str,
        version: str,
        tries: int = TRIES,
        read_timeout: float = READ_TIMEOUT,
        clock: Callable[[], float] = time.time,
        passed: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`target` stands before an operation's name (`DynamoDB_20120810`), `version` is the protocol's (`1.0`).

        No wait takes longer than `read_timeout` seconds, nor than the line's own time-outs.
        """
        self._line = line
        self._signer = signer
        self._target = target
        self._headers = {"content-type": f"application/x-amz-json-{version}", "host": line.endpoint.authority}
        self._forms: dict[str, tuple[Form, str]] = {}
        self._tries = tries
        self._read_timeout = read_timeout
        self._path = f"{line.endpoint.path}/"
        self._clock = clock
        self._passed = passed
        self._pause = pause

    def call(
        self, operation: str, arguments: Mapping[str, object], meanwhile: Callable[[], None] | None = None
    ) -> dict[str, Any]:
        """Call an operation, up to `tries` times in six seconds, and return what it answers.

        Tried again: a throttle, a 5xx, no answer. So a write may be carried out twice: give it a condition that its own
        first try fails, and know your own item by its mark. `meanwhile` is called while an answer is under way, in each
        try. Raises Refused, or Unanswered after the last try.
        """
        body = _ENCODER.encode(arguments)
        ends = self._passed() + BUDGET
        for attempt in range(1, self._tries + 1):
            last = attempt == self._tries
            try:
                return self._called(operation, body, min(ends - self._passed(), self._read_timeout), meanwhile)
            except Unanswered:
                if last or not self._waits(attempt, ends):
                    raise
            except Refused as refused:
                if last or not _is_transient(refused) or not self._waits(attempt, ends):
                    raise
        raise AssertionError("unreachable")

    def _called(
        self, operation: str, body: bytes, within: float, meanwhile: Callable[[], None] | None
    ) -> dict[str, Any]:
        form, head = self._forms.get(operation) or self._form(operation)
        moment, authorization = self._signer.sign(form, body, at=int(self._clock()))
        sent = ended(f"{head}\r\nx-amz-date: {moment}\r\nauthorization: {authorization}", body)
        reply = self._line.exchange(sent, within=within, meanwhile=meanwhile)
        check = reply.headers.get("x-amz-crc32")
        if check is not None and int(check) != zlib.crc32(reply.body):
            raise Unanswered("the answer was altered on its way")
        if reply.status == _OK:
            return _object(reply.body)
        raise Refused(_response(reply.status, reply.body))

    def _form(self, operation: str) -> tuple[Form, str]:
        """Return what all calls of an operation have in common, of their signatures and of their heads."""
        headers = {**self._headers, "x-amz-target": f"{self._target}.{operation}"}
        form = self._signer.form("POST", self._path, headers)
        _, authorization = self._signer.sign(form, b"", at=int(self._clock()))
        begun("POST", self._path, {"authorization": authorization})  # what changes in it are digits: so it is a header
        made = self._forms[operation] = form, begun("POST", self._path, form.headers)
        return made

    def _waits(self, attempt: int, ends: float) -> bool:
        """Wait before the next try, as exponential back-off with full jitter does. False when the time is over."""
        import random  # noqa: PLC0415  what waits may load it

        pause = random.random() * PAUSE * 2**attempt  # noqa: S311  chance, not a secret
        if self._passed() + pause >= ends:
            return False
        self._pause(pause)
        return True


def _is_transient(refused: Refused) -> bool:
    status = refused.response["ResponseMetadata"]["HTTPStatusCode"]
    return bool(status >= _THEIR_FAULT or refused.response["Error"]["Code"] in THROTTLED)


def _response(status: int, body: bytes) -> dict[str, Any]:
    try:
        said = _object(body)
    except Unanswered:
        said = {}  # a balancer's page: the status is all that it says
    code = str(said.get("__type", "")).rpartition("#")[2]
    about = {name: value for name, value in said.items() if name not in ("__type", "message", "Message")}
    return {**about, "Error": {"Code": code or str(status)}, "ResponseMetadata": {"HTTPStatusCode": status}}


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = _DECODER.decode(body)
    except (msgspec.DecodeError, RecursionError):
        raise Unanswered("the answer is no JSON") from None
    if not isinstance(value, dict):
        raise Unanswered("the answer is no object")
    return value
