"""Count what functions ask of DynamoDB and KMS, on the wire between them and the local cloud.

Write units are the local cloud's own answer (`ReturnConsumedCapacity`, which the meter adds to each request and signs
anew): they follow DynamoDB's rules. Its read units do not look at sizes, so that the meter computes them from what
came back: each started 4 KB is one unit, half of one where consistency was not asked for.
"""

from __future__ import annotations

import base64
import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from math import ceil
from typing import TYPE_CHECKING, Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from devtool.between import Between, Reply, Request
from devtool.environment import ACCESS_KEY, REGION, SECRET_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DYNAMODB = "DynamoDB_20120810."
KMS = "TrentService."
READ_UNIT = 4_096
_root = Credentials(ACCESS_KEY, SECRET_KEY)

Item = dict[str, dict[str, Any]]


@dataclass(slots=True)
class Ledger:
    """What was counted: numbers by (stage, what for, unit). Several meters write to one."""

    stage_of: Mapping[str, str]
    phase: str = ""
    _units: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, function: str, purpose: str, **units: float) -> None:
        """Count what a function used, for its stage; for the phase, where it has none of its own."""
        stage = self.stage_of.get(function) or self.phase
        with self._lock:
            for unit, number in units.items():
                self._units[stage, purpose, unit] += number  # type: ignore[assignment]

    def rows(self) -> dict[tuple[str, str], dict[str, float]]:
        """Return units by stage and purpose, and start again from nothing."""
        with self._lock:
            counted, self._units = self._units, Counter()
        rows: dict[tuple[str, str], dict[str, float]] = {}
        for (stage, purpose, unit), number in sorted(counted.items()):
            rows.setdefault((stage, purpose), {})[unit] = number
        return rows


class Meter(Between):
    """The meter of one function."""

    def __init__(self, upstream: str, function: str, ledger: Ledger) -> None:
        super().__init__(upstream)
        self._function = function
        self._ledger = ledger

    def answer(self, request: Request) -> Reply:
        """Pass a request on, and count it."""
        target = {name.lower(): value for name, value in request.headers.items()}.get("x-amz-target", "")
        if target.startswith(DYNAMODB):
            return self._table(request, target.removeprefix(DYNAMODB))
        reply = self.pass_on(request)
        if target.startswith(KMS):
            self._ledger.add(self._function, f"KMS {target.removeprefix(KMS)}", kms=1)
        return reply

    def _table(self, request: Request, operation: str) -> Reply:
        asked = json.loads(request.body)
        measured = b'{"ReturnConsumedCapacity":"INDEXES",' + request.body.lstrip()[1:]
        reply = self.pass_on(_signed(request, measured, self._upstream))
        answered = json.loads(reply.body)
        purpose = f"{operation} {_subject_of(operation, asked)}"
        if reply.status != HTTPStatus.OK:
            self._ledger.add(self._function, f"{purpose}: {answered.get('__type', '').rpartition('#')[2]}", refused=1)
        elif operation in ("GetItem", "Query", "BatchGetItem"):
            self._ledger.add(self._function, purpose, calls=1, reads=read_units(operation, asked, answered))
        else:
            table, index = _write_units(answered["ConsumedCapacity"])
            self._ledger.add(self._function, purpose, calls=1, writes=table, index_writes=index)
        return reply


def read_units(operation: str, asked: Mapping[str, Any], answered: Mapping[str, Any]) -> float:
    """Return what a read costs by DynamoDB's rules; reading nothing costs as much as the least."""
    if operation == "BatchGetItem":
        (name, request), *_ = asked["RequestItems"].items()
        rate = 1.0 if request.get("ConsistentRead") else 0.5
        items = answered["Responses"][name]
        return rate * (sum(_read_units_of([item]) for item in items) + len(request["Keys"]) - len(items))
    rate = 1.0 if asked.get("ConsistentRead") else 0.5
    if operation == "GetItem":
        return rate * _read_units_of([answered["Item"]] if "Item" in answered else [])
    assert answered["ScannedCount"] == answered["Count"], (
        "what a filter left out was read too, and is not in the answer"
    )
    return rate * _read_units_of(answered["Items"])


def item_size(item: Item) -> int:
    """Return an item's bytes as DynamoDB counts them: names, values, no structure but 3 bytes a map or list."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return ceil(len(content.lstrip("-").replace(".", "").strip("0") or "0") / 2) + 1
        case "B":
            return len(base64.b64decode(content))
        case "M":
            return 3 + item_size(content) + len(content)
        case "L":
            return 3 + sum(_size(part) + 1 for part in content)
    return 1


def _read_units_of(items: Iterable[Item]) -> int:
    return max(1, ceil(sum(item_size(item) for item in items) / READ_UNIT))


def _write_units(consumed: Any) -> tuple[float, float]:
    """Return units of the table and of its indexes."""
    (entry,) = consumed if isinstance(consumed, list) else [consumed]
    index = sum(part["CapacityUnits"] for part in entry.get("GlobalSecondaryIndexes", {}).values())
    return entry["CapacityUnits"] - index, index


def _subject_of(operation: str, asked: Mapping[str, Any]) -> str:
    """Name what a request is about, by the beginnings of its keys."""
    match operation:
        case "PutItem":
            keys = [asked["Item"]["pk"]]
        case "Query":
            keys = [value for name, value in asked["ExpressionAttributeValues"].items() if name in (":pk", ":shard")]
        case "BatchGetItem":
            keys = [key["pk"] for request in asked["RequestItems"].values() for key in request["Keys"]]
        case "TransactWriteItems":
            parts = [part for operation in asked["TransactItems"] for part in operation.values()]
            keys = [(part.get("Item") or part["Key"])["pk"] for part in parts]
        case _:
            keys = [asked["Key"]["pk"]]
    return " + ".join(dict.fromkeys(key["S"].partition("#")[0] for key in keys))


def _signed(request: Request, body: bytes, host: str) -> Request:
    """Return the request with another body, signed by the local cloud's root key."""
    kept = ("content-type", "x-amz-target", "user-agent")
    headers = {name: value for name, value in request.headers.items() if name.lower() in kept} | {"Host": host}
    signing = AWSRequest("POST", f"http://{host}{request.path}", headers=headers, data=body)
    SigV4Auth(_root, "dynamodb", REGION).add_auth(signing)
    return Request(request.method, request.path, dict(signing.headers.items()), body)
