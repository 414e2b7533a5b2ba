"""Subjects as issuers make them, in paths; and principals whose names try to be more than a name."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.stack.http import Api, at, spellings

if TYPE_CHECKING:
    from devtool.testing import LiveCloud

SUBJECTS = (
    "auth0|5f7c8ec7c33c6c004bbafe82",
    "google-oauth2|108204268033311374519",
    "waad|h5Oz_8x-0Yk~t1",
    "samlp|My-Connection|jane.doe@shop.example.com",
    "jane+shop@example.com",
    "urn:example:user:42",
    "CN=Jane,OU=Sales,O=Example",
    "00u1a2b3c4d5e6f7g8h9",
    "s" * 128,
)


def everyones(spelling: str) -> tuple[str, ...]:
    return tuple(f"/subjects/{spelling}/tokens{rest}" for rest in ("", "/google", "/google/secret"))


def as_they_may_be_sent(subject: str) -> list[str]:
    lower = quote(subject, safe="").replace("%7C", "%7c").replace("%3A", "%3a")
    every_letter = "".join(f"%{ord(letter):02X}" for letter in subject)
    return list(dict.fromkeys([*spellings(subject), lower, every_letter]))


@pytest.fixture(scope="module")
def tokens(api: Api, cloud: LiveCloud) -> dict[str, str]:
    ids = {subject: api.hand_in(subject, access_token=f"the token of {subject}") for subject in SUBJECTS}
    assert cloud.settle()
    return ids


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subject_reads_its_own_path_in_every_spelling_of_common_clients(
    api: Api, tokens: dict[str, str], subject: str
) -> None:
    for spelling in spellings(subject):
        listed, record, secret = (api.get(path, api.consumer(subject)) for path in everyones(spelling))

        assert (listed.status, record.status, secret.status) == (200, 200, 200), spelling
        assert [item["id"] for item in listed.json["items"]] == [record.json["id"]] == [tokens[subject]]
        assert secret.json["access_token"] == f"the token of {subject}"


@pytest.mark.parametrize("subject", SUBJECTS)
def test_nobody_else_reads_a_subjects_path_in_any_spelling(api: Api, tokens: dict[str, str], subject: str) -> None:
    other = api.consumer(SUBJECTS[SUBJECTS.index(subject) - 1])
    for spelling in as_they_may_be_sent(subject):
        for path in everyones(spelling):
            assert api.get(path, other).status == 403, path
    for path in (f"/tokens/{tokens[subject]}", f"/tokens/{tokens[subject]}/secret", f"/jobs/{tokens[subject]}"):
        assert api.get(path, other).status == 404, path


VICTIM = "auth0|victim"
PRINCIPALS = (
    *("*", "**", "?", "auth0|*", "auth0|victi?", "auth0|victim*", "*|victim", "auth0%7Cvictim", "auth0%257Cvictim"),
    *("$", "${principal}", "{subject}", "${subject}", "$context.authorizer.principal", "auth0|victim$", "[a-z]*"),
    *("/", "a/b", "../auth0|victim", "auth0|victim/", "auth0|victim/tokens", "auth0|victim/../x", "/auth0|victim"),
    *("%", "%2A", "%2F", ".", "..", "...", "../..", "#", "JOB#x", "auth0|victim#", " auth0|victim", "auth0|victim "),
    *(
        "AUTH0|VICTIM",
        "auth0|Victim",
        "auth0|victim\u200b",
        "auth0|\uff56ictim",
        "auth0\uff5cvictim",
        "auth0|vi\u0301ctim",
    ),
    *("", "x" * 255, "auth0|victim" + "x" * 243, "x" * 256, '"', "'", "\\", "a,b", "producer", "admin", "null", "None"),
    *("auth0|victim\n", "auth0|victim\x00", "\u202emitciv|0htua", "ключ", "日本"),
)


@pytest.fixture(scope="module")
def victims_token(api: Api, cloud: LiveCloud) -> str:
    token_id = api.hand_in(VICTIM, access_token="the victim's own")
    assert cloud.settle()
    return token_id


@pytest.mark.parametrize("principal", PRINCIPALS, ids=ascii)
def test_a_principals_name_never_widens_what_it_may_reach(api: Api, victims_token: str, principal: str) -> None:
    asked = [path for spelling in as_they_may_be_sent(VICTIM) for path in everyones(spelling)]
    asked += [f"/tokens/{victims_token}{rest}" for rest in ("", "/secret")] + [f"/jobs/{victims_token}"]
    bearer = api.consumer(principal)

    answers = [api.get(path, bearer) for path in asked]
    answers.append(api.delete(f"/tokens/{victims_token}", bearer))
    answers.extend(api.post("/tickets", bearer, body=body) for body in ({"subject": VICTIM}, {"job": victims_token}))

    for answer in answers:
        assert answer.status in (401, 403, 404), answer
        assert answer.code in ("unauthorized", "forbidden", "not_found"), answer
        assert set(answer.json) == {"type", "title", "status", "code", "detail"}, answer
        assert VICTIM not in answer.body.decode()


def test_the_victim_still_has_its_token(api: Api, victims_token: str) -> None:
    answer = api.get(f"/tokens/{victims_token}/secret", api.consumer(VICTIM))

    assert answer.json["access_token"] == "the victim's own"


@pytest.mark.parametrize(
    "path",
    [
        "/subjects/auth0|victim%2Ftokens/tokens",
        "/subjects/%2E%2E/tokens",
        "/subjects/../tokens",
        "/subjects/x/../auth0|victim/tokens",
        "/subjects/auth0|victim/../auth0|victim/tokens",
        "/subjects//tokens",
        "/subjects/%00/tokens",
        "/subjects/%FF/tokens",
        "/subjects/*/tokens",
        "/subjects/auth0|victim;x=1/tokens",
    ],
)
def test_a_path_that_is_no_plain_name_reaches_nothing(api: Api, victims_token: str, path: str) -> None:
    for bearer in (api.consumer("auth0|other"), api.admin, api.producer):
        answer = api.get(path, bearer)

        assert answer.status in (400, 403, 404), answer
        assert victims_token not in answer.body.decode()


def test_a_path_that_is_encoded_twice_is_nobodys_way_in(api: Api, victims_token: str) -> None:
    # The local cloud decodes paths where API Gateway does not: an administrator, who may, gets through here.
    for bearer in (api.consumer("auth0|other"), api.consumer("auth0%7Cvictim"), api.producer):
        answer = api.get("/subjects/auth0%257Cvictim/tokens", bearer)

        assert answer.status == 403, answer


@pytest.mark.parametrize("spelling", ["%73ecret", "s%65cret", "SECRET", "secret%20", "secret/", "secret%2F", "secret."])
def test_a_deny_is_not_dodged_by_spelling_its_path_otherwise(api: Api, victims_token: str, spelling: str) -> None:
    both = api.bearer(VICTIM, "producer", "consumer")

    for path in (f"/tokens/{victims_token}/{spelling}", at(VICTIM, "google", spelling)):
        answer = api.get(path, both)
        assert answer.status in (403, 404), answer


@pytest.mark.parametrize(
    "subject",
    ["", " ", "a/b", "a\\b", "*", "a?b", "$", "50%", "a#b", ".", "..", "ü", "a b", '"', "<", "s" * 129, "a\n"],
)
def test_a_subject_that_cannot_stand_in_a_path_is_refused_with_its_reason(api: Api, subject: str) -> None:
    body = {"subject": subject, "provider": "google", "token": {"access_token": "invented"}}

    answer = api.post("/tokens", api.producer, body=body)

    assert (answer.status, answer.code, answer.json["field"]) == (400, "invalid_body", "subject")
    assert "subject" in answer.json["rule"]
