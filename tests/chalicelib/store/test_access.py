"""Revocations in the table, and the epoch that rises with each change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.errors import Conflict, NotFound
from chalicelib.model.access import Epoch, Kind
from chalicelib.model.clock import SECOND
from chalicelib.store import access as module
from chalicelib.store import keys
from chalicelib.store.access import Revocations
from chalicelib.store.policies import Policies
from tests.chalicelib.examples import JANE, NOW, a_bearer, an_end

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from chalicelib.store.table import Table


@pytest.fixture
def revocations(table: Table) -> Revocations:
    return Revocations(table)


def test_where_nothing_was_ever_changed_the_epoch_is_nought(revocations: Revocations) -> None:
    assert revocations.epoch() == Epoch()
    assert revocations.all() == {}


def test_every_change_raises_the_epoch_and_only_policies_their_own(revocations: Revocations, table: Table) -> None:
    revocations.revoke(an_end(), NOW)
    assert revocations.epoch() == Epoch(rev=1, policies=0)

    Policies(table, lambda: NOW).put(
        {"group": "a", "statements": [{"effect": "Deny", "methods": ["*"], "paths": ["/*"]}]}
    )
    assert revocations.epoch() == Epoch(rev=2, policies=1)

    revocations.lift(an_end().id)
    assert revocations.epoch() == Epoch(rev=3, policies=1)


@pytest.mark.parametrize(
    "end",
    [
        an_end(),
        an_end(why="left", until=NOW + 7),
        an_end(Kind.SESSIONS, issued_before=NOW),
        an_end(Kind.BEARER, "jti#1", until=NOW + SECOND),
    ],
)
def test_a_revocation_is_kept_as_it_was_made(revocations: Revocations, table: Table, end: Any) -> None:
    assert revocations.revoke(end, NOW) == end

    assert revocations.all() == {end.id: end}
    assert revocations.find(end.id) == end
    item = table.get(keys.revocation_key(end.id))
    assert item.get("ttl") == (None if end.until is None else end.until // SECOND + 86_400)


def test_asked_for_twice_it_is_one_and_the_epoch_stays(revocations: Revocations) -> None:
    first = revocations.revoke(an_end(), NOW)

    again = revocations.revoke(an_end(by="another", at=NOW + 1), NOW)

    assert again == first
    assert revocations.epoch().rev == 1


def test_a_second_one_widens_the_first_and_never_narrows_it(revocations: Revocations) -> None:
    revocations.revoke(an_end(until=NOW + 5), NOW)
    wider = revocations.revoke(an_end(), NOW)
    narrower = revocations.revoke(an_end(until=NOW + 9), NOW)

    assert (wider.until, wider.rev) == (None, 2)
    assert narrower == wider
    assert revocations.epoch().rev == 2


def test_one_that_has_lapsed_and_is_not_deleted_yet_does_not_count(revocations: Revocations) -> None:
    revocations.revoke(an_end(until=NOW + 5), NOW)

    again = revocations.revoke(an_end(until=NOW + 9), NOW + 5)

    assert (again.until, again.rev) == (NOW + 9, 2)


def test_a_block_and_an_end_of_sessions_of_one_principal_stand_side_by_side(revocations: Revocations) -> None:
    revocations.revoke(an_end(), NOW)
    revocations.revoke(an_end(Kind.SESSIONS, issued_before=NOW), NOW)

    assert len(revocations.all()) == 2


def test_sixteen_revocations_at_once_all_hold(revocations: Revocations, pool: Executor) -> None:
    ends = [an_end(name=f"person-{number % 8}", until=NOW + number) for number in range(1, 17)]

    list(pool.map(lambda end: revocations.revoke(end, NOW), ends))

    kept = revocations.all()
    assert {one.name: one.until for one in kept.values()} == {
        f"person-{number % 8}": NOW + number for number in range(9, 17)
    }
    assert revocations.epoch().rev >= 8


def test_a_lifted_one_is_gone_and_cannot_be_lifted_again(revocations: Revocations) -> None:
    revocations.revoke(an_end(), NOW)

    revocations.lift(an_end().id)

    assert revocations.all() == {}
    for verb in (revocations.lift, revocations.find):
        with pytest.raises(NotFound):
            verb(an_end().id)
    assert revocations.epoch().rev == 2


def test_one_that_cannot_be_read_ends_all_that_its_key_names(revocations: Revocations, table: Table) -> None:
    kept = revocations.revoke(an_end(until=NOW + 5), NOW)
    table.put({**keys.revocation_key(kept.id), "kind": "revocation", "what": "principal", "until": "tomorrow"})

    (found,) = revocations.all().values()

    assert found.id == kept.id
    assert found.meets(a_bearer(), NOW + 10**15)
    revocations.lift(kept.id)
    assert revocations.all() == {}


def test_one_of_another_under_its_key_ends_what_the_key_names(revocations: Revocations, table: Table) -> None:
    kept = revocations.revoke(an_end(), NOW)
    item = table.get(keys.revocation_key(kept.id))
    table.put({**item, "name": "somebody else"})

    assert list(revocations.all()) == [kept.id]


def test_a_kind_that_a_later_version_writes_stops_nobody_here(revocations: Revocations, table: Table) -> None:
    revocations.revoke(an_end(), NOW)
    table.put({"pk": keys.ACCESS, "sk": "REVOKED#team-1", "what": "team"})

    assert list(revocations.all()) == [an_end().id]
    assert [one.id for one in revocations.page(limit=50, after=None)[0]] == [an_end().id]


def test_the_list_is_paged_by_id(revocations: Revocations) -> None:
    ids = sorted(revocations.revoke(an_end(name=f"person-{number}"), NOW).id for number in range(5))

    first, after = revocations.page(limit=3, after=None)
    second, end = revocations.page(limit=3, after=after)

    assert [one.id for one in first + second] == ids
    assert end is None


def test_what_changes_too_often_is_a_conflict(
    revocations: Revocations, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = table.get

    def raced(key: Any, **options: Any) -> Any:
        found = real(key, **options)
        table.put({**keys.revocation_key(an_end().id), "rev": 1 if found is None else found["rev"] + 1})
        return found

    monkeypatch.setattr(module, "RACES", 3)
    monkeypatch.setattr(table, "get", raced)

    with pytest.raises(Conflict):
        revocations.revoke(an_end(until=NOW + 1), NOW)
    assert JANE not in str(revocations.all())
