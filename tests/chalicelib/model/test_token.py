from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.model.clock import SECOND, rfc3339
from chalicelib.model.token import Secret, TokenStatus, keep_until, token_view
from tests.chalicelib.examples import NOW, a_token

HOUR = 3_600
DAY = 86_400
ACCEPTED = NOW // SECOND


def test_a_token_is_active_until_the_second_of_its_expiry() -> None:
    token = a_token(expires_at=ACCEPTED + 1)

    assert token.status_at(NOW) == "ACTIVE"
    assert token.status_at(NOW + SECOND - 1) == "ACTIVE"
    assert token.status_at(NOW + SECOND) == "EXPIRED"


def test_a_token_of_unknown_expiry_stays_active() -> None:
    assert a_token(expires_at=None).status_at(NOW + 10_000 * DAY * SECOND) == "ACTIVE"


def test_a_deleted_token_stays_deleted_also_once_expired() -> None:
    token = a_token(expires_at=ACCEPTED + 1, revoked_at=NOW)

    assert token.status_at(NOW) == "REVOKED"
    assert token.status_at(NOW + DAY * SECOND) == "REVOKED"


@given(expires_at=st.integers(0, 253_402_300_799), late=st.integers(0, 10**18))
def test_a_token_past_its_expiry_is_never_active(expires_at: int, late: int) -> None:
    assert a_token(expires_at=expires_at).status_at(expires_at * SECOND + late) is TokenStatus.EXPIRED


@pytest.mark.parametrize(
    ("expires_at", "has_refresh_token", "until"),
    [
        (None, False, ACCEPTED + 400 * DAY),
        (None, True, ACCEPTED + 400 * DAY),
        (ACCEPTED + HOUR, False, ACCEPTED + DAY),  # streams and queues may still bring news of it
        (ACCEPTED - HOUR, False, ACCEPTED + DAY),
        (ACCEPTED + 30 * DAY, False, ACCEPTED + 30 * DAY),
        (ACCEPTED + HOUR, True, ACCEPTED + HOUR + 90 * DAY),  # the refresh token outlives the access token
    ],
)
def test_a_record_is_kept_until_nobody_can_ask_for_it(
    expires_at: int | None,
    has_refresh_token: bool,  # noqa: FBT001
    until: int,
) -> None:
    assert keep_until(accepted_at=NOW, expires_at=expires_at, has_refresh_token=has_refresh_token) == until


@given(
    first=st.integers(0, 9_999_999_999_999_999),
    second=st.integers(0, 9_999_999_999_999_999),
    ids=st.tuples(st.integers(0, 32**26 - 1), st.integers(0, 32**26 - 1)),
)
def test_ranks_sort_as_text_like_acceptance_and_then_id(first: int, second: int, ids: tuple[int, int]) -> None:
    one, other = a_token(ids[0], accepted_at=first), a_token(ids[1], accepted_at=second)

    assert (one.rank < other.rank) == ((first, one.id) < (second, other.id))


def test_a_rank_reads_as_the_microsecond_and_the_id() -> None:
    assert a_token(1, accepted_at=1_500).rank == "0000000000001500#aaaaaaaaaaaaaaaaaaaaaaaaab"


def test_a_token_is_shown_without_its_secret() -> None:
    token = a_token(1, accepted_at=NOW, scope="mail.read", metadata={"shop": "north"}, has_refresh_token=True)

    assert token_view(token, NOW) == {
        "id": "aaaaaaaaaaaaaaaaaaaaaaaaab",
        "subject": "auth0|5f7c8ec7c33c6c004bbafe82",
        "provider": "google",
        "environment": "production",
        "domain": "shop",
        "status": "ACTIVE",
        "status_since": "2027-01-15T08:00:00.000Z",
        "status_reason": None,
        "generation": 1,
        "last_refresh": None,
        "accepted_at": "2027-01-15T08:00:00.000Z",
        "expires_at": "2027-01-15T09:00:00.000Z",
        "token_type": None,
        "scope": "mail.read",
        "has_refresh_token": True,
        "fingerprint": "k1:0123456789abcdef",
        "metadata": {"shop": "north"},
        "links": {
            "self": "/tokens/aaaaaaaaaaaaaaaaaaaaaaaaab",
            "secret": "/tokens/aaaaaaaaaaaaaaaaaaaaaaaaab/secret",
            "job": "/jobs/aaaaaaaaaaaaaaaaaaaaaaaaab",
        },
    }


def test_an_unknown_expiry_is_shown_as_null() -> None:
    assert token_view(a_token(expires_at=None), NOW)["expires_at"] is None


@pytest.mark.parametrize(
    "secret",
    [
        Secret(access_token="opaque"),
        Secret(access_token="a.b.c", refresh_token="r", id_token="i", extra={"instance_url": "https://x.example"}),
        Secret(access_token='quote " slash \\ line\n', extra={"nested": [1, 2.5, True, None, {"ü": "é"}]}),
        Secret(access_token="a", extra={"large": [2**64, -(2**70), 1.5e300, 5e-324, -0.0], "🔑": "\x7f\u2028"}),
        Secret(access_token="a", extra={}),
    ],
)
def test_a_secret_is_written_and_read_back(secret: Secret) -> None:
    assert Secret.from_bytes(secret.to_bytes()) == secret


def test_a_secret_is_written_in_a_form_that_stays() -> None:
    secret = Secret(access_token="a", refresh_token="r", extra={"x": "é"})

    assert secret.to_bytes() == '{"access_token":"a","refresh_token":"r","extra":{"x":"é"}}'.encode()


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_800_000_000_123_999, "2027-01-15T08:00:00.123Z"),
        (253_402_300_799 * SECOND, "9999-12-31T23:59:59.000Z"),
    ],
)
def test_times_are_written_in_utc_to_the_millisecond(micros: int, text: str) -> None:
    assert rfc3339(micros) == text


def test_a_secret_written_by_a_later_version_opens_without_what_this_one_does_not_know() -> None:
    assert Secret.from_bytes(b'{"access_token":"a","dpop_key":"new"}') == Secret(access_token="a")
