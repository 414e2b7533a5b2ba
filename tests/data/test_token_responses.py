from __future__ import annotations

import json
import re

import jwt
import pytest

from chalicelib.model import names
from tests.data.token_responses import FOLDER, Example, load, to_request

EXAMPLES = load()
# What secret scanners look for, by the providers' published forms.
LIVE = re.compile(
    r"gh[oprsu]_[A-Za-z0-9]{36}|xox[abeoprs]-[0-9A-Za-z]|ya29\.|[sr]k_(live|test)_|shp(at|ca|pa|ss)_[0-9a-f]{32}"
    r"|AKIA[0-9A-Z]{16}|sl\.B[A-Za-z0-9_-]{100}|AIza[0-9A-Za-z_-]{35}|00D[A-Za-z0-9]{12,15}![A-Za-z0-9_.]{96}"
)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_an_answer_is_handed_in_with_nothing_lost(example: Example) -> None:
    request = to_request(example.response, provider=example.provider)

    token = dict(request["token"])
    assert {**token.pop("extra", {}), **token} == example.response
    assert names.provider_fault(request["provider"]) is None
    assert names.subject_fault(request["subject"]) is None


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_an_answer_fits_the_contract(example: Example) -> None:
    token = to_request(example.response, provider=example.provider)["token"]

    assert 1 <= len(token["access_token"]) <= 16384
    assert set(token) <= {
        "access_token",
        "refresh_token",
        "id_token",
        "token_type",
        "scope",
        "expires_in",
        "extra",
    }
    assert len(json.dumps(token.get("extra", {}))) < 4096


def test_the_collection_is_as_varied_as_the_world() -> None:
    by_name = {example.name: example.response for example in EXAMPLES}

    assert len(by_name) == 22
    assert sum("expires_in" not in response for response in by_name.values()) == 4
    assert sum("refresh_token" in response for response in by_name.values()) == 18
    assert by_name["microsoft_entra_v1"]["expires_in"] == "3599"
    assert isinstance(by_name["twitch"]["scope"], list)
    assert 7500 < max(len(response["access_token"]) for response in by_name.values()) < 8192
    assert min(len(response["access_token"]) for response in by_name.values()) < 40


def test_a_scope_that_is_a_list_goes_to_the_extra_members() -> None:
    twitch = next(example for example in EXAMPLES if example.name == "twitch")

    token = to_request(twitch.response, provider="twitch")["token"]

    assert "scope" not in token
    assert token["extra"] == {"scope": ["channel:moderate", "chat:edit", "chat:read"]}


def test_a_jwt_among_them_can_be_read_and_says_when_it_expires() -> None:
    tokens = [example.response["access_token"] for example in EXAMPLES]
    signed = [token for token in tokens if token.startswith("eyJ") and token.count(".") == 2]

    expiries = [jwt.decode(token, options={"verify_signature": False})["exp"] for token in signed]

    assert len(expiries) == 7
    assert all(isinstance(expiry, int) for expiry in expiries)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_no_secret_looks_like_a_live_one(path: object) -> None:
    assert LIVE.search(FOLDER.joinpath(str(path)).read_text(encoding="utf-8")) is None
