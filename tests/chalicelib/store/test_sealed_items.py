from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from chalicelib.errors import Conflict, Unreadable
from chalicelib.model.provider import sealed_under
from chalicelib.model.sealed import Older, SealedItem
from chalicelib.seal.envelope import older_than
from chalicelib.store import keys
from chalicelib.store.providers import Providers
from chalicelib.store.sealed_items import SealedItems
from tests.chalicelib.examples import a_deposit, a_place, a_revocation, an_id
from tests.chalicelib.model.test_renewal import provider
from tests.guards.project import TEMPLATE

if TYPE_CHECKING:
    from chalicelib.store.jobs import Jobs
    from chalicelib.store.table import Table

SECOND_VERSION = Older(environment="production", domain="shop", than=older_than(2))
OF_ALL = replace(SECOND_VERSION, environment="default", domain="default")


def sealed_by(version: int, mark: int = 0) -> bytes:
    return older_than(version) + bytes([mark]) * 60


def a_sealed(number: int, version: int, **changes: str) -> Any:
    return replace(a_deposit(number, place=a_place(**changes)), sealed=sealed_by(version))


@pytest.fixture
def items(table: Table) -> SealedItems:
    return SealedItems(table)


def all_of(items: SealedItems, wanted: Older, segments: int = 3) -> list[SealedItem | Unreadable]:
    found: list[SealedItem | Unreadable] = []
    for segment in range(segments):
        after = None
        while True:
            page = items.page(wanted, segment, segments, after)
            found += page.found
            after = page.last
            if after is None:
                break
    return found


def test_what_older_versions_sealed_in_the_domain_is_found_once_and_nothing_else(
    items: SealedItems, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.store.sealed_items.PAGE_ITEMS", 2)
    for number in range(1, 8):
        jobs.accept(a_sealed(number, 1, provider=f"p{number}"))
    jobs.accept(a_sealed(8, 2))
    jobs.accept(a_sealed(9, 300))
    jobs.accept(a_sealed(10, 1, domain="other"))
    jobs.accept(a_sealed(11, 1, environment="staging"))
    erased = a_sealed(12, 1, subject="erased")
    jobs.accept(replace(erased, sealed=None))
    jobs.revoke(jobs.deposit(an_id(1)), a_revocation(20, a_deposit(1).token), 1)

    found = all_of(items, SECOND_VERSION)

    assert sorted(item.id for item in found) == [an_id(number) for number in range(1, 8)]
    first = next(item for item in found if item.id == an_id(3))
    assert (first.place, first.sealed) == (a_place(provider="p3"), sealed_by(1))
    assert "sealed=" not in repr(first)


def test_a_version_above_255_is_newer_than_one_below(items: SealedItems, jobs: Jobs) -> None:
    jobs.accept(a_sealed(1, 255))
    jobs.accept(a_sealed(2, 256))

    found = all_of(items, replace(SECOND_VERSION, than=older_than(256)))

    assert [item.id for item in found] == [an_id(1)]


def test_credentials_are_found_with_the_default_domain_alone(items: SealedItems, table: Table, jobs: Jobs) -> None:
    Providers(table).put(provider(), sealed_by(1), None)
    jobs.accept(a_sealed(1, 1, environment="default", domain="default"))
    jobs.accept(a_sealed(2, 1))
    jobs.accept(a_sealed(3, 1, environment="default"))

    found = all_of(items, OF_ALL)

    assert {(item.place, item.id) for item in found} == {
        sealed_under(provider().name),
        (a_place(environment="default", domain="default"), an_id(1)),
    }
    assert [item.id for item in all_of(items, SECOND_VERSION)] == [an_id(2)]


def test_a_secret_is_replaced_only_where_it_is_still_what_was_read(
    items: SealedItems, table: Table, jobs: Jobs
) -> None:
    jobs.accept(a_sealed(1, 1))
    before = table.get(keys.job_key(an_id(1)))
    (item,) = all_of(items, SECOND_VERSION)

    assert items.replace(item, sealed_by(2, 1)) is True
    assert items.replace(item, sealed_by(2, 2)) is False
    assert table.get(keys.job_key(an_id(1))) == {**before, "sealed": sealed_by(2, 1)}, "and nothing else is changed"
    table.delete(keys.job_key(an_id(1)))
    assert items.replace(replace(item, sealed=sealed_by(2, 1)), sealed_by(3)) is False
    assert table.get(keys.job_key(an_id(1))) is None, "what is gone stays gone"


def test_who_sets_a_provider_up_meanwhile_does_not_put_the_old_form_back(items: SealedItems, table: Table) -> None:
    providers = Providers(table)
    providers.put(provider(), sealed_by(1), None)
    (read, sealed) = providers.get(provider().name)
    (item,) = all_of(items, OF_ALL)

    assert items.replace(item, sealed_by(2)) is True

    with pytest.raises(Conflict):
        providers.put(read, sealed, read.rev)
    stored, now_sealed = providers.get(provider().name)
    assert (stored.rev, now_sealed) == (read.rev + 1, sealed_by(2))


def test_something_sealed_that_this_version_does_not_know_is_named_and_stops_nobody(
    items: SealedItems, table: Table
) -> None:
    domain = {"environment": "production", "domain": "shop", "sealed": sealed_by(1)}
    table.put({"pk": "NEW#1", "sk": "NEW", "kind": "later", "type": "x", **domain})
    table.put({"pk": "NEW#2", "sk": "NEW", "kind": "job", "type": "token.store", **domain})

    found = all_of(items, SECOND_VERSION)

    assert sorted(str(fault) for fault in found) == [
        "something sealed of a kind that this version does not know",
        "something sealed without 'subject'",
    ]


def test_a_page_tells_how_many_items_it_looked_at(items: SealedItems, jobs: Jobs) -> None:
    for number in range(1, 6):
        jobs.accept(a_sealed(number, 2))

    page = items.page(SECOND_VERSION, 0, 1, None)

    assert (list(page.found), page.looked, page.last) == ([], 5, None)


def test_sealing_anew_writes_no_index() -> None:
    """Or each would cost a unit more: the sealed form is in none of them."""
    every = TEMPLATE["Resources"]["Table"]["Properties"]["GlobalSecondaryIndexes"]
    indexes = [one for one in every if not one["IndexName"].startswith("audit-")]  # nothing sealed stands in those

    assert [one["IndexName"] for one in indexes if "sealed" in one["Projection"].get("NonKeyAttributes", [])] == []
    assert {one["Projection"]["ProjectionType"] for one in indexes} == {"INCLUDE", "KEYS_ONLY"}
