from __future__ import annotations

import pytest
from msgspec.structs import replace

from chalicelib.errors import OutsideLimits
from chalicelib.model.caller import Caller
from chalicelib.model.job import Type
from chalicelib.model.limits import Limits, Reach
from chalicelib.model.policy import parse_policy
from tests.chalicelib.examples import HOOK, JANE, a_bearer, a_job, a_place
from tests.chalicelib.model.groups import GROUPS, one


def caller(principal: str, *groups: str) -> Caller:
    statements = tuple(statement for group in groups for statement in GROUPS[group].statements)
    return Caller(principal=principal, statements=statements, expires_at=0, bearer=a_bearer())


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


def limited(domain: str, *, principal: str = HOOK) -> Caller:
    """Return a caller who may do everything within a domain, and asks for something there."""
    every = {"effect": "Allow", "methods": ["*"], "paths": ["/*"]}
    policy = parse_policy({"group": "g", "statements": [every], "limits": {"domains": [domain]}})
    return Caller(principal=principal, statements=policy.statements, expires_at=0).asking("GET", "/jobs/j")


def test_whatever_is_touched_lies_within_the_limits_also_what_one_handed_in() -> None:
    mine, other = a_place(domain="shop"), a_place(domain="office")
    who = limited("shop")

    assert (who.may_collect(mine), who.may_see(mine, HOOK), who.may_see(mine, "another")) == (True, True, True)
    assert (who.may_collect(other), who.may_see(other, HOOK), who.may_see(other, "another")) == (False, False, False)


def test_what_allows_the_request_is_limited_however_free_another_statement_is() -> None:
    """Who may delete in one domain, and read everywhere, deletes in that domain."""
    delete = {"effect": "Allow", "methods": ["DELETE"], "paths": ["/tokens/*"]}
    shop = parse_policy({"group": "g", "statements": [delete], "limits": {"domains": ["shop"]}})
    read = caller("root", "admin").statements[0]
    who = Caller(principal="root", expires_at=0, statements=(*shop.statements, replace(read, methods=("GET",))))

    deleting = who.asking("DELETE", "/tokens/t")

    assert deleting.may_collect(a_place(domain="shop"))
    assert not deleting.may_collect(a_place(domain="office"))
    assert who.asking("GET", "/tokens/t").may_collect(a_place(domain="office"))


def test_a_secret_is_read_within_the_limits_of_what_allows_its_subjects_path() -> None:
    """Who may ask for any id, and read the subjects of one domain, reads those."""
    ids = one("Allow", ["GET"], "/tokens/*")
    read = {"effect": "Allow", "methods": ["GET"], "paths": ["/subjects/*"]}
    shop = parse_policy({"group": "g", "statements": [read], "limits": {"domains": ["shop"]}})
    who = Caller(principal="backend", expires_at=0, statements=(ids, *shop.statements)).asking("GET", "/tokens/t")

    assert (who.may_collect(a_place(domain="shop")), who.may_see(a_place(domain="shop"), HOOK)) == (True, True)
    assert (who.may_collect(a_place(domain="office")), who.may_see(a_place(domain="office"), HOOK)) == (False, False)


def test_a_job_that_lies_in_no_place_is_for_who_asked_and_for_who_is_not_limited() -> None:
    job = replace(a_job(type=Type.IMPORT), token_id=None, place=None, requester=HOOK, subject=HOOK)

    assert limited("shop").may_see_job(job)
    assert not limited("shop", principal="other").may_see_job(job)
    assert caller("root", "admin").asking("GET", "/jobs/j").may_see_job(job)


def test_limits_that_take_too_much_room_are_not_kept() -> None:
    names = tuple(f"{number}-{'x' * 60}" for number in range(32))
    many = Reach(tuple(Limits(domains=names, providers=(f"p{number}",)) for number in range(3)))

    with pytest.raises(OutsideLimits, match="more limits than can be kept"):
        replace(limited("shop"), reach=many).kept_reach()
    assert limited("shop").kept_reach() == Reach((Limits(domains=("shop",)),))
