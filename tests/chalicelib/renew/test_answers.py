"""What providers really answer, and what is made of it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.model.clock import SECOND
from chalicelib.renew.answers import Busy, Refused, Renewed, Unclear, read_introspection, read_refresh, retry_after
from tests.chalicelib.examples import NOW

JSON = {"content-type": "application/json"}
TOKEN = {"access_token": "a"}


def meaning(status: int, body: object, **headers: str) -> object:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_refresh(status, {**JSON, **headers}, raw, NOW)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (TOKEN, Renewed(access_token="a")),
        ({**TOKEN, "refresh_token": "r", "id_token": "i"}, Renewed(access_token="a", refresh_token="r", id_token="i")),
        ({**TOKEN, "refresh_token": ""}, Renewed(access_token="a")),
        ({**TOKEN, "refresh_token": None}, Renewed(access_token="a")),
        ({**TOKEN, "expires_in": 3599}, Renewed(access_token="a", expires_in=3599)),
        ({**TOKEN, "expires_in": "3599"}, Renewed(access_token="a", expires_in=3599)),
        ({**TOKEN, "expires_in": 3599.6}, Renewed(access_token="a", expires_in=3599)),
        ({**TOKEN, "expires_in": 0}, Renewed(access_token="a")),
        ({**TOKEN, "expires_in": -1}, Renewed(access_token="a")),
        ({**TOKEN, "expires_in": "never"}, Renewed(access_token="a")),
        ({**TOKEN, "expires_in": True}, Renewed(access_token="a")),
        ({**TOKEN, "expires_in": "1e400"}, Renewed(access_token="a")),
        ({**TOKEN, "scope": "a b"}, Renewed(access_token="a", scope="a b")),
        ({**TOKEN, "scope": ["a", "b"]}, Renewed(access_token="a", scope="a b")),
        ({**TOKEN, "scope": ""}, Renewed(access_token="a")),
        ({**TOKEN, "token_type": "bearer"}, Renewed(access_token="a", token_type="bearer")),
        ({**TOKEN, "instance_url": "https://x"}, Renewed(access_token="a", extra={"instance_url": "https://x"})),
    ],
)
def test_a_200_with_a_token_is_a_new_generation(answer: dict[str, object], expected: Renewed) -> None:
    assert meaning(200, answer) == expected


def test_a_form_is_read_like_json_as_github_sends_it() -> None:
    body = b"access_token=gho_x&expires_in=28800&refresh_token=ghr_y&scope=&token_type=bearer"
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}

    assert read_refresh(200, headers, body, NOW) == Renewed(
        access_token="gho_x", refresh_token="ghr_y", token_type="bearer", expires_in=28_800
    )


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, {"error": "invalid_grant"}, Refused(code="invalid_grant", for_good=True)),
        (401, {"error": "invalid_grant"}, Refused(code="invalid_grant", for_good=True)),
        (200, {"error": "bad_refresh_token"}, Refused(code="invalid_grant", for_good=True)),
        (200, {"ok": False, "error": "invalid_refresh_token"}, Refused(code="invalid_grant", for_good=True)),
        (400, {"error": "invalid_client"}, Refused(code="invalid_client", for_good=False)),
        (400, {"error": "unsupported_grant_type"}, Refused(code="unsupported_grant_type", for_good=False)),
        (400, {"error": "ya29.A Secret\n"}, Refused(code="unknown_error", for_good=False)),
        (400, {"error": {"code": 7}}, Refused(code="unknown_error", for_good=False)),
        (401, b"<html>", Refused(code="invalid_client", for_good=False)),
        (302, b"", Refused(code="redirected", for_good=False)),
        (429, b"<html>slow down</html>", Busy(why="status_429")),
        (503, {"error": "temporarily_unavailable"}, Busy(why="temporarily_unavailable")),
        (400, {"error": "slow_down"}, Busy(why="slow_down")),
        (403, b"<html>our proxy</html>", Busy(why="status_403")),
        (404, b"", Busy(why="status_404")),
        (500, b"<html>", Unclear(why="status_500")),
        (502, b"", Unclear(why="status_502")),
        (504, b"", Unclear(why="status_504")),
        (200, b"<html>all is well</html>", Unclear(why="no_access_token")),
        (200, b"", Unclear(why="no_access_token")),
        (200, [], Unclear(why="no_access_token")),
        (200, {"access_token": 7}, Unclear(why="no_access_token")),
        (200, {"access_token": "caf\u00e9"}, Unclear(why="no_access_token")),
        (200, b"\xff\xfe", Unclear(why="no_access_token")),
        (200, b"[" * 100_000, Unclear(why="no_access_token")),
        (201, TOKEN, Unclear(why="status_201")),
    ],
)
def test_everything_else_says_whether_something_was_done(status: int, body: object, expected: object) -> None:
    assert meaning(status, body) == expected


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("120", 120),
        (" 7 ", 7),
        ("999999999999", 86_400),
        ("-5", 0),
        ("1.5", 0),
        ("soon", 0),
        ("Fri, 15 Jan 2027 08:01:00 GMT", 60),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0),
        ("Fri, 32 Jan 2027 07:00:00 GMT", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: int) -> None:
    assert NOW == 1_800_000_000 * SECOND
    assert retry_after(header, NOW) == seconds


def test_a_busy_answer_passes_on_when_to_ask_again() -> None:
    assert meaning(429, b"", **{"retry-after": "30"}) == Busy(why="status_429", retry_after=30)


@pytest.mark.parametrize(
    ("status", "body", "active"),
    [
        (200, b'{"active": true}', True),
        (200, b'{"active": false}', False),
        (200, b'{"active": "true"}', None),
        (200, b"<html>", None),
        (401, b'{"active": true}', None),
    ],
)
def test_an_introspection_says_yes_no_or_nothing(status: int, body: bytes, active: bool | None) -> None:  # noqa: FBT001
    assert read_introspection(status, body) is active


@given(status=st.integers(100, 599), body=st.binary(max_size=200), header=st.text(max_size=30))
def test_no_answer_breaks_the_reader(status: int, body: bytes, header: str) -> None:
    found = read_refresh(status, {"content-type": header, "retry-after": header}, body, NOW)

    assert isinstance(found, Renewed | Refused | Busy | Unclear)


def test_no_secret_is_in_a_repr() -> None:
    renewed = Renewed(access_token="ya29", refresh_token="1//", id_token="eyJ", extra={"authed": "xoxp"})

    assert repr(renewed) == "Renewed(token_type=None, scope=None, expires_in=None)"
