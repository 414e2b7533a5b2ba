from __future__ import annotations

import pytest

from chalicelib.model.caller import Caller
from tests.chalicelib.examples import HOOK, JANE, a_place
from tests.chalicelib.model.groups import GROUPS


def caller(principal: str, *groups: str) -> Caller:
    statements = tuple(statement for group in groups for statement in GROUPS[group].statements)
    return Caller(principal=principal, statements=statements, expires_at=0)


@pytest.mark.parametrize(
    ("who", "collects", "sees"),
    [
        (caller(JANE, "consumer"), True, True),
        (caller("john", "consumer"), False, False),
        (caller(HOOK, "producer"), False, True),  # its own request
        (caller("other-hook", "producer"), False, False),
        (caller("root", "admin"), True, True),
        (caller(JANE), False, False),
        (caller(JANE, "consumer", "producer"), False, True),  # the producer's Deny wins
    ],
)
def test_a_token_is_seen_and_collected_by_whom_it_belongs_to(who: Caller, collects: bool, sees: bool) -> None:  # noqa: FBT001
    assert who.may_collect(a_place()) is collects
    assert who.may_see(a_place(), HOOK) is sees
