"""Issuers side by side: whose people, whose groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.admit.claims import Fault
from chalicelib.admit.issuers import read_issuers
from chalicelib.admit.together import made_known
from tests.chalicelib.admit.issuer import an_issuer
from tests.chalicelib.admit.test_issuers import SHORT, faults, one, setting

if TYPE_CHECKING:
    from chalicelib.admit.issuer import Issuer

ANOTHER = {"issuer": "https://two.example/"}


def test_two_issuers_without_prefixes_could_speak_for_each_others_people_and_are_refused() -> None:
    said = faults(one(), one(**ANOTHER))

    assert said.startswith("ISSUERS[1].principal_prefix must be another than ISSUERS[0]'s, or each could speak for")
    assert '"principals": "shared"' in said


def test_one_beside_the_short_form_needs_a_prefix() -> None:
    assert faults(one(), short=SHORT).startswith("ISSUERS[0].principal_prefix must be another than JWT_ISSUER's")
    assert faults(one(principals="shared"), short=SHORT).startswith("ISSUERS[0].principal_prefix must be another")
    assert len(read_issuers(setting(one(principal_prefix="one:")), SHORT)) == 2


@pytest.mark.parametrize("prefix", [..., "a:"])
def test_people_are_shared_only_where_both_say_so(prefix: object) -> None:
    shared = {"principal_prefix": prefix, "principals": "shared"}

    assert len(read_issuers(setting(one(**shared), one(**ANOTHER, **shared)))) == 2
    assert "principal_prefix must be another" in faults(one(**shared), one(**ANOTHER, principal_prefix=prefix))
    assert "principal_prefix must be another" in faults(one(principal_prefix=prefix), one(**ANOTHER, **shared))


def test_a_third_one_shares_with_neither_of_two() -> None:
    shared = {"principals": "shared"}
    third = one(issuer="https://three.example/")

    assert "ISSUERS[2].principal_prefix" in faults(one(**shared), one(**ANOTHER, **shared), third)
    assert len(read_issuers(setting(one(**shared), one(**ANOTHER, **shared), {**third, "principal_prefix": "3:"}))) == 3


def test_groups_of_one_prefix_are_one_issuers() -> None:
    prefixed = {"groups": ..., "group_prefix": "x:"}
    said = faults(one(**prefixed, principal_prefix="1:"), one(**ANOTHER, **prefixed, principal_prefix="2:"))

    assert said == "ISSUERS[1].group_prefix must be another than ISSUERS[0]'s, or list the `groups` that count"
    unprefixed = one(groups=..., group_prefix="", principal_prefix="1:")
    assert "group_prefix must be another than JWT_ISSUER's" in faults(unprefixed, short=SHORT)


def test_one_issuer_by_two_names_shares_its_groups_as_its_people() -> None:
    whole = {"groups": ..., "group_prefix": "", "principals": "shared"}
    first, second = read_issuers(setting(one(**whole), one(**ANOTHER, **whole)))

    assert first.groups_of({"groups": ["admin"]}) == second.groups_of({"groups": ["admin"]}) == ("admin",)
    assert principal_of(first, "jane") == principal_of(second, "jane") == "jane"


def test_an_issuer_is_described_once_and_a_discovery_document_is_one_issuers() -> None:
    assert "ISSUERS[1].issuer is ISSUERS[0]'s, too" in faults(one(), one(principal_prefix="2:"))
    document = {"discovery_url": "https://one.example/.well-known/openid-configuration"}
    said = faults(one(), one(**ANOTHER, **document, principal_prefix="2:"))
    assert said == "ISSUERS[1].discovery_url is asked for ISSUERS[0], too: a document is one issuer's"
    keys = {"jwks_url": "https://keys.example/of-all-tenants"}
    assert len(read_issuers(setting(one(**keys), one(**ANOTHER, **keys, principal_prefix="2:")))) == 2


def principal_of(issuer: Issuer, sub: str) -> str | None:
    try:
        return issuer.principal({"sub": sub})
    except Fault:
        return None


def test_a_name_that_begins_with_anothers_prefix_is_not_this_ones_to_give() -> None:
    bare, two = read_issuers(setting(one(principal_prefix="two:")), SHORT)

    assert principal_of(bare, "jane") == "jane"
    assert principal_of(bare, "two") == "two"
    with pytest.raises(Fault, match="principal"):
        bare.principal({"sub": "two:jane"})
    assert principal_of(two, "jane") == "two:jane"
    assert principal_of(two, "two:jane") == "two:two:jane"


PREFIXES = st.lists(st.text(alphabet="ab", max_size=4), min_size=2, max_size=4, unique=True)
NAMES = st.lists(st.text(alphabet="ab", min_size=1, max_size=4), max_size=30)


@given(prefixes=PREFIXES, subs=NAMES)
def test_no_two_issuers_give_one_name_whatever_their_prefixes(prefixes: list[str], subs: list[str]) -> None:
    issuers = made_known([an_issuer(name=f"i{n}", principal_prefix=prefix) for n, prefix in enumerate(prefixes)])

    given_by = [{principal_of(issuer, sub) for sub in subs} - {None} for issuer in issuers]

    assert sum(map(len, given_by)) == len(set().union(*given_by))


@given(prefixes=PREFIXES, groups=NAMES)
def test_no_two_issuers_give_one_group_whatever_their_prefixes(prefixes: list[str], groups: list[str]) -> None:
    issuers = made_known([an_issuer(name=f"i{n}", group_prefix=prefix) for n, prefix in enumerate(prefixes)])

    given_by = [set(issuer.groups_of({"groups": groups})) for issuer in issuers]

    assert sum(map(len, given_by)) == len(set().union(*given_by))


def test_a_group_that_the_operator_named_counts_whoever_else_has_a_prefix() -> None:
    named = one(groups={"ops": "two:ops"}, principal_prefix="1:")
    first, _ = read_issuers(setting(named, one(**ANOTHER, groups=..., group_prefix="two:", principal_prefix="2:")))

    assert first.groups_of({"groups": ["ops", "two:ops", "two:admin"]}) == ("two:ops",)
