"""When a token expires: `expires_at`, else `expires_in`, else a JWT's `exp`, else nobody knows."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.model.clock import SECOND, micros, rfc3339
from chalicelib.model.token import expiry, jwt_expiry
from tests.chalicelib.examples import NOW, a_token

LATEST = 253_402_300_799


def jwt_of(payload: bytes) -> str:
    return f"e30.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.c2ln"


def jwt_with(exp: object) -> str:
    return jwt_of(json.dumps({"sub": "jane", "exp": exp}).encode())


def test_expires_at_comes_before_expires_in_and_a_jwt() -> None:
    assert expiry(accepted_at=NOW, expires_at=111, expires_in=222, access_token=jwt_with(333)) == 111


def test_expires_in_comes_before_a_jwt_and_counts_from_acceptance() -> None:
    in_an_hour = NOW // SECOND + 3_600

    assert expiry(accepted_at=NOW, expires_at=None, expires_in=3_600, access_token=jwt_with(333)) == in_an_hour


def test_an_expires_in_of_nothing_is_an_expiry_not_an_absence() -> None:
    assert expiry(accepted_at=NOW, expires_at=None, expires_in=0, access_token=jwt_with(333)) == NOW // SECOND


def test_without_either_a_jwt_tells() -> None:
    assert expiry(accepted_at=NOW, expires_at=None, expires_in=None, access_token=jwt_with(333)) == 333


def test_an_opaque_token_alone_tells_nothing() -> None:
    assert expiry(accepted_at=NOW, expires_at=None, expires_in=None, access_token="ya29.opaque") is None


@pytest.mark.parametrize("far", [-62_135_650_000, LATEST + 50_400])
def test_an_expiry_outside_what_rfc_3339_can_write_is_moved_to_its_edge(far: int) -> None:
    """An offset takes year 1 and year 9999 beyond the calendar: the record could never be shown."""
    moved = expiry(accepted_at=NOW, expires_at=far, expires_in=None, access_token="x")

    assert moved in (0, LATEST)
    assert rfc3339(moved * SECOND) in ("1970-01-01T00:00:00.000Z", "9999-12-31T23:59:59.000Z")


@pytest.mark.parametrize("exp", [1, 1_800_000_000, LATEST])
def test_the_exp_of_a_jwt_is_taken(exp: int) -> None:
    assert jwt_expiry(jwt_with(exp)) == exp


def test_a_fractional_exp_is_cut_to_the_second() -> None:
    assert jwt_expiry(jwt_with(1_800_000_000.9)) == 1_800_000_000


@pytest.mark.parametrize("exp", [0, -1, LATEST + 1, 1e300, True, "1800000000", None, [1], {"a": 1}])
def test_an_exp_that_cannot_be_one_is_unknown(exp: object) -> None:
    assert jwt_expiry(jwt_with(exp)) is None


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"[1800000000]",
        b'"exp"',
        b'{"exp":NaN}',
        b'{"exp":Infinity}',
        b'{"exp":1e999}',
        b'{"exp":' + b"9" * 5_000 + b"}",
        b"[" * 5_000,
        b"\xff\xfe\x00",
        b'{"exp":1800000000',
    ],
)
def test_a_payload_that_says_nothing_is_unknown(payload: bytes) -> None:
    assert jwt_expiry(jwt_of(payload)) is None


@pytest.mark.parametrize("token", ["", ".", "..", "...", "a.b", "a.b.c.d", "a.é.c", "a.b!.c", "a.A.c"])
def test_what_only_looks_like_a_jwt_is_unknown(token: str) -> None:
    assert jwt_expiry(token) is None


@given(st.one_of(st.text(), st.binary().map(jwt_of), st.text().map(lambda text: f"a.{text}.c")))
def test_reading_a_token_never_raises(token: str) -> None:
    found = jwt_expiry(token)

    assert found is None or 0 <= found <= LATEST


@given(exp=st.integers(1, LATEST), late=st.integers(0, 10**15))
def test_a_jwt_past_its_exp_is_never_active(exp: int, late: int) -> None:
    expires_at = expiry(accepted_at=0, expires_at=None, expires_in=None, access_token=jwt_with(exp))

    assert a_token(expires_at=expires_at).status_at(exp * SECOND + late) == "EXPIRED"


def test_a_moment_is_kept_in_microseconds_whatever_its_offset() -> None:
    assert micros(datetime(2027, 1, 15, 9, 30, tzinfo=timezone(timedelta(hours=1, minutes=30)))) == NOW


@given(micros_=st.integers(0, 253_402_300_799_999_999))
def test_a_moment_is_written_as_the_standard_library_writes_it(micros_: int) -> None:
    whole = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros_)

    assert rfc3339(micros_) == whole.isoformat(timespec="milliseconds").replace("+00:00", "Z")
