"""What a body may be, and what is said of one that is not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import CloakroomError, InvalidBody, InvalidParameter
from chalicelib.intake.reading import canonical, read_hand_in, read_ticket
from tests.chalicelib.intake.bodies import GOOD, body, token

if TYPE_CHECKING:
    from collections.abc import Callable

MARKER = "MARKER7f3a"


def refusal(raw: bytes) -> tuple[object, object]:
    with pytest.raises(InvalidBody) as refused:
        read_hand_in(raw)
    return refused.value.facts["field"], refused.value.facts["rule"]


def said_of(read: Callable[[bytes], object], raw: bytes) -> str:
    """Return all that a caller hears of this body; nothing when it is taken."""
    try:
        read(raw)
    except CloakroomError as error:
        return f"{error.code} {error.detail} {error.facts}"
    return ""


def test_a_good_body_is_read() -> None:
    read = read_hand_in(body())

    assert (read.subject, read.provider, read.environment, read.domain) == (
        "auth0|5f7c8ec7c33c6c004bbafe82",
        "google",
        "production",
        "shop",
    )
    assert read.token.access_token == "ya29.opaque"
    assert read.token.extra == {"instance_url": "https://eu.example.com"}
    assert read.metadata == {"shop": "north"}


def test_what_is_left_out_has_its_default() -> None:
    read = read_hand_in(b'{"subject":"jane","provider":"google","token":{"access_token":"x"}}')

    assert (read.environment, read.domain, read.metadata) == ("default", "default", {})
    assert read.token.refresh_token is None


def test_an_expiry_is_read_with_its_offset() -> None:
    read = read_hand_in(token(expires_at="2027-01-15T10:00:00.5+02:00"))

    assert read.token.expires_at == datetime(2027, 1, 15, 8, 0, 0, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (body(unknown=1), "unknown"),
        (token(unknown=1), "token.unknown"),
        (token(refresh_token_expires_in=1), "token.refresh_token_expires_in"),
        (body(acces_token="x"), "acces_token"),
    ],
)
def test_an_unknown_field_is_refused_by_its_name(raw: bytes, field: str) -> None:
    assert refusal(raw) == (field, "unknown field")


@pytest.mark.parametrize(
    "name",
    [
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "x" * 33,
        "with space",
        "ümlaut",
        "",
        "x` - at `$.MARKER",
        "x - at `$y",
        "x` - at `$",
        "line\nbreak",
    ],
)
def test_an_unknown_name_that_could_be_a_secret_or_a_trick_is_not_repeated(name: str) -> None:
    field, rule = refusal(body(**{name: 1}))

    assert rule == "unknown field"
    assert field in ("(a name too strange to repeat)", "x")


@pytest.mark.parametrize("missing", ["subject", "provider", "token"])
def test_a_missing_field_is_named(missing: str) -> None:
    assert refusal(body(**{missing: ...})) == (missing, "required")


def test_a_missing_access_token_is_named() -> None:
    assert refusal(token(access_token=...)) == ("token.access_token", "required")


@pytest.mark.parametrize(
    ("raw", "field", "rule"),
    [
        (body(subject=1), "subject", "Expected `str`, got `int`"),
        (body(subject=None), "subject", "Expected `str`, got `null`"),
        (body(token="ya29"), "token", "Expected `object`, got `str`"),
        (body(token=[]), "token", "Expected `object`, got `array`"),
        (body(metadata=None), "metadata", "Expected `object`, got `null`"),
        (body(metadata={"a": 1}), "metadata[...]", "Expected `str`, got `int`"),
        (token(access_token=["x"]), "token.access_token", "Expected `str`, got `array`"),
        (token(extra=[]), "token.extra", "Expected `object | null`, got `array`"),
        (token(expires_in=True), "token.expires_in", "Expected `int | str | null`, got `bool`"),
        (token(expires_in=3.5), "token.expires_in", "Expected `int | str | null`, got `float`"),
        (token(expires_at=1_800_000_000), "token.expires_at", "Expected `datetime | null`, got `int`"),
        (token(expires_at="tomorrow"), "token.expires_at", "Invalid RFC3339 encoded datetime"),
        (token(expires_at="2027-01-15T10:00:00"), "token.expires_at", "Expected `datetime` with a timezone component"),
    ],
)
def test_a_wrong_type_is_named_with_what_it_should_be(raw: bytes, field: str, rule: str) -> None:
    assert refusal(raw) == (field, rule)


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1e3", " 60", "60\n", "٣٦٠٠", "9999999999"])
def test_seconds_as_text_are_digits_and_nothing_else(text: str) -> None:
    assert refusal(token(expires_in=text))[0] == "token.expires_in"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"nul",
        b"{'a': 1}",
        b'{"a"}',
        body()[:-1],
        body() + b"x",
        b"\xff\xfe\x00\x00",
        b'{"subject":"\xff"}',
        b'{"subject":"\\ud800","provider":"google","token":{"access_token":"x"}}',
        b"[" * 60_000,
        b'{"token":{"extra":{"a":' + b"[" * 20_000,
        b'{"token":{"extra":{"a":1e999}}}',
        b"subject=jane&provider=google",
    ],
    ids=range(17),
)
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidBody):
        read_hand_in(raw)


def test_nesting_without_end_is_refused_by_its_rule() -> None:
    bottomless = b'{"subject":"a","provider":"b","token":{"access_token":"x","extra":{"a":' + b"[" * 20_000

    assert refusal(bottomless) == (None, "at most 32 levels deep")


@pytest.mark.parametrize("value", ["line\nbreak", "tab\t", "nul\x00"])
def test_metadata_is_printable(value: str) -> None:
    assert refusal(body(metadata={"name": value})) == ("metadata", "names and values are printable")
    assert refusal(body(metadata={value: "value"})) == ("metadata", "names and values are printable")


@pytest.mark.parametrize("member", ["access_token", "refresh_token", "id_token"])
def test_metadata_that_repeats_a_secret_is_refused(member: str) -> None:
    for metadata in ({"copy": "Bearer secret-text"}, {"secret-text": "name"}):
        raw = json.dumps({**GOOD, "token": {"access_token": "x", member: "secret-text"}, "metadata": metadata}).encode()

        assert refusal(raw) == ("metadata", "it is kept in the clear and must not repeat the token")


@pytest.mark.parametrize("field", ["subject", "provider", "environment", "domain"])
def test_a_name_that_repeats_a_secret_is_refused(field: str) -> None:
    raw = body(token={"access_token": "secret-text"}, **{field: "a-secret-text"})

    assert refusal(raw) == (field, "it is kept in the clear and must not repeat the token")


@pytest.mark.parametrize("field", ["token_type", "scope"])
def test_a_part_that_is_shown_and_repeats_a_secret_is_refused(field: str) -> None:
    raw = token(refresh_token="secret-text", **{field: "read secret-text"})

    assert refusal(raw) == (f"token.{field}", "it is kept in the clear and must not repeat the token")


def test_metadata_may_hold_a_text_that_is_too_short_to_be_a_secret() -> None:
    assert read_hand_in(body(token={"access_token": "shop"}, metadata={"shop": "shop"}))


anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
marked = st.sampled_from(
    [MARKER, [MARKER], {MARKER: 1}, {"a": MARKER}, f"{MARKER}\n", f"` - at `$.{MARKER}`", MARKER * 2_000]
)
names = st.sampled_from([*GOOD, "unknown", MARKER, f"x` - at `$.{MARKER}", f"{MARKER} - at `$"])
token_names = st.sampled_from(
    [*GOOD["token"], "id_token", "scope", "expires_at", "unknown", MARKER, f"` - at `$.{MARKER}`"]
)


@given(
    of_body=st.dictionaries(names, st.one_of(marked, anything), max_size=3),
    of_token=st.dictionaries(token_names, st.one_of(marked, anything), max_size=3),
    cut=st.one_of(st.none(), st.integers(0, 400)),
)
def test_no_refusal_repeats_what_was_sent(of_body: dict[str, Any], of_token: dict[str, Any], cut: int | None) -> None:
    members = {**GOOD, **({"token": {**GOOD["token"], **of_token}} if of_token else {}), **of_body}
    raw = json.dumps(members).encode()[:cut]

    assert MARKER not in said_of(read_hand_in, raw)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_and_nothing_else(raw: bytes) -> None:
    for read in (read_hand_in, read_ticket):
        assert said_of(read, raw) == "" or said_of(read, raw).startswith("invalid_body ")


def test_the_same_body_is_the_same_whatever_its_spacing_and_order() -> None:
    pretty = json.dumps(dict(reversed(list(GOOD.items()))), indent=4).encode()
    reordered = body(token=dict(reversed(list(GOOD["token"].items()))))

    assert canonical(read_hand_in(pretty)) == canonical(read_hand_in(body()))
    assert canonical(read_hand_in(reordered)) == canonical(read_hand_in(body()))


def test_a_default_left_out_and_spelled_out_are_the_same_body() -> None:
    assert canonical(read_hand_in(body(domain="default"))) == canonical(read_hand_in(body(domain=...)))


@pytest.mark.parametrize(
    "other",
    [
        body(subject="john"),
        body(provider="microsoft"),
        body(environment="staging"),
        body(domain="other"),
        body(metadata={"shop": "south"}),
        body(metadata={}),
        token(access_token="ya29.other"),
        token(refresh_token=...),
        token(expires_in=3_601),
        token(extra={"instance_url": "https://us.example.com"}),
        token(extra={"instance_url": ["https://eu.example.com"]}),
    ],
)
def test_another_body_is_another(other: bytes) -> None:
    assert canonical(read_hand_in(other)) != canonical(read_hand_in(body()))


@pytest.mark.parametrize("raw", [b"", b"{}", b" {} "])
def test_a_ticket_is_for_all_that_is_the_callers_when_nothing_is_said(raw: bytes) -> None:
    read = read_ticket(raw)

    assert (read.subject, read.job) == (None, None)


def test_a_ticket_is_for_a_subject_or_for_a_job() -> None:
    assert read_ticket(b'{"subject":"auth0|5f"}').subject == "auth0|5f"
    assert read_ticket(b'{"job":"aaaaaaaaaaaaaaaaaaaaaaaaab"}').job == "aaaaaaaaaaaaaaaaaaaaaaaaab"


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b'{"subject":"a","job":"aaaaaaaaaaaaaaaaaaaaaaaaab"}', "job"),
        (b'{"subject":"a/b"}', "subject"),
        (b'{"subject":""}', "subject"),
        (b'{"job":"short"}', "job"),
        (b'{"job":"aaaaaaaaaaaaaaaaaaaaaaaaab\\n"}', "job"),
        (b'{"jobs":[]}', "jobs"),
    ],
)
def test_another_ticket_is_refused(raw: bytes, field: str) -> None:
    with pytest.raises(InvalidBody) as refused:
        read_ticket(raw)

    assert refused.value.facts["field"] == field


@pytest.mark.parametrize("member", ["access_token", "refresh_token", "id_token"])
@pytest.mark.parametrize("character", ["\ufffd", "\n", "\u00e9", "\x00", "\x7f"])
def test_a_token_with_a_character_that_no_token_has_was_altered_on_its_way(member: str, character: str) -> None:
    body = {
        "subject": "jane",
        "provider": "google",
        "token": {"access_token": "ya29.fine", member: f"ya29.{character}x"},
    }

    with pytest.raises(InvalidBody) as refused:
        read_hand_in(json.dumps(body).encode())

    assert refused.value.facts["field"] == f"token.{member}"


def test_the_canonical_form_is_a_contract_with_later_versions() -> None:
    raw = {
        "token": {"expires_in": "60", "access_token": "ya29.fine", "extra": {"b": 1, "a": [None, "x"]}, "scope": None},
        "provider": "google",
        "subject": "jane",
        "domain": "default",
    }

    assert canonical(read_hand_in(json.dumps(raw).encode())) == (
        b'{"provider":"google","subject":"jane",'
        b'"token":{"access_token":"ya29.fine","expires_in":"60","extra":{"a":[null,"x"],"b":1}}}'
    )


@pytest.mark.parametrize("name", ["access_token", "client_secret", "api_key", "Password"])
def test_a_secret_of_extra_is_not_repeated_in_the_clear(name: str) -> None:
    hidden = "xoxp-super-secret-123"
    extra = {"authed_user": {"id": "U123456789", name: hidden}, "urls": ["https://acme.example/"]}
    good = {"subject": "jane", "provider": "slack", "token": {"access_token": "xoxb-1234567", "extra": extra}}

    read_hand_in(json.dumps({**good, "metadata": {"user": "U123456789", "url": "https://acme.example/"}}).encode())
    with pytest.raises(InvalidBody) as refused:
        read_hand_in(json.dumps({**good, "metadata": {"k": hidden}}).encode())

    assert refused.value.facts["field"] == "metadata"


def test_of_several_texts_that_repeat_a_secret_the_first_is_named() -> None:
    raw = body(
        token={"access_token": "first-secret", "refresh_token": "other-secret"},
        provider="other-secret",
        metadata={"copy": "first-secret"},
    )

    assert refusal(raw) == ("provider", "it is kept in the clear and must not repeat the token")


def test_texts_that_repeat_a_secret_only_one_behind_the_other_repeat_none() -> None:
    raw = body(token={"access_token": "t", "extra": {"client_secret": "one-half\nother-half"}}, metadata={})
    split = json.dumps({**json.loads(raw), "metadata": {"one-half": "other-half"}}).encode()

    assert read_hand_in(split).metadata == {"one-half": "other-half"}


def test_an_idempotency_key_that_repeats_the_token_is_refused() -> None:
    raw = json.dumps({"subject": "jane", "provider": "google", "token": {"access_token": "ya29.fine"}}).encode()

    with pytest.raises(InvalidParameter, match="must not repeat the token"):
        read_hand_in(raw, idempotency_key="hook/ya29.fine")
