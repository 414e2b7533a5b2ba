"""Every limit at its edge: the last that is taken and the first that is refused, by field and rule."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.errors import BodyTooLarge, InvalidBody, InvalidParameter
from chalicelib.intake.reading import read_hand_in, read_idempotency_key
from tests.chalicelib.intake.bodies import body, token


def nested(levels: int) -> dict[str, Any]:
    value: Any = "leaf"
    for _ in range(levels - 1):
        value = [value]
    return {"a": value}


def extra_of(size: int) -> dict[str, str]:
    return {"a": "x" * (size - len('{"a":""}'))}


def metadata_of(count: int) -> dict[str, str]:
    return {f"name-{number}": "value" for number in range(count)}


ACCEPTED = {
    "subject, 128": body(subject="s" * 128),
    "provider, 64": body(provider="p" * 64),
    "environment, 32": body(environment="e" * 32),
    "domain, 64": body(domain="d" * 64),
    "access_token, 1": token(access_token="x"),
    "access_token, 16384": token(access_token="x" * 16_384),
    "refresh_token, 16384": token(refresh_token="x" * 16_384),
    "id_token, 16384": token(id_token="x" * 16_384),
    "token_type, 64": token(token_type="x" * 64),
    "token_type, empty": token(token_type=""),
    "scope, 4096": token(scope="x" * 4_096),
    "expires_in, 0": token(expires_in=0),
    "expires_in, ten years": token(expires_in=315_360_000),
    "expires_in, ten years as text": token(expires_in="315360000"),
    "extra, 8192 bytes": token(extra=extra_of(8_192)),
    "extra, 32 levels": token(extra=nested(32)),
    "metadata, 16": body(metadata=metadata_of(16)),
    "metadata name, 64": body(metadata={"n" * 64: "value"}),
    "metadata value, 256": body(metadata={"name": "v" * 256}),
    "metadata value, empty": body(metadata={"name": ""}),
    "nothing optional": body(environment=..., domain=..., metadata=..., token={"access_token": "x"}),
}

REFUSED: dict[str, tuple[bytes, str, str]] = {
    "subject, 129": (
        body(subject="s" * 129),
        "subject",
        "a subject has at most 128 characters, this one has 129",
    ),
    "subject, empty": (body(subject=""), "subject", "a subject must not be empty"),
    "provider, 65": (
        body(provider="p" * 65),
        "provider",
        "a provider has 1 to 64 characters of a-z 0-9 . _ - and begins with a letter or digit",
    ),
    "environment, 33": (
        body(environment="e" * 33),
        "environment",
        "an environment has 1 to 32 characters of a-z 0-9 . _ - and begins with a letter or digit",
    ),
    "domain, 65": (
        body(domain="d" * 65),
        "domain",
        "a domain has 1 to 64 characters of a-z 0-9 . _ - and begins with a letter or digit",
    ),
    "access_token, empty": (token(access_token=""), "token.access_token", "Expected `str` of length >= 1"),
    "access_token, 16385": (
        token(access_token="x" * 16_385),
        "token.access_token",
        "Expected `str` of length <= 16384",
    ),
    "refresh_token, 16385": (
        token(refresh_token="x" * 16_385),
        "token.refresh_token",
        "Expected `str` of length <= 16384",
    ),
    "id_token, 16385": (token(id_token="x" * 16_385), "token.id_token", "Expected `str` of length <= 16384"),
    "token_type, 65": (token(token_type="x" * 65), "token.token_type", "Expected `str` of length <= 64"),
    "scope, 4097": (token(scope="x" * 4_097), "token.scope", "Expected `str` of length <= 4096"),
    "expires_in, -1": (token(expires_in=-1), "token.expires_in", "Expected `int` >= 0"),
    "expires_in, more than ten years": (
        token(expires_in=315_360_001),
        "token.expires_in",
        "Expected `int` <= 315360000",
    ),
    "expires_in, more than ten years as text": (
        token(expires_in="315360001"),
        "token.expires_in",
        "at most 315360000 seconds",
    ),
    "extra, 8193 bytes": (token(extra=extra_of(8_193)), "token.extra", "at most 8192 bytes of JSON"),
    "extra, 33 levels": (token(extra=nested(33)), "token.extra", "at most 32 levels deep"),
    "extra, 500 levels": (token(extra=nested(500)), "token.extra", "at most 32 levels deep"),
    "metadata, 17": (body(metadata=metadata_of(17)), "metadata", "Expected `object` of length <= 16"),
    "metadata name, empty": (body(metadata={"": "v"}), "metadata", "Expected `str` of length >= 1"),
    "metadata name, 65": (body(metadata={"n" * 65: "v"}), "metadata", "Expected `str` of length <= 64"),
    "metadata value, 257": (
        body(metadata={"name": "v" * 257}),
        "metadata[...]",
        "Expected `str` of length <= 256",
    ),
}


@pytest.mark.parametrize("raw", ACCEPTED.values(), ids=ACCEPTED)
def test_a_limit_itself_is_accepted(raw: bytes) -> None:
    read_hand_in(raw)


@pytest.mark.parametrize(("raw", "field", "rule"), REFUSED.values(), ids=REFUSED)
def test_one_beyond_a_limit_is_refused_by_field_and_rule(raw: bytes, field: str, rule: str) -> None:
    with pytest.raises(InvalidBody) as refused:
        read_hand_in(raw)

    assert refused.value.facts == {"field": field, "rule": rule}
    assert refused.value.detail == f"{field}: {rule}"


def test_a_body_of_64_kib_is_taken_and_one_byte_more_is_not() -> None:
    raw = body()
    largest = raw + b" " * (65_536 - len(raw))

    read_hand_in(largest)
    with pytest.raises(BodyTooLarge) as refused:
        read_hand_in(largest + b" ")

    assert refused.value.facts == {"limit": 65_536}


@pytest.mark.parametrize("key", ["k", "k" * 255, "with spaces and ümläuts"])
def test_an_idempotency_key_of_1_to_255_printable_characters_is_taken(key: str) -> None:
    assert read_idempotency_key(key) == key


@pytest.mark.parametrize("key", ["", "k" * 256, "line\nbreak", "nul\x00", "\ud800"])
def test_another_idempotency_key_is_refused(key: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        read_idempotency_key(key)

    assert refused.value.facts == {"field": "Idempotency-Key", "rule": "1 to 255 printable characters"}


def test_no_idempotency_key_is_none() -> None:
    assert read_idempotency_key(None) is None


def test_the_deepest_and_largest_extra_comes_out_of_json_again() -> None:
    read = read_hand_in(token(extra=nested(32)))

    assert json.loads(json.dumps(read.token.extra)) == nested(32)
