"""Callers whose admission the gateway kept: looked at again, as seldom as that does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from chalicelib.admit.standing import Standing
from chalicelib.errors import AccessUnknown, Unauthorized
from chalicelib.model.access import FRESH, SKEW, Access, Epoch
from chalicelib.model.policy import Policy, Statement
from tests.chalicelib.examples import JANE, NOW, a_bearer, an_end
from tests.chalicelib.model.groups import GROUPS
from tests.chalicelib.model.test_caller import caller

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.model.caller import Caller
    from tests.chalicelib.examples import Clock

LONG_AGO = NOW - 100 * FRESH
DENY = Policy(group="suspended", statements=(Statement(effect="Deny", methods=("*",), paths=("/*",)),))
THEN, NOW_COUNTS = Epoch(rev=4, policies=2), Epoch(rev=5, policies=3)


@dataclass
class Surroundings:
    """What is known and which policies there are; and how often each was asked for."""

    access: Access = field(default_factory=lambda: Access(known_at=NOW, epoch=THEN))
    policies: dict[str, Policy] = field(default_factory=lambda: dict(GROUPS))
    looks: int = 0
    read: list[tuple[str, ...]] = field(default_factory=list)
    because: list[str] = field(default_factory=list)
    fault: Exception | None = None

    def current(self) -> Access:
        self.looks += 1
        if self.fault is not None:
            raise self.fault
        return self.access

    def since(self, moment: int) -> Access:
        assert moment == NOW
        return self.current()

    def of(self, groups: Sequence[str]) -> list[Policy]:
        self.read.append(tuple(groups))
        return [self.policies[group] for group in groups if group in self.policies]


@pytest.fixture
def around() -> Surroundings:
    return Surroundings()


@pytest.fixture
def standing(around: Surroundings, clock: Clock) -> Standing:
    return Standing(
        access=around.current, since=around.since, policies_of=around.of, now=clock, because=around.because.append
    )


def admitted(known_at: int = LONG_AGO, **members: Any) -> Caller:
    usual = {"groups": ("consumer",), "other_groups": ("staff",), "bearer": a_bearer(epoch=2), "known_at": known_at}
    return replace(caller(JANE, "consumer"), **{**usual, **members})


@pytest.mark.parametrize(("age", "looks"), [(0, 0), (FRESH - 1, 0), (FRESH, 1), (-SKEW, 0), (-SKEW - 1, 1)])
def test_what_the_authorizer_knew_just_now_needs_no_look(
    standing: Standing, around: Surroundings, age: int, looks: int
) -> None:
    who = admitted(NOW - age)

    assert standing.of(who) == who
    assert around.looks == looks


def test_who_was_not_revoked_under_policies_that_stand_is_who_it_was(standing: Standing, around: Surroundings) -> None:
    assert standing.of(admitted()) == admitted()

    assert (around.looks, around.read, around.because) == (1, [], [])


def test_what_is_given_to_keep_is_given_by_what_the_table_says_now(standing: Standing, around: Surroundings) -> None:
    around.access = replace(around.access, epoch=NOW_COUNTS)

    assert standing.by_now(admitted(NOW)).bearer.epoch == 3
    assert around.looks == 1


def test_who_was_revoked_is_not_told_so_but_the_log_is(standing: Standing, around: Surroundings) -> None:
    around.access = replace(around.access, revoked={an_end().id: an_end()})

    with pytest.raises(Unauthorized) as refused:
        standing.of(admitted())

    assert (refused.value.code, refused.value.facts) == ("unauthorized", {})
    assert "revoked" not in refused.value.detail
    assert around.because == ["revoked"]


def test_where_nobody_knows_who_was_revoked_nobody_is_served(standing: Standing, around: Surroundings) -> None:
    around.fault = AccessUnknown()

    with pytest.raises(AccessUnknown):
        standing.of(admitted())


def test_a_policy_that_was_narrowed_counts(standing: Standing, around: Surroundings) -> None:
    around.access = replace(around.access, epoch=NOW_COUNTS)
    around.policies["consumer"] = replace(
        GROUPS["consumer"], statements=(Statement(effect="Allow", methods=("GET",), paths=("/jobs/*",)),)
    )

    now = standing.of(admitted())

    assert around.read == [("consumer", "staff")]
    assert not now.may("DELETE", "/tokens/x")
    assert now.may("GET", "/jobs/x")
    assert (now.groups, now.other_groups, now.bearer.epoch) == (("consumer",), ("staff",), 3)


def test_a_group_that_had_no_policy_may_be_given_a_deny(standing: Standing, around: Surroundings) -> None:
    around.access = replace(around.access, epoch=NOW_COUNTS)
    around.policies["suspended"] = DENY

    now = standing.of(admitted(other_groups=("suspended",)))

    assert not now.may("GET", "/jobs/x")
    assert (now.groups, now.other_groups) == (("consumer", "suspended"), ())


def test_an_epoch_that_went_back_is_another_one(standing: Standing, around: Surroundings) -> None:
    around.access = replace(around.access, epoch=Epoch(rev=1, policies=1))

    standing.of(admitted())

    assert around.read == [("consumer", "staff")]


@pytest.mark.parametrize(
    ("policies", "changes", "code"),
    [
        ({}, {}, "no_policy"),
        (GROUPS, {"groups": (), "other_groups": ()}, "no_policy"),
        (GROUPS, {"other_groups": None}, "policies_changed"),
    ],
    ids=["its last policy was deleted", "it has no group", "nobody knows all its groups"],
)
def test_who_has_no_policy_any_more_is_refused(
    standing: Standing, around: Surroundings, policies: dict[str, Policy], changes: Any, code: str
) -> None:
    around.access = replace(around.access, epoch=NOW_COUNTS)
    around.policies = dict(policies)

    with pytest.raises(Unauthorized):
        standing.of(admitted(**changes))

    assert around.because == [code]
