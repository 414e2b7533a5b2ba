from __future__ import annotations

import pytest
from msgspec.structs import replace

from chalicelib.errors import NotFound
from chalicelib.model.audit import Event, Who, about_job, asker_of, concerning, end_event, entry_id, entry_view, who_of
from chalicelib.model.job import Status, Type
from tests.chalicelib.examples import HOOK, NOW, a_job, a_token
from tests.chalicelib.model.test_caller import caller


def test_claims_that_are_too_long_are_cut_and_unknown_ones_left_out() -> None:
    groups = tuple(f"group-{number}" for number in range(99))
    long = replace(caller("p"), groups=groups, issuer="i" * 999, address="203.0.113.7")

    who = who_of(long)

    assert (len(who.issuer), len(who.groups), who.address) == (256, 256, "203.0.113.7")
    assert set(who.origin() or {}) == {"issuer", "groups", "address"}
    assert Who(principal="p").origin() is None


def test_a_job_keeps_whence_it_was_asked_for() -> None:
    who = Who(principal=HOOK, issuer="i", client="c", bearer="b", groups="x,y", address="a")

    assert asker_of(a_job(origin=who.origin())) == who
    assert asker_of(a_job()) == Who(principal=HOOK)


def test_an_entrys_id_follows_from_what_it_tells_of() -> None:
    ids = {
        entry_id(about, event, at)
        for about in ("a", "b")
        for event in (Event.STORED, Event.FAILED)
        for at in (NOW, NOW + 1)
    }

    assert len(ids) == 8
    assert entry_id("a", Event.STORED, NOW) in ids


@pytest.mark.parametrize(
    ("job_type", "to", "event"),
    [
        (Type.STORE, Status.SUCCEEDED, "token.stored"),
        (Type.REVOKE, Status.SUCCEEDED, "token.erased"),
        (Type.IMPORT, Status.SUCCEEDED, "job.succeeded"),
        (Type.STORE, Status.FAILED, "job.failed"),
        (Type.REFRESH, Status.CANCELLED, "job.cancelled"),
    ],
)
def test_each_end_has_a_name(job_type: Type, to: Status, event: str) -> None:
    assert end_event(job_type, to) == event


def test_an_entry_shows_what_is_known_and_nothing_else() -> None:
    view = entry_view(about_job(a_job(origin={"groups": "producer,x"}), Event.FAILED, NOW, code="x"))

    assert view["groups"] == ["producer", "x"]
    assert (view["at"], view["code"]) == ("2027-01-15T08:00:00.000Z", "x")
    assert not {"issuer", "address", "what", "kept_until"} & set(view)


def test_a_refusal_remembers_the_token_that_it_was_about_but_does_not_say_so() -> None:
    with pytest.raises(NotFound) as refused, concerning(a_token(3)):
        raise NotFound

    assert refused.value.concerns == a_token(3)
    assert refused.value.facts == {}
