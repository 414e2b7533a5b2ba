"""Who is revoked: the one decision, as a table; and how old knowledge may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from chalicelib.model.access import (
    FRESH,
    LAST_RESORT,
    SKEW,
    Access,
    Epoch,
    Kind,
    id_of,
    is_fresh,
    kind_of,
)
from chalicelib.model.clock import SECOND
from chalicelib.model.watch import Scope
from tests.chalicelib.examples import JANE, NOW, a_bearer, a_watch, an_end

if TYPE_CHECKING:
    from chalicelib.model.access import Bearer, Revocation

ISSUED = NOW // SECOND - 60
BLOCK = an_end()
OLD_SESSIONS = an_end(Kind.SESSIONS, issued_before=ISSUED * SECOND)
SESSIONS = an_end(Kind.SESSIONS, issued_before=ISSUED * SECOND + 1)
ONE_BEARER = an_end(Kind.BEARER, "token-1")


def known(*revocations: Revocation, **members: object) -> Access:
    return replace(Access(known_at=NOW, revoked={one.id: one for one in revocations}), **members)


@pytest.mark.parametrize(
    ("revocations", "principal", "bearer", "ended_by"),
    [
        pytest.param([], JANE, a_bearer(), None, id="nothing is revoked"),
        pytest.param([BLOCK], JANE, a_bearer(), BLOCK, id="a principal"),
        pytest.param([BLOCK], "john", a_bearer(), None, id="another principal"),
        pytest.param([BLOCK], JANE, a_bearer(issued_at=ISSUED + 10**9), BLOCK, id="a later bearer of a blocked one"),
        pytest.param([SESSIONS], JANE, a_bearer(), SESSIONS, id="a bearer issued before"),
        pytest.param([OLD_SESSIONS], JANE, a_bearer(), None, id="a bearer issued in that very second"),
        pytest.param([SESSIONS], JANE, a_bearer(issued_at=ISSUED + 1), None, id="a bearer issued after"),
        pytest.param([SESSIONS], JANE, a_bearer(issued_at=None), SESSIONS, id="a bearer that does not say when"),
        pytest.param([ONE_BEARER], JANE, a_bearer(), ONE_BEARER, id="a bearer by its jti"),
        pytest.param([ONE_BEARER], "john", a_bearer(), ONE_BEARER, id="whosever it is"),
        pytest.param([ONE_BEARER], JANE, a_bearer(token_id="token-2"), None, id="another bearer"),
        pytest.param([ONE_BEARER], JANE, a_bearer(token_id=""), None, id="a bearer without a jti"),
        pytest.param([an_end(Kind.BEARER, "")], JANE, a_bearer(token_id=""), None, id="no jti is no name"),
        pytest.param([an_end(name="token-1")], JANE, a_bearer(), None, id="a principal called as a jti"),
        pytest.param([an_end(Kind.BEARER, JANE)], JANE, a_bearer(), None, id="a jti called as a principal"),
        pytest.param([an_end(until=NOW)], JANE, a_bearer(), None, id="one that has lapsed"),
        pytest.param([an_end(until=NOW), SESSIONS], JANE, a_bearer(), SESSIONS, id="one lapsed, one not"),
    ],
)
def test_who_is_revoked(
    revocations: list[Revocation], principal: str, bearer: Bearer, ended_by: Revocation | None
) -> None:
    assert known(*revocations).revocation_of(principal, bearer, NOW) == ended_by


def test_a_block_until_a_moment_ends_with_it_and_not_before() -> None:
    access = known(an_end(until=NOW + SECOND))

    assert access.revocation_of(JANE, a_bearer(), NOW + SECOND - 1) is not None
    assert access.revocation_of(JANE, a_bearer(), NOW + SECOND) is None


@pytest.mark.parametrize(
    ("one", "other", "until", "issued_before"),
    [
        (an_end(until=NOW + 1), an_end(until=NOW + 2), NOW + 2, None),
        (an_end(until=NOW + 2), an_end(until=NOW + 1), NOW + 2, None),
        (an_end(until=NOW + 1), an_end(), None, None),
        (an_end(), an_end(until=NOW + 1), None, None),
        (SESSIONS, OLD_SESSIONS, None, SESSIONS.issued_before),
        (OLD_SESSIONS, SESSIONS, None, SESSIONS.issued_before),
    ],
)
def test_two_that_are_joined_meet_what_either_meets(
    one: Revocation, other: Revocation, until: int | None, issued_before: int | None
) -> None:
    joined = one.joined_with(other)

    assert (joined.until, joined.issued_before) == (until, issued_before)
    assert joined.meets_as_much_as(other) == ((other.until, other.issued_before) == (until, issued_before))


@pytest.mark.parametrize(
    ("age", "fresh", "serves"),
    [
        (0, True, True),
        (FRESH - 1, True, True),
        (FRESH, False, True),
        (LAST_RESORT - 1, False, True),
        (LAST_RESORT, False, False),
        (-SKEW, True, True),
        (-SKEW - 1, False, False),
    ],
)
def test_how_old_knowledge_may_be(age: int, fresh: bool, serves: bool) -> None:  # noqa: FBT001
    access = Access(known_at=NOW - age)

    assert access.is_fresh(NOW) is is_fresh(NOW - age, NOW) is fresh
    assert access.may_still_serve(NOW) is serves


@pytest.mark.parametrize(
    ("watch", "access", "fault"),
    [
        (a_watch(), known(), None),
        (a_watch(), known(BLOCK), "revoked"),
        (a_watch(principal="john"), known(BLOCK), None),
        (a_watch(principal="john", bearer=a_bearer(token_id="token-1")), known(ONE_BEARER), "revoked"),
        (a_watch(person="somebody", scope=Scope.SUBJECT), known(BLOCK), "revoked"),
        (a_watch(bearer=a_bearer(expires_at=NOW // SECOND - 5)), known(), "expired"),
        (a_watch(bearer=a_bearer(expires_at=NOW // SECOND - 4)), known(), None),
        (a_watch(), known(epoch=Epoch(rev=9, policies=1)), "policies_changed"),
        (a_watch(bearer=a_bearer(epoch=1)), known(epoch=Epoch(rev=9, policies=1)), None),
    ],
)
def test_when_a_watch_is_over(watch: object, access: Access, fault: str | None) -> None:
    assert watch.fault(access, NOW) == fault


def test_an_id_says_what_it_ends_and_nothing_else_is_one() -> None:
    for kind in Kind:
        assert kind_of(id_of(kind, JANE)) is kind
        assert kind_of(id_of(kind, JANE) + "\n") is None
    assert len({id_of(kind, JANE) for kind in Kind}) == 3
    for text in ("", "principal-", "team-" + "0" * 64, id_of(Kind.BEARER, JANE).upper()):
        assert kind_of(text) is None
