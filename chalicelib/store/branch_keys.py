"""Wrapped branch keys in the table: one item a version, never changed; and what is left where they were shredded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.errors import Conflict, NotFound, Unreadable
from chalicelib.model.branch_key import Shredded, WrappedKey, receipt_keys
from chalicelib.model.clock import SECOND
from chalicelib.store import keys
from chalicelib.store.items import job_to_item
from chalicelib.store.table import ConditionFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.model.job import Job
    from chalicelib.store.table import Table

Version = WrappedKey | Shredded

NEW_VERSION = "attribute_not_exists(pk)"
"""A version is made once: of two processes that make it at the same time, one wins and both use its key."""

STILL_THERE = "attribute_exists(pk)"
"""The version was not shredded meanwhile, which deletes its item."""

RACES = 5
"""How often a shredding is tried against those who add a version at the same moment."""

KEEP_JOB = 30 * 86_400
"""Seconds that a re-sealing's job is kept behind its deadline."""


class BranchKeys:
    """The KeyStore of one table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def latest(self, environment: str, domain: str) -> Version | None:
        """Return the newest version, what is left of shredded ones, or None before the first. One Query of one item."""
        items, _ = self._table.query(
            KeyConditionExpression="pk = :pk",
            values={":pk": keys.branch_partition(environment, domain)},
            ScanIndexForward=False,
            Limit=1,
            ConsistentRead=True,
        )
        return _from_item(items[0]) if items else None

    def version(self, environment: str, domain: str, version: int) -> WrappedKey | None:
        """Return one version, or None where it does not exist."""
        item = self._table.get(keys.branch_key(environment, domain, version))
        found = None if item is None else _from_item(item)
        return None if isinstance(found, Shredded) else found

    def versions(self, environment: str, domain: str) -> list[Version]:
        """Return all that is kept of a domain's keys, oldest first. One Query: they are a few."""
        items, _ = self._table.query(
            KeyConditionExpression="pk = :pk",
            values={":pk": keys.branch_partition(environment, domain)},
            ConsistentRead=True,
        )
        return [_from_item(item) for item in items]

    def add(self, key: WrappedKey) -> None:
        """Keep a new version. Raises Conflict if that version exists."""
        self._table.put(_to_item(key), condition=NEW_VERSION)

    def add_with(self, key: WrappedKey, job: Job) -> None:
        """Keep a new version and the job that re-seals for it: both or neither. Raises Conflict as `add` does."""
        ttl = job.deadline_at // SECOND + KEEP_JOB
        adding = self._table.put_operation(_to_item(key), condition=NEW_VERSION)
        self._table.transact([adding, self._table.put_operation(job_to_item(job, ttl=ttl), condition=NEW_VERSION)])

    def keep_receipt_key(self, key: WrappedKey, public: bytes) -> None:
        """Keep what verifies a version's receipts with it; nothing where the version was shredded meanwhile."""
        place = keys.branch_key(key.environment, key.domain, key.version)
        try:
            self._table.update(place, "SET receipt_key = :public", condition=STILL_THERE, public=public)
        except ConditionFailed:
            return

    def shred(self, environment: str, domain: str, now: int) -> int:
        """Delete all versions of a domain's key and return how many there were.

        First the mark that stands above them, so that nobody takes one of them for the newest any more; then they go.
        The mark keeps their public keys and those of earlier marks, so that receipts can be verified for ever.
        One that is interrupted is finished by the next. Raises NotFound where there never was a key, Conflict when
        versions were added too often meanwhile.
        """
        for _ in range(RACES):
            kept = self.versions(environment, domain)
            if not kept:
                raise NotFound
            newest = kept[-1]
            if not isinstance(newest, Shredded):
                newest = Shredded(
                    environment=environment,
                    domain=domain,
                    version=newest.version + 1,
                    at=now,
                    receipt_keys=receipt_keys(kept),
                )
                try:
                    self._table.put(_to_item(newest), condition=NEW_VERSION)
                except ConditionFailed:
                    continue
            older = [one for one in kept if one.version < newest.version]
            for one in older:
                self._table.delete(keys.branch_key(environment, domain, one.version))
            return sum(isinstance(one, WrappedKey) for one in older)
        raise Conflict("versions of this key were added while it was being shredded")


class RotatedKeys:
    """The KeyStore of who rotates: a version comes with the job that re-seals what older ones sealed."""

    def __init__(self, inner: BranchKeys, job_of: Callable[[WrappedKey], Job]) -> None:
        self._inner = inner
        self._job_of = job_of
        self.latest, self.version = inner.latest, inner.version

    def add(self, key: WrappedKey) -> None:
        """Keep a new version and its job. Raises Conflict if that version exists."""
        self._inner.add_with(key, self._job_of(key))


def _to_item(key: Version) -> dict[str, object]:
    item = {
        **keys.branch_key(key.environment, key.domain, key.version),
        "kind": "branch_key",
        "environment": key.environment,
        "domain": key.domain,
        "version": key.version,
    }
    if isinstance(key, Shredded):
        kept = {str(version): public for version, public in key.receipt_keys.items()}
        return {**item, "shredded_at": key.at, "receipt_keys": kept or None}
    return {
        **item,
        "wrapped": key.wrapped,
        "check": key.check,
        "made_at": key.made_at or None,
        "receipt_key": key.receipt_key,
    }


def _from_item(item: Mapping[str, Any]) -> Version:
    """Read a key; `shredded_at` makes it a mark.

    `made_at`, `receipt_key` and a mark's `receipt_keys` are missing from those of the first versions of this code.
    """
    try:
        place = {"environment": item["environment"], "domain": item["domain"], "version": item["version"]}
        if "shredded_at" in item:
            public = {int(version): key for version, key in item.get("receipt_keys", {}).items()}
            return Shredded(**place, at=item["shredded_at"], receipt_keys=public)
        return WrappedKey(
            **place,
            wrapped=item["wrapped"],
            check=item["check"],
            made_at=item.get("made_at", 0),
            receipt_key=item.get("receipt_key"),
        )
    except KeyError as missing:
        raise Unreadable(f"a branch key without {missing}") from None
