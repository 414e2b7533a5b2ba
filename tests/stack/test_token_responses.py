"""The answers of real providers, each handed in and collected byte for byte."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from tests.data.token_responses import Example, load, to_request
from tests.stack.http import Api, at, unique

if TYPE_CHECKING:
    from devtool.testing import LiveCloud

EXAMPLES = load()
TEXTS = ("access_token", "refresh_token", "id_token", "token_type", "scope")


@dataclass(frozen=True, kw_only=True)
class HandedIn:
    token_id: str
    subject: str
    accepted_at: int


@pytest.fixture(scope="module")
def handed_in(api: Api, cloud: LiveCloud) -> dict[str, HandedIn]:
    """All examples, each for a subject of its own."""
    found = {}
    for example in EXAMPLES:
        subject = unique(example.name)
        request = to_request(example.response, provider=example.provider, subject=subject)
        answer = api.post("/tokens", api.producer, body=request)
        assert answer.status == 202, (example.name, answer.body)
        accepted_at = int(datetime.fromisoformat(answer.json["accepted_at"]).timestamp())
        found[example.name] = HandedIn(token_id=answer.json["id"], subject=subject, accepted_at=accepted_at)
    assert cloud.settle()
    return found


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_an_answer_comes_back_byte_for_byte(api: Api, handed_in: dict[str, HandedIn], example: Example) -> None:
    given = handed_in[example.name]
    consumer = api.consumer(given.subject)

    by_id = api.get(f"/tokens/{given.token_id}/secret", consumer)
    by_subject = api.get(at(given.subject, example.provider, "secret"), consumer)

    assert by_id.status == by_subject.status == 200
    assert given_back(by_id.json, example.response) == written(example.response)
    assert given_back(by_subject.json, example.response) == written(example.response)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_an_answer_expires_when_its_provider_says(api: Api, handed_in: dict[str, HandedIn], example: Example) -> None:
    given = handed_in[example.name]

    record = api.get(f"/tokens/{given.token_id}", api.consumer(given.subject)).json
    collected = api.get(f"/tokens/{given.token_id}/secret", api.consumer(given.subject)).json

    expected = expiry(example.response, given.accepted_at)
    assert record["expires_at"] == collected["expires_at"]
    assert moment(record["expires_at"]) == expected
    if expected is None:
        assert "expires_in" not in collected
    else:
        left = expected - given.accepted_at
        assert left - 60 < collected["expires_in"] <= left
    assert record["has_refresh_token"] == ("refresh_token" in example.response)
    assert not set(record) & {"access_token", "refresh_token", "id_token", "extra"}


def given_back(collected: dict[str, Any], response: dict[str, Any]) -> str:
    """Write the provider's answer again from what was collected; `expires_in` runs, so that it is taken as given."""
    found = {**{name: collected[name] for name in TEXTS if name in collected}, **collected.get("extra", {})}
    if "expires_in" in response and "expires_in" not in found:
        found["expires_in"] = response["expires_in"]
    return written(found)


def written(value: dict[str, Any]) -> str:
    """Write for comparison as text: to Python, 1 equals 1.0 and True."""
    return json.dumps(value, sort_keys=True)


def expiry(response: dict[str, Any], accepted_at: int) -> int | None:
    if str(response.get("expires_in", "")).isdigit():
        return accepted_at + int(response["expires_in"])
    try:
        claims = jwt.decode(response["access_token"], options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return None
    return None if claims.get("exp") is None else int(claims["exp"])


def moment(text: str | None) -> int | None:
    return None if text is None else int(datetime.fromisoformat(text).timestamp())
