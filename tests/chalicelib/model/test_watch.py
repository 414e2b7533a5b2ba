from __future__ import annotations

import pytest
from msgspec.structs import replace

from chalicelib.model.change import JobChange
from chalicelib.model.job import Type
from chalicelib.model.limits import Limits, Reach
from chalicelib.model.watch import Scope, Watch, persons_of
from tests.chalicelib.examples import HOOK, JANE, a_job, a_place, a_watch, an_id

HERS = {"subject": JANE, "requester": HOOK}
HERS_ASKED_BY_HER = {"subject": JANE, "requester": JANE}
ANOTHERS = {"subject": "john", "requester": HOOK}


@pytest.mark.parametrize(
    ("watch", "job", "hears"),
    [
        (a_watch(), HERS, True),
        (a_watch(), HERS_ASKED_BY_HER, True),
        (a_watch(), ANOTHERS, False),
        (a_watch(owns=False), HERS, False),
        (a_watch(owns=False), HERS_ASKED_BY_HER, True),
        (a_watch(principal=HOOK, person=HOOK, owns=False), HERS, True),
        (a_watch(principal=HOOK, person=HOOK, owns=False), ANOTHERS, True),
        (a_watch(principal=HOOK, person=HOOK, owns=False), HERS_ASKED_BY_HER, False),
        (a_watch(scope=Scope.SUBJECT), HERS, True),
        (a_watch(scope=Scope.SUBJECT), {"subject": "john", "requester": JANE}, False),
    ],
)
def test_a_person_hears_of_what_is_theirs_and_of_nothing_else(watch: Watch, job: dict[str, str], hears: bool) -> None:  # noqa: FBT001
    assert watch.hears_of(a_job(**job)) is hears


def test_a_ticket_for_one_job_hears_of_that_job_alone() -> None:
    watch = a_watch(scope=Scope.JOB, job_id=an_id(1))

    assert watch.hears_of(a_job(1)) is True
    assert watch.hears_of(a_job(2)) is False


def test_whoever_hears_of_a_job_is_found_under_its_subject_or_requester() -> None:
    assert persons_of(a_job(**HERS)) == {JANE, HOOK}
    assert persons_of(a_job(**HERS_ASKED_BY_HER)) == {JANE}


def test_a_change_is_visible_when_the_job_is_new_or_moved() -> None:
    assert JobChange(before=None, after=a_job(), token=None).is_visible is True
    assert JobChange(before=a_job(), after=a_job(rev=2), token=None).is_visible is True
    assert JobChange(before=a_job(), after=a_job(), token=None).is_visible is False


SHOP = (Reach((Limits(domains=("shop",)),)),)


def test_a_watch_that_is_limited_hears_of_nothing_outside() -> None:
    inside, outside = (a_job(**HERS, place=a_place(domain=domain)) for domain in ("shop", "office"))

    for watch in (a_watch(within=SHOP), a_watch(scope=Scope.SUBJECT, within=SHOP)):
        assert watch.hears_of(inside)
        assert not watch.hears_of(outside)
    asked = a_watch(principal=HOOK, person=HOOK, owns=False, asked_within=SHOP)
    assert asked.hears_of(inside)
    assert not asked.hears_of(outside)


def test_all_limits_of_a_watch_count() -> None:
    both = (*SHOP, Reach((Limits(providers=("google",)), Limits(providers=("apple",)))))
    watch = a_watch(within=both)

    assert watch.hears_of(a_job(**HERS, place=a_place(domain="shop", provider="apple")))
    assert not watch.hears_of(a_job(**HERS, place=a_place(domain="shop", provider="hybris")))


def test_an_import_lies_in_no_place_and_is_told_to_who_asked_for_it() -> None:
    imported = replace(a_job(requester=HOOK, subject=HOOK, type=Type.IMPORT), place=None, token_id=None)

    assert a_watch(principal=HOOK, person=HOOK, owns=False, asked_within=SHOP).hears_of(imported)
    assert not a_watch(principal="root", person=HOOK, scope=Scope.SUBJECT, within=SHOP).hears_of(imported)
    assert a_watch(principal="root", person=HOOK, scope=Scope.SUBJECT).hears_of(imported)
