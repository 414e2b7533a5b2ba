"""Groups and principals that look like, sort like or fold to another's."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.stack.attacks.forge import claims, header, signed
from tests.stack.http import Api, at, hand_in, unique

if TYPE_CHECKING:
    from devtool.testing import LiveCloud
    from tests.stack.attacks.gate import Gate

GROUPS = (
    *(
        "Admin",
        "ADMIN",
        "aDMIN",
        "adm\u0131n",
        "ADM\u0130N",
        "\u0430dmin",
        "adm\u0456n",
        "\u1d43dmin",
        "\U0001d41admin",
    ),
    *("\uff41\uff44\uff4d\uff49\uff4e", "admi\u0301n", "a\u0308dmin", "ad\u200bmin", "ad\u200dmin", "admin\u200e"),
    *("\u202eadmin", "\u2066admin\u2069", "admin\ufeff", "ad\u00admin", "admin\ufe0f", "\u00a0admin", "admin\u00a0"),
    *("admin ", " admin", "admin\t", "admin\n", "admin\r\n", "admin\0", "\0admin", "admin\x1f", "admin\x7f", "admin/"),
    *("/admin", "admin.", "admin#", "admin%00", "%61dmin", "&#97;dmin", "\\u0061dmin", "admin;", "admin'--", "a*", "*"),
    *("\u24b6dmin", "\u0251dmin", "\u03b1dmin", "admin\u0307", "rn", "adrnin", "admin\ud7ff", "\ufb01", "a\u034fdmin"),
)
SPACES = "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u00a0\u1680\u2000\u2003\u2009\u2028\u2029\u202f\u205f\u3000\u200b\ufeff"
VICTIM = "auth0|Kim.fine"
HOOK = "login-hook-of-Kim"


@pytest.mark.parametrize("group", GROUPS, ids=ascii)
def test_a_group_that_is_like_another_is_not_that_one(gate: Gate, cloud: LiveCloud, group: str) -> None:
    gate.refuses(signed(cloud, header(cloud), claims(cloud, groups=[group])), "no_policy")
    gate.refuses(signed(cloud, header(cloud), claims(cloud, groups=[group, group.upper(), f"{group}x"])), "no_policy")


@pytest.mark.parametrize("space", SPACES, ids=ascii)
def test_groups_in_a_text_are_parted_by_spaces_alone(gate: Gate, cloud: LiveCloud, space: str) -> None:
    for text in (f"nobody{space}admin", f"{space}admin", f"admin{space}", f"admin{space}admin"):
        gate.refuses(signed(cloud, header(cloud), claims(cloud, groups=text)), "no_policy")
    gate.admits(signed(cloud, header(cloud), claims(cloud, groups="nobody admin")))


LOOKALIKES = (
    *("auth0|\u212aim.fine", "auth0|kim.fine", "AUTH0|KIM.FINE", "auth0|K\u0131m.fine", "auth0|K\u0456m.fine"),
    *("auth0|Kim.\ufb01ne", "auth0\u2223Kim.fine", "auth0\u01c0Kim.fine", "auth0|Kim\u2024fine", "auth0|Kim\u3002fine"),
    *("auth\u20700|Kim.fine", "auth\u041e|Kim.fine", "authO|Kim.fine", "auth0|Kim.fin\u0435", "auth0|Kim.fine\u200e"),
    *("auth0|Kim.fine\u00ad", "\u2066auth0|Kim.fine\u2069", "auth0|K\u034fim.fine", "auth0|Kim.fine\ufe0f"),
    *("auth0|Kim.fine\t", "auth0|Kim.fine\u3000", "auth0|Kim.fine\u00a0", "auth0|Kim.fine\x7f", "auth0|Kim.fine\x85"),
    *("auth0|Kim.fine\u115f", "auth0|Kim.fine\u3164", "auth0|Kim.fine.", "auth0||Kim.fine", "auth0|Kim.fine,x"),
    *("auth0|Kim+x.fine", "auth0\\|Kim.fine", "auth0&#124;Kim.fine", "auth0\\u007cKim.fine", "auth0%7cKim.fine"),
)


@pytest.fixture(scope="module")
def victims(api: Api, cloud: LiveCloud) -> str:
    """Return the id of a token of the victim, handed in by the victim's own producer."""
    answer = api.post("/tokens", api.bearer(HOOK, "producer"), body=hand_in(VICTIM))
    assert answer.status == 202
    assert cloud.settle()
    return str(answer.json["id"])


@pytest.mark.parametrize("principal", LOOKALIKES, ids=ascii)
def test_a_principal_that_is_like_another_reaches_nothing_of_it(api: Api, victims: str, principal: str) -> None:
    bearer = api.consumer(principal)
    paths = [at(VICTIM), at(VICTIM, "google"), at(VICTIM, "google", "secret"), f"/subjects/{quote(VICTIM)}/jobs"]
    paths += [f"/tokens/{victims}", f"/tokens/{victims}/secret", f"/jobs/{victims}"]

    answers = [api.get(path, bearer) for path in paths]
    answers += [api.delete(f"/tokens/{victims}", bearer), api.post("/tickets", bearer, body={"subject": VICTIM})]
    answers += [api.post(f"/tokens/{victims}/refresh", bearer), api.post(f"/jobs/{victims}/cancel", bearer)]

    for answer in answers:
        assert (answer.status, answer.code) in ((401, "unauthorized"), (403, "forbidden"), (404, "not_found")), answer
        assert set(answer.json) == {"type", "title", "status", "code", "detail"}


@pytest.mark.parametrize(
    "principal",
    [
        "Login-hook-of-Kim",
        "login-hook-of-\u212aim",
        "login\u2010hook\u2010of\u2010Kim",
        "login-hook-of-Kim\u200b",
        "login-hook-of-Kim ",
    ],
    ids=ascii,
)
def test_a_producer_that_is_like_another_sees_nothing_that_the_other_handed_in(
    api: Api, victims: str, principal: str
) -> None:
    bearer = api.bearer(principal, "producer")

    for path in (f"/tokens/{victims}", f"/jobs/{victims}"):
        assert api.get(path, bearer).status in (403, 404)
        assert api.get(path, api.bearer(HOOK, "producer")).status == 200


def test_an_idempotency_key_of_another_is_not_found_by_a_lookalike(api: Api) -> None:
    subject, key = unique("keyed"), {"Idempotency-Key": "login-1"}
    first = api.post("/tokens", api.bearer(HOOK, "producer"), body=hand_in(subject), headers=key)

    other = api.post("/tokens", api.bearer("login-hook-of-\u212aim", "producer"), body=hand_in(subject), headers=key)

    assert (first.status, other.status) == (202, 202)
    assert first.json["id"] != other.json["id"]
