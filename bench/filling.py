"""A table that is full of settled tokens: copies of one that lived here, under names of their own."""

from __future__ import annotations

import json
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.limits.bare import Bare
from chalicelib.model.ids import id_from
from chalicelib.model.job import Type
from chalicelib.store import keys
from devtool import environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from devtool.testing import LiveCloud

ITEMS = 3
"""Of a settled token: its job with the sealed secret, the place's current token, the audit's entry."""
_TOKENS = 8
"""In a batch, which holds 25 items at the most."""
_THREADS = 2

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Mould:
    """What a settled token's items look like in JSON, and the names in it that each copy has for itself."""

    items: tuple[str, ...]
    token_id: str
    subject: str
    entry_id: str
    shard: str

    @classmethod
    def of(cls, items: Iterable[Item], token_id: str, subject: str) -> Mould:
        """Make one of a token's items."""
        (job,) = (item for item in items if item["kind"]["S"] == "job")
        (entry,) = (item for item in items if item["kind"]["S"] == "audit")
        texts = tuple(json.dumps(item, separators=(",", ":")) for item in items)
        return cls(texts, token_id, subject, entry["sk"]["S"].partition("#")[2], job["list_shard"]["S"])

    def cast(self) -> Iterator[Item]:
        """Yield one more token's items. Where it stands in the indexes follows from its id, as for any token."""
        token_id = id_from(secrets.token_bytes(16))
        own = {
            self.token_id: token_id,
            self.subject: f"auth0|{secrets.token_hex(12)}",
            self.entry_id: id_from(secrets.token_bytes(16)),
            self.shard: keys.list_shard(Type.STORE, token_id),
        }
        for text in self.items:
            copied = text
            for name, mine in own.items():
                copied = copied.replace(name, mine)
            yield json.loads(copied)


def fill(cloud: LiveCloud, mould: Mould, count: int) -> None:
    """Write `count` tokens; the stream functions never hear of them, as of tokens that have long been there.

    Two threads of batches of 24 are as fast as the local cloud takes them: 1,500 tokens a second.
    """
    batches = iter([_TOKENS] * (count // _TOKENS) + [count % _TOKENS] * bool(count % _TOKENS))
    lock = threading.Lock()
    with cloud.holding(untold=True), ThreadPoolExecutor(_THREADS) as pool:
        for done in [pool.submit(_write, cloud, mould, batches, lock) for _ in range(_THREADS)]:
            done.result()


def register(cloud: LiveCloud, person: str, count: int) -> None:
    """Register watchers of as many other people, as one's watcher is; nothing is posted to them."""
    table = Bare(cloud.endpoint, "dynamodb", environment.fixed_credentials())
    (entry, *_) = _query(table, cloud, "pk = :name", f"WATCH#{person}")
    text, connection = json.dumps(entry), entry["connection"]["S"]
    with cloud.holding(untold=True):
        for _ in range(count):
            other = text.replace(person, f"auth0|{secrets.token_hex(12)}").replace(connection, secrets.token_hex(8))
            table.put(cloud.table, json.loads(other))


def mould_of(cloud: LiveCloud, token_id: str, subject: str) -> Mould:
    """Make the mould of a token that has been settled here."""
    found = items_of(cloud, token_id, subject)
    if len(found) != ITEMS:
        raise RuntimeError(f"a settled token has {len(found)} items: bench/filling.py knows {ITEMS}")
    return Mould.of(found, token_id, subject)


def items_of(cloud: LiveCloud, token_id: str, subject: str) -> list[Item]:
    """Return all items that are about a subject's only token, binaries as the wire has them: base64 text."""
    table = Bare(cloud.endpoint, "dynamodb", environment.fixed_credentials())
    return [
        *_query(table, cloud, "pk = :name", f"JOB#{token_id}"),
        *_query(table, cloud, "pk = :name", keys.subject_partition("default", "default", subject)),
        *_query(table, cloud, "audit_subject = :name", subject, IndexName="audit-of-subject"),
    ]


def _query(table: Bare, cloud: LiveCloud, condition: str, name: str, **options: str) -> list[Item]:
    asked = {
        "TableName": cloud.table,
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": {":name": {"S": name}},
        **options,
    }
    found: list[Item] = table.table("Query", asked)["Items"]
    return found


def _write(cloud: LiveCloud, mould: Mould, batches: Iterator[int], lock: threading.Lock) -> None:
    table = Bare(cloud.endpoint, "dynamodb", environment.fixed_credentials())
    while True:
        with lock:
            tokens = next(batches, 0)
        if not tokens:
            return
        requests = [{"PutRequest": {"Item": item}} for _ in range(tokens) for item in mould.cast()]
        answer: Mapping[str, Any] = table.table("BatchWriteItem", {"RequestItems": {cloud.table: requests}})
        if answer["UnprocessedItems"]:
            raise RuntimeError("the local cloud left items unprocessed")
