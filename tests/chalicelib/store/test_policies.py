from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.errors import Unreadable
from chalicelib.store import keys
from chalicelib.store import policies as module
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

    def get_many(self, wanted: Sequence[Any]) -> list[dict[str, Any]]:
        if wanted:
            self.asked.append(len(wanted))
        return self._inner.get_many(wanted)

    def put(self, *arguments: Any) -> None:
        self._inner.put(*arguments)


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

    assert policies.of(["readers"]) == [kept]
    assert kept.why == "They read."


def test_the_default_groups_survive_the_table(policies: Policies, table: Table) -> None:
    for group, policy in GROUPS.items():
        statements = [
            {"effect": one.effect, "methods": list(one.methods), "paths": list(one.paths)} for one in policy.statements
        ]
        policies.put({"group": group, "why": policy.why, "statements": statements})

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
