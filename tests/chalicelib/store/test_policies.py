from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.errors import Conflict, Unreadable
from chalicelib.model.clock import SECOND
from chalicelib.model.policy import PolicyFault, policy_to_plain
from chalicelib.store import keys
from chalicelib.store import policies as module
from chalicelib.store.attributes import from_attributes
from chalicelib.store.policies import KEEP_SECONDS, Policies
from tests.chalicelib.model.groups import GROUPS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.store.table import Table
    from tests.chalicelib.examples import Clock

READ = {"effect": "Allow", "methods": ["GET"], "paths": ["/tokens/*"]}
WRITE = {"effect": "Allow", "methods": ["POST"], "paths": ["/tokens"]}


class CountedTable:
    """Pass everything on to the table, and write down which batches it was asked for."""

    def __init__(self, inner: Table) -> None:
        self._inner = inner
        self.asked: list[int] = []

    def get_many(self, wanted: Sequence[Any], *, consistent: bool) -> list[dict[str, Any]]:
        assert consistent, "else what is kept under an epoch could be older than it"
        if wanted:
            self.asked.append(len(wanted))
        return self._inner.get_many(wanted, consistent=consistent)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@pytest.fixture
def counted(table: Table) -> CountedTable:
    return CountedTable(table)


@pytest.fixture
def policies(counted: CountedTable, clock: Clock) -> Policies:
    return Policies(counted, clock)


def put(policies: Policies, group: str, statement: dict[str, Any]) -> None:
    policies.put({"group": group, "statements": [statement]})


def groups_of(found: Any) -> list[str]:
    return [policy.group for policy in found]


def test_a_policy_is_kept_and_found_as_it_was_put(policies: Policies) -> None:
    raw = {"group": "readers", "why": "They read.", "statements": [READ]}

    assert policies.of(["readers"]) == []
    kept = policies.put(raw)

    assert policies.of(["readers"]) == [kept.policy]
    assert kept.policy.why == "They read."


def test_the_default_groups_survive_the_table(policies: Policies, table: Table) -> None:
    for group, policy in GROUPS.items():
        assert policies.put(policy_to_plain(policy)).policy.group == group

    assert {policy.group: policy for policy in policies.of(GROUPS)} == GROUPS


def test_groups_without_a_policy_are_left_out_and_none_is_found_twice(policies: Policies) -> None:
    put(policies, "a", READ)
    put(policies, "b", WRITE)

    assert groups_of(policies.of(["b", "nobody", "a", "b"])) == ["b", "a"]


def test_all_groups_are_looked_up_in_one_request_and_then_kept_for_a_minute(
    policies: Policies, counted: CountedTable, clock: Clock
) -> None:
    put(policies, "a", READ)
    for _ in range(3):
        policies.of(["a", "nobody"])
    assert counted.asked == [2]

    clock.pass_seconds(KEEP_SECONDS - 1)
    policies.of(["a", "new"])
    assert counted.asked == [2, 1]

    clock.pass_seconds(1)
    policies.of(["a", "nobody", "new"])
    assert counted.asked == [2, 1, 2]


def test_200_groups_are_all_looked_up_for_the_one_left_out_could_be_the_deny(policies: Policies) -> None:
    put(policies, "group-199", {**READ, "effect": "Deny"})

    assert groups_of(policies.of([f"group-{number}" for number in range(200)])) == ["group-199"]


def test_a_changed_policy_counts_at_once_here_and_within_a_minute_elsewhere(
    policies: Policies, table: Table, clock: Clock
) -> None:
    elsewhere = Policies(table, clock)
    put(policies, "a", READ)
    assert elsewhere.of(["a"]) == policies.of(["a"])

    put(policies, "a", WRITE)

    assert policies.of(["a"])[0].statements[0].methods == ("POST",)
    assert elsewhere.of(["a"])[0].statements[0].methods == ("GET",)
    clock.pass_seconds(KEEP_SECONDS)
    assert elsewhere.of(["a"])[0].statements[0].methods == ("POST",)


def test_what_was_read_in_another_epoch_is_read_again(table: Table, counted: CountedTable, clock: Clock) -> None:
    epochs = [1]
    elsewhere = Policies(counted, clock, lambda: epochs[-1])
    put(elsewhere, "a", READ)
    elsewhere.of(["a", "nobody"])
    put(Policies(table, clock), "a", WRITE)
    assert elsewhere.of(["a"])[0].statements[0].methods == ("GET",)

    for epoch in (2, 1):  # back, too: after a restore it is another
        epochs.append(epoch)
        assert elsewhere.of(["a"])[0].statements[0].methods == ("POST",)
        elsewhere.of(["a"])

    assert counted.asked == [2, 1, 1]


def test_what_tokens_invent_is_not_kept_for_ever(policies: Policies, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 10)

    for number in range(50):
        policies.of([f"invented-{number}", f"invented-too-{number}"])

    assert len(policies._kept) <= 10


def test_a_policy_that_ages_while_it_is_asked_for_is_found_all_the_same(
    counted: CountedTable, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time goes on between looking into memory and making room in it."""
    monkeypatch.setattr(module, "MOST_KEPT", 1)
    put(Policies(counted, clock), "a", READ)

    def ticking() -> int:
        clock.pass_seconds(20)
        return clock()

    policies = Policies(counted, ticking)

    for _ in range(10):
        assert groups_of(policies.of(["a", "nobody"])) == ["a"]


def test_a_policy_that_does_not_parse_is_refused_before_it_is_kept(policies: Policies) -> None:
    with pytest.raises(ValueError, match="statements must be a list"):
        policies.put({"group": "a", "statements": []})

    assert policies.of(["a"]) == []


def test_a_policy_that_does_not_parse_in_the_table_is_an_error_and_grants_nothing(
    policies: Policies, table: Table
) -> None:
    put(policies, "b", READ)
    table.put({**keys.policy_key("a"), "policy": {"group": "a", "statements": [{**READ, "effect": "Perhaps"}]}})

    with pytest.raises(Unreadable, match="the policy of group 'a'"):
        policies.of(["b", "a"])


def test_a_policy_is_shown_with_who_wrote_it_when_and_how_often(policies: Policies, clock: Clock) -> None:
    first = policies.put({"group": "a", "statements": [READ]}, by="root")
    clock.pass_seconds(5)
    second = policies.put({"group": "a", "statements": [WRITE], "limits": {"domains": ["shop"]}}, by="other")

    assert (first.rev, first.updated_by) == (1, "root")
    assert (second.rev, second.updated_by, second.updated_at - first.updated_at) == (2, "other", 5 * SECOND)
    assert policies.get("a") == second
    assert policies.get("nobody") is None


def test_policies_are_listed_by_group_in_pages(policies: Policies) -> None:
    for group in ("c", "a", "b"):
        put(policies, group, READ)

    first, after = policies.page(limit=2, after=None)
    rest, end = policies.page(limit=2, after=after)

    assert [one.policy.group for one in first] == ["a", "b"]
    assert ([one.policy.group for one in rest], after, end) == (["c"], "b", None)


def test_a_policy_that_is_taken_away_grants_nothing_and_begins_anew(policies: Policies) -> None:
    put(policies, "a", READ)
    put(policies, "a", WRITE)

    deleted = policies.delete("a")

    assert deleted is not None
    assert deleted.rev == 2
    assert policies.of(["a"]) == []
    assert policies.delete("a") is None
    assert policies.put({"group": "a", "statements": [READ]}).rev == 1


def test_a_policy_that_is_too_wide_by_accident_is_not_kept(policies: Policies) -> None:
    with pytest.raises(PolicyFault, match="reaches the secrets of other subjects"):
        put(policies, "a", {**READ, "paths": ["/subjects/*"]})

    assert policies.get("a") is None


def test_a_policy_that_was_kept_before_a_rule_came_is_read_all_the_same(policies: Policies, table: Table) -> None:
    wide = {"group": "a", "statements": [{**READ, "paths": ["/*"]}]}
    table.put({**keys.policy_key("a"), "policy": wide, "rev": 1, "updated_at": 1, "updated_by": "ops"})

    assert groups_of(policies.of(["a"])) == ["a"]


def test_a_policy_under_the_key_of_another_group_grants_nothing(policies: Policies, table: Table) -> None:
    table.put({**keys.policy_key("a"), "policy": {"group": "b", "statements": [READ]}})

    with pytest.raises(Unreadable, match="names another group"):
        policies.of(["a"])


class Raced:
    """A table on which another is faster each time."""

    def __init__(self, table: Table, times: int) -> None:
        self._table, self._times = table, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)

    def transact(self, operations: list[dict[str, Any]]) -> None:
        if self._times:
            self._times -= 1
            item = from_attributes(operations[0]["Put"]["Item"])
            seen = self._table.get({"pk": item["pk"], "sk": item["sk"]}) or {"rev": 0}
            self._table.put({**item, "rev": seen["rev"] + 1, "updated_by": "the faster one"})
        self._table.transact(operations)


def test_of_two_who_write_at_once_both_count(table: Table, clock: Clock) -> None:
    kept = Policies(Raced(table, 2), clock).put({"group": "a", "statements": [READ]}, by="slower")

    assert (kept.rev, kept.updated_by) == (3, "slower")


def test_who_is_never_first_is_told_so(table: Table, clock: Clock) -> None:
    with pytest.raises(Conflict, match="changed too often"):
        Policies(Raced(table, 99), clock).put({"group": "a", "statements": [READ]})
