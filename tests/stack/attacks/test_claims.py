"""Tokens that the issuer signed, for somebody else, for another time, or that say nothing that can be relied on."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.stack.attacks.forge import claims, header, signed

if TYPE_CHECKING:
    from devtool.testing import LiveCloud
    from tests.stack.attacks.gate import Gate

ISSUERS: dict[str, object] = {
    "none": ...,
    "null": None,
    "empty": "",
    "another": "https://attacker.example",
    "in a list": lambda ours: [ours],
    "in an object": lambda ours: {"iss": ours},
    "with a slash": lambda ours: f"{ours}/",
    "with a space": lambda ours: f"{ours} ",
    "with a NUL": lambda ours: f"{ours}\0",
    "in capitals": str.upper,
    "by https": lambda ours: ours.replace("http:", "https:"),
    "as user information": lambda ours: ours.replace("//", "//attacker.example@"),
    "with a query": lambda ours: f"{ours}?x",
    "with a fragment": lambda ours: f"{ours}#x",
    "with a step": lambda ours: f"{ours}/../{ours.rpartition('/')[2]}",
    "with a lookalike": lambda ours: ours.replace("o", "\u043e"),
    "of another host": lambda ours: ours.replace("//", "//attacker."),
    "in front of another": lambda ours: f"{ours}.attacker.example",
    "a number": 7,
    "true": True,
}
AUDIENCES: dict[str, object] = {
    "none": ...,
    "null": None,
    "empty": "",
    "no one": [],
    "another": "another",
    "others": ["another", "yet another"],
    "in capitals": str.upper,
    "with a space": lambda ours: f"{ours} ",
    "with others as text": lambda ours: f"another {ours}",
    "with others by comma": lambda ours: f"{ours},another",
    "longer": lambda ours: f"{ours}2",
    "shorter": lambda ours: ours[:-1],
    "with a lookalike": lambda ours: ours.replace("o", "\u043e"),
    "fullwidth": lambda ours: "".join(chr(ord(letter) + 0xFEE0) for letter in ours),
    "with zero width": lambda ours: ours.replace("k", "k\u200b"),
    "with a NUL": lambda ours: f"{ours}\0",
    "a pattern": "*",
    "patterns": ["*", ".*", "%"],
    "an object": lambda ours: {ours: True},
    "a list in a list": lambda ours: [[ours]],
    "ours and a number": lambda ours: [ours, 7],
    "ours and null": lambda ours: [ours, None],
    "letters of it": list,
    "true": True,
    "zero": 0,
}


def made_of(ours: object, how: object) -> object:
    """Return a value that is made of ours, or one that needs nothing of it."""
    return how(ours) if callable(how) else how


@pytest.mark.parametrize("which", ISSUERS)
def test_an_issuer_is_compared_letter_for_letter(gate: Gate, cloud: LiveCloud, which: str) -> None:
    gate.refuses(signed(cloud, header(cloud), claims(cloud, iss=made_of(cloud.issuer, ISSUERS[which]))), "issuer")


@pytest.mark.parametrize("which", AUDIENCES)
def test_an_audience_is_ours_letter_for_letter(gate: Gate, cloud: LiveCloud, which: str) -> None:
    gate.refuses(signed(cloud, header(cloud), claims(cloud, aud=made_of(cloud.audience, AUDIENCES[which]))), "audience")


def test_an_audience_may_be_one_of_several(gate: Gate, cloud: LiveCloud) -> None:
    for audience in ([cloud.audience], ["another", cloud.audience], [cloud.audience, cloud.audience, "*"]):
        gate.admits(signed(cloud, header(cloud), claims(cloud, aud=audience)))


YEAR = 366 * 86_400
TIMES: dict[str, tuple[dict[str, object], str]] = {
    # what is wrong: claims made of the time that it is, the code
    "expired": ({"exp": lambda now: now - 60}, "expired"),
    "expired long since": ({"exp": 0, "iat": 0}, "expired"),
    "good for years": ({"exp": lambda now: now + YEAR + 60}, "lifetime"),
    "good for ever": ({"exp": 253_402_300_799}, "lifetime"),
    "good for longer than there are dates": ({"exp": 253_402_300_800}, "claims"),
    "expiry beyond 64 bits": ({"exp": lambda now: 2**64 + now}, "claims"),
    "expiry in milliseconds": ({"exp": lambda now: now * 1000}, "claims"),
    "negative expiry": ({"exp": -1}, "claims"),
    "not yet valid": ({"nbf": lambda now: now + 60}, "not_yet_valid"),
    "not valid for years": ({"nbf": lambda now: now + 10 * YEAR}, "not_yet_valid"),
    "issued to come": ({"iat": lambda now: now + 60}, "not_yet_valid"),
    "issued in years": ({"iat": lambda now: now + 10 * YEAR}, "not_yet_valid"),
    "issued beyond dates": ({"iat": 1e300}, "claims"),
    "issued before there was time": ({"iat": -1}, "claims"),
    "both wrong": ({"exp": lambda now: now - 60, "nbf": lambda now: now + 60}, "expired"),
}


@pytest.mark.parametrize("when", TIMES)
def test_a_token_of_another_time_is_refused(gate: Gate, cloud: LiveCloud, when: str) -> None:
    made, code = TIMES[when]
    now = int(time.time())

    bearer = signed(cloud, header(cloud), claims(cloud, **{name: made_of(now, how) for name, how in made.items()}))

    if code == "expired":
        gate.sends_to_sign_in(bearer)
    else:
        gate.refuses(bearer, code)


WRONG: tuple[tuple[str, object], ...] = (
    *(("exp", value) for value in (..., None, "2999-01-01", "{now}", "", True, [], [9e9], {}, {"exp": 9e9})),
    *(("nbf", value) for value in ("{now}", "", False, [], {})),
    *(("iat", value) for value in ("{now}", "", False, [], {})),
    *(("sub", value) for value in (..., None, "", 7, 0, True, [], ["auth0|victim"], {}, {"sub": "x"}, "x" * 256)),
    *(("jti", value) for value in ("", 7, True, [], {}, "a\nb", "x" * 256)),
    *(("azp", value) for value in ("", 7, True, [], {}, "a\0")),
    *(("client_id", value) for value in ("", 7, ["x"])),
    *(("groups", value) for value in (None, 7, True, {"admin": True}, {"admin": 1}, ["admin", 7], ["admin", None])),
    *(("groups", value) for value in ([["admin"]], [{"name": "admin"}], ["x"] * 201, ["admin"] * 201)),
)


@pytest.mark.parametrize(("name", "value"), WRONG, ids=lambda value: ascii(value)[:30])
def test_a_claim_that_is_missing_or_of_another_type_is_refused(
    gate: Gate, cloud: LiveCloud, name: str, value: object
) -> None:
    if value == "{now}":
        value = str(int(time.time()) + 60)

    gate.refuses(signed(cloud, header(cloud), claims(cloud, **{name: value})), "claims")


@pytest.mark.parametrize("groups", [..., [], "", ["nobody"], ["*"], ["admi"], ["admin2"], ["producer,admin"], "admin,"])
def test_who_is_in_no_group_of_ours_may_do_nothing(gate: Gate, cloud: LiveCloud, groups: Any) -> None:
    gate.refuses(signed(cloud, header(cloud), claims(cloud, groups=groups)), "no_policy")


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "exp", "iat", "groups", "anything"])
def test_a_claim_that_stands_there_twice_is_refused(gate: Gate, cloud: LiveCloud, name: str) -> None:
    whole = {**claims(cloud), "anything": 1}
    again = json.dumps({name: whole[name]})[1:-1]
    escaped = again.replace(f'"{name}"', f'"\\u{ord(name[0]):04x}{name[1:]}"')

    for second in (again, escaped):
        text = json.dumps(whole)
        gate.refuses(signed(cloud, header(cloud), f"{text[:-1]}, {second}}}"), "malformed")
        gate.refuses(signed(cloud, header(cloud), f"{{{second}, {text[1:]}"), "malformed")


@pytest.mark.parametrize("name", ["alg", "kid", "typ", "anything"])
def test_a_member_of_the_header_that_stands_there_twice_is_refused(gate: Gate, cloud: LiveCloud, name: str) -> None:
    whole = {**header(cloud), "anything": 1}
    for other in (whole[name], "none"):
        text = json.dumps(whole)
        gate.refuses(signed(cloud, f"{text[:-1]}, {json.dumps({name: other})[1:]}", claims(cloud)), "malformed")
        gate.refuses(signed(cloud, f"{json.dumps({name: other})[:-1]}, {text[1:]}", claims(cloud)), "malformed")


def test_claims_count_under_their_own_names_alone(gate: Gate, cloud: LiveCloud) -> None:
    for named in ("Groups", "GROUPS", "groups ", "roles", "scope", "cognito:groups", "https://x/groups", "gr\u043eups"):
        gate.refuses(signed(cloud, header(cloud), claims(cloud, groups=..., **{named: ["admin"]})), "no_policy")
    for named in ("Exp", "EXP", "expires", "exp "):
        gate.refuses(signed(cloud, header(cloud), claims(cloud, exp=..., **{named: int(time.time()) + 60})), "claims")
