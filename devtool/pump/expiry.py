"""DynamoDB's time to live, with the stream record that MiniStack does not write.

An expired item is deleted through the public API, and its REMOVE record gets the service's `userIdentity`, by
which a consumer tells expiry from a deletion.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devtool.pump.batches import Record

log = logging.getLogger("devtool.pump")

_FIVE_YEARS = 5 * 365 * 86_400
_SERVICE = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


class Expired:
    """The keys whose REMOVE record is still to come."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: set[str] = set()

    def add(self, table: str, key: Mapping[str, Any]) -> None:
        """Expect the REMOVE record of an item that expired."""
        with self._lock:
            self._keys.add(_name(table, key))

    def forget(self, table: str, key: Mapping[str, Any]) -> None:
        """Expect it no more: the item is still there."""
        with self._lock:
            self._keys.discard(_name(table, key))

    def mark(self, record: Record) -> Record:
        """Return the record, with the service as its author if it removes an item that expired."""
        if record["eventName"] != "REMOVE":
            return record
        name = _name(record["eventSourceARN"].split("/")[1], record["dynamodb"]["Keys"])
        with self._lock:
            if name not in self._keys:
                return record
            self._keys.remove(name)
        return {**record, "userIdentity": _SERVICE}


def _name(table: str, key: Mapping[str, Any]) -> str:
    return json.dumps([table, key], sort_keys=True, default=str)


class Reaper(threading.Thread):
    """Deletes what has expired, every `interval` seconds."""

    def __init__(
        self, tables: Any, names: set[str], expired: Expired, *, interval: float, halt: threading.Event
    ) -> None:
        super().__init__(daemon=True, name="reaper")
        self._tables = tables
        self._names = names
        self._expired = expired
        self._interval = interval
        self._halt = halt

    def run(self) -> None:
        """Look again and again until halted."""
        while not self._halt.wait(self._interval):
            try:
                self.reap(time.time())
            except (ClientError, BotoCoreError) as error:
                log.warning("expiry: %s", error)

    def reap(self, now: float) -> int:
        """Delete what has expired at `now`; return how many items that were."""
        return sum(self._reap_table(name, now) for name in sorted(self._names))

    def _reap_table(self, table: str, now: float) -> int:
        setting = self._tables.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        if setting.get("TimeToLiveStatus") != "ENABLED":
            return 0
        attribute = setting["AttributeName"]
        schema = self._tables.describe_table(TableName=table)["Table"]["KeySchema"]
        pages = self._tables.get_paginator("scan").paginate(
            TableName=table,
            # DynamoDB leaves alone what expired more than five years ago: a millisecond clock, most likely.
            FilterExpression="#ttl BETWEEN :oldest AND :now",
            ExpressionAttributeNames={"#ttl": attribute},
            ExpressionAttributeValues={
                ":oldest": {"N": str(int(now) - _FIVE_YEARS)},
                ":now": {"N": str(int(now))},
            },
        )
        found = [item for page in pages for item in page["Items"]]
        keys = [part["AttributeName"] for part in schema]
        return sum(self._remove(table, attribute, item, keys) for item in found)

    def _remove(self, table: str, attribute: str, item: Mapping[str, Any], keys: list[str]) -> int:
        key = {name: item[name] for name in keys}
        self._expired.add(table, key)
        try:
            self._tables.delete_item(
                TableName=table,
                Key=key,
                ConditionExpression="#ttl = :seen",
                ExpressionAttributeNames={"#ttl": attribute},
                ExpressionAttributeValues={":seen": item[attribute]},
            )
        except self._tables.exceptions.ConditionalCheckFailedException:
            self._expired.forget(table, key)  # it was renewed while we looked
            return 0
        return 1
