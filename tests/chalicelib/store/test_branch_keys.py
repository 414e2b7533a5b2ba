from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chalicelib.errors import Conflict, Unreadable
from chalicelib.model.branch_key import WrappedKey
from chalicelib.store import keys
from chalicelib.store.branch_keys import BranchKeys

if TYPE_CHECKING:
    from chalicelib.store.table import Table


@pytest.fixture
def branch_keys(table: Table) -> BranchKeys:
    return BranchKeys(table)


def a_key(version: int, domain: str = "shop") -> WrappedKey:
    return WrappedKey(
        environment="production", domain=domain, version=version, wrapped=b"wrapped" * version, check=b"12345678"
    )


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
