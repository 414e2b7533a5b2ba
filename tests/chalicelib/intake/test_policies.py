"""Setting policies: what is refused names its place, and nobody saws off the branch that it sits on."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.errors import InvalidBody, NotFound, WouldLockOut
from chalicelib.intake.policies import Rulebook
from chalicelib.intake.reading import read_policy
from chalicelib.model.caller import Caller
from chalicelib.model.policy import Policy, PolicyRecord, parse_policy, policy_to_plain
from chalicelib.model.wide import check_width
from tests.chalicelib.model.groups import GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from chalicelib.intake.bodies import PolicyIn

READ = {"effect": "Allow", "methods": ["GET"], "paths": ["/jobs/*"]}
WRITE_POLICIES = {"effect": "Allow", "methods": ["PUT", "DELETE"], "paths": ["/policies/*"]}


@dataclass
class Shelf:
    """Policies in memory."""

    kept: dict[str, Policy] = field(default_factory=lambda: dict(GROUPS))

    def get(self, group: str) -> PolicyRecord | None:
        return self._record(group) if group in self.kept else None

    def read_again(self, groups: Iterable[str]) -> list[Policy]:
        return [self.kept[group] for group in groups if group in self.kept]

    def put(self, raw: Mapping[str, object], *, by: str) -> PolicyRecord:
        policy = parse_policy(raw)
        check_width(policy)
        self.kept[policy.group] = policy
        return PolicyRecord(policy=policy, rev=1, updated_at=0, updated_by=by)

    def delete(self, group: str) -> PolicyRecord | None:
        found = self.get(group)
        self.kept.pop(group, None)
        return found

    def page(self, *, limit: int, after: str | None) -> tuple[list[PolicyRecord], str | None]:  # noqa: ARG002
        return [self._record(group) for group in sorted(self.kept)], None

    def _record(self, group: str) -> PolicyRecord:
        return PolicyRecord(policy=self.kept[group], rev=1, updated_at=0, updated_by="ops")


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def rulebook(shelf: Shelf) -> Rulebook:
    return Rulebook(policies=shelf)


def body(*statements: dict[str, Any], **members: Any) -> PolicyIn:
    return read_policy(json.dumps({"statements": statements or [READ], **members}).encode())


def who(shelf: Shelf, *groups: str) -> Caller:
    statements = tuple(one for group in groups for one in shelf.kept[group].statements)
    return Caller(principal="root", statements=statements, expires_at=0, groups=groups)


def test_a_policy_is_written_whole_shown_listed_and_taken_away(rulebook: Rulebook, shelf: Shelf) -> None:
    root = who(shelf, "admin")
    limits = {"domains": ["shop"]}

    written = rulebook.put(root, "shop", body(limits=limits, why="A shop.", acknowledges=["every_secret"]))

    assert written.updated_by == "root"
    assert policy_to_plain(rulebook.show("shop").policy) == {
        "group": "shop",
        "statements": [READ],
        "limits": limits,
        "why": "A shop.",
        "acknowledges": ["every_secret"],
    }
    assert policy_to_plain(rulebook.put(root, "shop", body()).policy) == {"group": "shop", "statements": [READ]}
    assert [one.policy.group for one in rulebook.page(limit=9, after=None)[0]] == [
        "admin",
        "consumer",
        "producer",
        "shop",
    ]
    assert rulebook.delete(root, "shop").policy.group == "shop"
    for verb in (rulebook.show, lambda group: rulebook.delete(root, group)):
        with pytest.raises(NotFound):
            verb("shop")


@pytest.mark.parametrize(
    ("given", "where", "rule"),
    [
        ({"statements": [READ, {**READ, "paths": ["/a", "/b?"]}]}, "statements[1].paths[1]", "holds a character"),
        (
            {"statements": [{**READ, "paths": ["/subjects/*"]}]},
            "statements[0].paths[0]",
            "reaches the secrets of other",
        ),
        ({"statements": [WRITE_POLICIES]}, "statements[0].paths[0]", "reaches administration"),
        ({"statements": [READ], "limits": {}}, "limits", "must have one of"),
        ({"statements": [READ], "limits": {"domains": ["Shop"]}}, "limits.domains[0]", "must be a name"),
        ({"statements": [READ], "acknowledges": ["every_secret"] * 2}, "acknowledges", "each once"),
    ],
)
def test_what_a_policy_must_not_say_is_refused_with_its_place_and_the_rule(
    rulebook: Rulebook, shelf: Shelf, given: dict[str, Any], where: str, rule: str
) -> None:
    with pytest.raises(InvalidBody) as caught:
        rulebook.put(who(shelf, "admin"), "shop", read_policy(json.dumps(given).encode()))

    assert caught.value.facts["field"] == where
    assert rule in str(caught.value.facts["rule"])
    assert "shop" not in shelf.kept


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({}, "statements"),
        ({"statements": []}, "statements"),
        ({"statements": [{**READ, "effect": "Perhaps"}]}, "statements[0].effect"),
        ({"statements": [{**READ, "methods": ["GET", "get"]}]}, "statements[0].methods[1]"),
        ({"statements": [{**READ, "paths": ["/" + "x" * 128]}]}, "statements[0].paths[0]"),
        ({"statements": [{**READ, "condition": {}}]}, "statements[0].condition"),
        ({"statements": [READ], "limits": {"subjects": ["a"]}}, "limits.subjects"),
        ({"statements": [READ], "group": "admin"}, "group"),
        ({"statements": [READ], "acknowledges": ["everything"]}, "acknowledges[0]"),
    ],
)
def test_a_body_that_is_no_policy_is_refused_by_name(given: dict[str, Any], where: str) -> None:
    with pytest.raises(InvalidBody) as caught:
        read_policy(json.dumps(given).encode())

    assert caught.value.facts["field"] == where


def test_nobody_takes_from_itself_the_right_to_write_that_policy(rulebook: Rulebook, shelf: Shelf) -> None:
    root = who(shelf, "consumer", "admin")

    with pytest.raises(WouldLockOut):
        rulebook.put(root, "admin", body())
    with pytest.raises(WouldLockOut):
        rulebook.delete(root, "admin")
    deny = {"effect": "Deny", "methods": ["PUT"], "paths": ["/policies/*"]}
    with pytest.raises(WouldLockOut):
        rulebook.put(root, "consumer", body(READ, deny))

    assert shelf.kept == GROUPS


def test_a_change_that_leaves_the_right_is_made(rulebook: Rulebook, shelf: Shelf) -> None:
    root = who(shelf, "consumer", "admin")
    narrower = body(WRITE_POLICIES, acknowledges=["administration"])

    assert rulebook.put(root, "admin", narrower).policy.acknowledges == ("administration",)
    assert rulebook.delete(root, "consumer")
    deny = {"effect": "Deny", "methods": ["PUT"], "paths": ["/policies/*"]}
    assert rulebook.put(who(shelf, "admin"), "not-its-own", body(deny))


def test_a_right_from_another_group_is_right_enough(rulebook: Rulebook, shelf: Shelf) -> None:
    shelf.kept["second"] = parse_policy({**policy_to_plain(GROUPS["admin"]), "group": "second"})

    assert rulebook.delete(who(shelf, "admin", "second"), "admin")


def test_it_is_judged_by_the_policies_as_they_are_now(rulebook: Rulebook, shelf: Shelf) -> None:
    """The bearer's statements are up to minutes old: the second group was emptied since."""
    shelf.kept["second"] = parse_policy({**policy_to_plain(GROUPS["admin"]), "group": "second"})
    root = who(shelf, "admin", "second")
    shelf.kept["second"] = parse_policy({"group": "second", "statements": [READ]})

    with pytest.raises(WouldLockOut):
        rulebook.delete(root, "admin")


def test_who_could_only_delete_loses_no_right_to_write(rulebook: Rulebook, shelf: Shelf) -> None:
    delete = {"effect": "Allow", "methods": ["DELETE"], "paths": ["/policies/consumer"]}
    shelf.kept["janitor"] = parse_policy({"group": "janitor", "statements": [delete]})

    assert rulebook.delete(who(shelf, "janitor"), "consumer")
