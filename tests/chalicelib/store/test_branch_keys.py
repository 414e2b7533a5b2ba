from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from chalicelib.errors import Conflict, NotFound, Unreadable
from chalicelib.model.branch_key import Shredded, WrappedKey
from chalicelib.model.job import Job, Type, errand
from chalicelib.store import keys
from chalicelib.store.branch_keys import BranchKeys, RotatedKeys
from tests.chalicelib.examples import NOW, an_id

if TYPE_CHECKING:
    from chalicelib.store.jobs import Jobs
    from chalicelib.store.table import Table


@pytest.fixture
def branch_keys(table: Table) -> BranchKeys:
    return BranchKeys(table)


def a_key(version: int, domain: str = "shop") -> WrappedKey:
    return WrappedKey(
        environment="production", domain=domain, version=version, wrapped=b"wrapped" * version, check=b"12345678"
    )


def a_job(number: int = 1) -> Job:
    return errand(an_id(number), Type.RESEAL, requester="ops", now=NOW, asked={"version": 2})


def test_before_the_first_there_is_none(branch_keys: BranchKeys) -> None:
    assert branch_keys.latest("production", "shop") is None
    assert branch_keys.version("production", "shop", 1) is None


def test_the_newest_is_the_latest_and_all_are_kept(branch_keys: BranchKeys) -> None:
    for version in (1, 2, 10):
        branch_keys.add(a_key(version))
    branch_keys.add(a_key(99, domain="other"))

    assert branch_keys.latest("production", "shop") == a_key(10)
    assert branch_keys.version("production", "shop", 2) == a_key(2)


def test_a_version_is_made_once(branch_keys: BranchKeys) -> None:
    branch_keys.add(a_key(1))

    with pytest.raises(Conflict):
        branch_keys.add(a_key(1))


def test_a_key_without_a_part_is_unreadable(branch_keys: BranchKeys, table: Table) -> None:
    table.put({**keys.branch_key("production", "shop", 1), "environment": "production", "domain": "shop", "version": 1})

    with pytest.raises(Unreadable, match="a branch key without 'wrapped'"):
        branch_keys.latest("production", "shop")


def test_when_a_version_was_made_is_kept_and_need_not_be_known(branch_keys: BranchKeys) -> None:
    branch_keys.add(a_key(1))
    dated = WrappedKey(environment="production", domain="shop", version=2, wrapped=b"w", check=b"c", made_at=NOW)
    branch_keys.add(dated)

    assert branch_keys.versions("production", "shop") == [a_key(1), dated]


def test_a_rotation_stores_the_version_and_its_job_or_neither(branch_keys: BranchKeys, jobs: Jobs) -> None:
    made: list[Job] = []

    def job_of(key: WrappedKey) -> Job:
        made.append(a_job(key.version + len(made)))
        return made[-1]

    rotated = RotatedKeys(branch_keys, job_of)
    rotated.add(a_key(2))
    with pytest.raises(Conflict):
        rotated.add(a_key(2))

    assert rotated.latest("production", "shop") == a_key(2)
    assert jobs.job(made[0].id) == made[0]
    with pytest.raises(NotFound):
        jobs.job(made[1].id)


def test_shredding_deletes_every_version_and_leaves_a_mark_above_them(branch_keys: BranchKeys) -> None:
    for version in (1, 2, 3):
        branch_keys.add(a_key(version))
    branch_keys.add(a_key(1, domain="other"))

    deleted = branch_keys.shred("production", "shop", NOW)

    mark = Shredded(environment="production", domain="shop", version=4, at=NOW)
    assert deleted == 3
    assert branch_keys.versions("production", "shop") == [mark]
    assert [branch_keys.version("production", "shop", version) for version in (1, 2, 3, 4)] == [None] * 4
    assert branch_keys.latest("production", "other") == a_key(1, domain="other")
    assert branch_keys.shred("production", "shop", NOW + 1) == 0, "again: there is nothing left"
    assert branch_keys.latest("production", "shop") == mark


def test_a_shredding_that_was_interrupted_is_finished_by_the_next(branch_keys: BranchKeys, table: Table) -> None:
    branch_keys.add(a_key(1))
    branch_keys.shred("production", "shop", NOW)
    branch_keys.add(a_key(1))  # as if it had died behind the mark

    assert branch_keys.shred("production", "shop", NOW + 1) == 1
    assert branch_keys.version("production", "shop", 1) is None


def test_what_was_handed_in_behind_a_shredding_is_shredded_by_the_next(branch_keys: BranchKeys) -> None:
    branch_keys.add(a_key(1))
    branch_keys.shred("production", "shop", NOW)
    branch_keys.add(a_key(3))

    assert branch_keys.shred("production", "shop", NOW + 1) == 1
    assert branch_keys.latest("production", "shop").version == 4
    assert len(branch_keys.versions("production", "shop")) == 1


def test_where_there_never_was_a_key_there_is_nothing_to_shred(branch_keys: BranchKeys) -> None:
    with pytest.raises(NotFound):
        branch_keys.shred("production", "mistyped", NOW)


def test_a_version_that_is_added_while_a_shredding_looks_is_shredded_with_the_others(table: Table) -> None:
    class Rotating(BranchKeys):
        def versions(self, environment: str, domain: str) -> list[WrappedKey | Shredded]:
            found = super().versions(environment, domain)
            if len(found) == 1:
                self.add(a_key(2))
            return found

    branch_keys = Rotating(table)
    branch_keys.add(a_key(1))

    assert branch_keys.shred("production", "shop", NOW) == 2
    assert branch_keys.latest("production", "shop").version == 3


def test_a_rotation_whose_job_cannot_be_stored_adds_no_version(branch_keys: BranchKeys, jobs: Jobs) -> None:
    RotatedKeys(branch_keys, lambda _: a_job()).add(a_key(1))

    with pytest.raises(Conflict):
        RotatedKeys(branch_keys, lambda _: a_job()).add(a_key(2))

    assert branch_keys.latest("production", "shop") == a_key(1)
    assert jobs.job(a_job().id) == a_job()


def test_what_verifies_receipts_is_kept_with_its_version_and_by_the_mark_of_a_shredding(
    branch_keys: BranchKeys,
) -> None:
    one, two = replace(a_key(1), receipt_key=b"1" * 32), replace(a_key(2), receipt_key=b"2" * 32)
    branch_keys.add(one)
    branch_keys.add(two)
    branch_keys.add(a_key(3))

    assert branch_keys.versions("production", "shop") == [one, two, a_key(3)]
    branch_keys.shred("production", "shop", NOW)

    (mark,) = branch_keys.versions("production", "shop")
    assert mark.receipt_keys == {1: b"1" * 32, 2: b"2" * 32}, "of version 3 nobody has derived it"


def test_a_receipt_key_that_is_derived_later_is_kept_unless_its_version_is_gone(branch_keys: BranchKeys) -> None:
    branch_keys.add(a_key(1))

    branch_keys.keep_receipt_key(a_key(1), b"1" * 32)
    branch_keys.keep_receipt_key(a_key(2), b"2" * 32)

    assert branch_keys.version("production", "shop", 1) == replace(a_key(1), receipt_key=b"1" * 32)
    assert branch_keys.version("production", "shop", 2) is None


def test_a_shredding_that_was_interrupted_loses_no_receipt_key(branch_keys: BranchKeys) -> None:
    class Dying(BranchKeys):
        def __init__(self, inner: Table) -> None:
            super().__init__(inner)
            self._table = self

        def __getattr__(self, name: str) -> object:
            return getattr(branch_keys._table, name)

        def delete(self, key: object) -> None:
            raise ConnectionError(str(key))

    branch_keys.add(replace(a_key(1), receipt_key=b"1" * 32))
    with pytest.raises(ConnectionError):
        Dying(branch_keys._table).shred("production", "shop", NOW)

    assert branch_keys.shred("production", "shop", NOW + 1) == 1
    (mark,) = branch_keys.versions("production", "shop")
    assert mark.receipt_keys == {1: b"1" * 32}
