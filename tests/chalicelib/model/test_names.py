from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.model import names

REAL_SUBJECTS = [
    "auth0|5f7c8ec7c33c6c004bbafe82",
    "google-oauth2|103547991597142817347",
    "jane.doe+shop@example.com",
    "urn:example:user:42",
    "samlp|My-Connection|user@example.com",
    "waad|Hk3fYx2mQ9w_0aBcDeFgHiJkLmNoPqRsTuVwXyZ-12",
    "9b2d1f0e-6c1a-4f1e-9a57-0f3a5f0c9d11",
    "f:550e8400-e29b-41d4-a716-446655440000:jane",
    "client_id@clients",
    "https:example.com~jane",
    "...",
]
FORBIDDEN = [*"/\\%*?$#&<>\"{}[]^`'();! \t\n\r\0\x7f", "é", "\u202e", "\uff21", "\U0001f511", "\ud800"]


@pytest.mark.parametrize("subject", REAL_SUBJECTS)
def test_subjects_of_real_issuers_are_names(subject: str) -> None:
    assert names.subject_fault(subject) is None
    assert names.is_subject(subject)


@pytest.mark.parametrize("character", FORBIDDEN)
def test_a_forbidden_character_is_named_by_its_position_and_never_shown(character: str) -> None:
    fault = names.subject_fault(f"secret{character}name")

    assert fault is not None
    assert "(character 7 is another)" in fault
    assert "secret" not in fault


def test_a_final_line_feed_is_no_end_of_a_name() -> None:
    assert names.subject_fault("jane\n") is not None
    assert names.provider_fault("auth0\n") is not None
    assert names.group_fault("admin\n") is not None


def test_a_subject_has_1_to_128_characters() -> None:
    assert names.subject_fault("") == "a subject must not be empty"
    assert names.subject_fault("x" * 128) is None
    assert names.subject_fault("x" * 129) == "a subject has at most 128 characters, this one has 129"


@pytest.mark.parametrize("steps", [".", ".."])
def test_steps_of_a_path_are_no_subject(steps: str) -> None:
    assert names.subject_fault(steps) == "a subject must not be '.' or '..', which are steps in a path"


@pytest.mark.parametrize("good", ["hybris", "auth0", "google-oauth2", "sap.commerce_2", "0"])
def test_providers_environments_and_domains_are_lower_case_names(good: str) -> None:
    assert names.provider_fault(good) is None
    assert names.environment_fault(good) is None
    assert names.domain_fault(good) is None


@pytest.mark.parametrize("bad", ["", "Auth0", "-x", ".x", "_x", "a b", "a/b", "a#b", "ä", "x" * 65])
def test_other_providers_environments_and_domains_are_refused(bad: str) -> None:
    assert names.provider_fault(bad) is not None
    assert names.environment_fault(bad) is not None
    assert names.domain_fault(bad) is not None


def test_each_name_has_its_own_length() -> None:
    assert names.provider_fault("x" * 64) is None
    assert names.domain_fault("x" * 64) is None
    assert names.environment_fault("x" * 32) is None
    assert names.environment_fault("x" * 33) == (
        "an environment has 1 to 32 characters of a-z 0-9 . _ - and begins with a letter or digit"
    )


@pytest.mark.parametrize("group", ["admin", "Producers", "urn:shop:admin", "9b2d1f0e-6c1a-4f1e-9a57-0f3a"])
def test_groups_of_real_issuers_are_names(group: str) -> None:
    assert names.group_fault(group) is None


@pytest.mark.parametrize("group", ["", "a,b", "a b", "/realm", "*", "x" * 65])
def test_other_groups_are_refused(group: str) -> None:
    assert names.group_fault(group) is not None


@pytest.mark.parametrize("subject", REAL_SUBJECTS)
def test_a_segment_is_the_same_name_encoded_or_not(subject: str) -> None:
    assert names.decode_segment(subject) == subject
    assert names.decode_segment(quote(subject, safe="")) == subject


def test_a_plus_in_a_path_is_a_plus() -> None:
    assert names.decode_segment("jane+shop%40example.com") == "jane+shop@example.com"


@pytest.mark.parametrize(
    "raw",
    [
        "auth0%257C5f",
        "a%2Fb",
        "a%2fb",
        "%2e%2e",
        "%",
        "a%zz",
        "a%00",
        "a%0A",
        "%C3%A9",
        "%FF",
        "%C0%AF",
        "..",
        "",
    ],
)
def test_a_segment_that_is_no_name_after_one_decoding_is_refused(raw: str) -> None:
    with pytest.raises(ValueError, match=r"subject|UTF-8"):
        names.decode_segment(raw)


@given(st.text(max_size=140))
def test_a_decoded_segment_is_always_a_subject(raw: str) -> None:
    try:
        name = names.decode_segment(raw)
    except ValueError:
        return
    assert names.is_subject(name)


@given(st.text(max_size=140))
def test_the_published_pattern_and_the_check_agree(value: str) -> None:
    assert bool(re.search(names.SUBJECT_PATTERN, value)) == (names.subject_fault(value) is None)


@pytest.mark.parametrize("value", ["jane\n", "..", "a/b", "", "x" * 129])
def test_msgspec_refuses_by_the_published_pattern(value: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(value, Annotated[str, msgspec.Meta(pattern=names.SUBJECT_PATTERN)])
