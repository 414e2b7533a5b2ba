"""When a token is refreshed, and what follows a call that nobody heard the answer of."""

from __future__ import annotations

import base64
import secrets
from collections import Counter
from typing import Any

import pytest

from chalicelib.model.clock import SECOND
from chalicelib.model.provider import AuthMethod, Provider
from chalicelib.model.renewal import (
    LONGEST_REFRESH,
    Journal,
    Next,
    Renewal,
    after_unknown,
    due_at,
    last_refresh_view,
    scheduled,
)
from chalicelib.store.limits import APART
from tests.chalicelib.examples import NOW, a_token, an_id
from tests.stack.figures import show


def provider(**changes: Any) -> Provider:
    usual: dict[str, Any] = {
        "name": "google",
        "client_id": "cloakroom",
        "auth_method": AuthMethod.NONE,
        "token_endpoint": "https://op.example/token",
        "updated_at": NOW,
        "updated_by": "root",
    }
    return Provider(**{**usual, **changes})


def entry(**changes: Any) -> Journal:
    return Journal(**{"job_id": an_id(9), "attempt": 1, "at": NOW, **changes})


ASKS = {"rotates": True, "introspection_endpoint": "https://op.example/introspect"}


@pytest.mark.parametrize(
    ("journal", "changes", "after", "expected"),
    [
        (None, {"rotates": True}, 0, Next.CALL),
        (entry(), {"rotates": False}, 0, Next.CALL),
        (entry(repeats=9), {"rotates": False}, 10**9, Next.CALL),
        (entry(), {"rotates": True}, 0, Next.GIVE_UP),
        (entry(), {"rotates": True, "leeway": 60}, 49, Next.CALL),
        (entry(), {"rotates": True, "leeway": 60}, 50, Next.GIVE_UP),
        (entry(repeats=1), {"rotates": True, "leeway": 60}, 0, Next.GIVE_UP),
        (entry(), ASKS, 0, Next.INTROSPECT),
        (entry(), {**ASKS, "leeway": 60}, 0, Next.CALL),
        (entry(repeats=1), {**ASKS, "leeway": 60}, 0, Next.INTROSPECT),
    ],
)
def test_an_unheard_call_is_repeated_asked_about_or_given_up(
    journal: Journal | None, changes: dict[str, Any], after: int, expected: Next
) -> None:
    assert after_unknown(journal, provider(**changes), NOW + after * SECOND) is expected


def test_a_refresh_is_due_before_the_expiry_by_the_margin_and_never_late() -> None:
    start, end = NOW // SECOND, NOW // SECOND + 3_600
    dues = [
        due_at(token_id=real_id(), obtained_at=NOW, expires_at=end, provider=provider(margin=300)) for _ in range(2_000)
    ]

    assert start + 1_400 < min(dues) < start + 1_600
    assert end - 400 < max(dues) <= end - 300


def test_the_same_token_is_always_due_at_the_same_moment() -> None:
    token_id = real_id()
    arguments: dict[str, Any] = {"obtained_at": NOW, "expires_at": NOW // SECOND + 3_600, "provider": provider()}

    assert len({due_at(token_id=token_id, **arguments) for _ in range(10)}) == 1


def test_20000_tokens_with_one_expiry_stay_under_their_providers_limit_and_none_comes_late(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The schedule's minutes and the provider's turns, one after the other; the spread is plotted."""
    start, expires_at = NOW // SECOND, NOW // SECOND + 3_600
    bears = provider(per_second=15)
    turn = APART / bears.per_second
    dues = sorted(
        due_at(token_id=real_id(), obtained_at=NOW, expires_at=expires_at, provider=bears) for _ in range(20_000)
    )

    minutes, free, latest = Counter[int](), 0.0, 0.0
    for due in dues:
        begun = due - due % 60 + 60  # by the run of the schedule that finds it
        free = max(free, begun) + turn
        latest = max(latest, free)
        minutes[int(free - start) // 60] += 1

    span = range(min(minutes), max(minutes) + 1)
    bars = [f"  minute {at:2} {'#' * (minutes[at] // 20)} {minutes[at]}" for at in span]
    show(capsys, "refreshes a minute of 20,000 tokens that expire in one (limit 900):", *bars)
    assert max(minutes.values()) <= 60 * bears.per_second
    assert latest < expires_at
    assert len(minutes) >= 25


@pytest.mark.parametrize("life", [0, 1, 5, 60, 599])
def test_a_token_that_lives_less_than_its_margin_is_due_while_it_lives(life: int) -> None:
    start = NOW // SECOND
    due = due_at(token_id=real_id(), obtained_at=NOW, expires_at=start + life, provider=provider(margin=86_400))

    assert start <= due <= start + life


@pytest.mark.parametrize(
    ("changes", "configured"),
    [
        ({"has_refresh_token": False}, provider()),
        ({"has_refresh_token": True, "expires_at": None}, provider()),
        ({"has_refresh_token": True}, None),
        ({"has_refresh_token": True}, provider(token_endpoint=None)),
    ],
)
def test_what_nobody_can_refresh_is_on_no_schedule(changes: dict[str, Any], configured: Provider | None) -> None:
    assert scheduled(a_token(1, **changes), configured) is None


def test_a_refresh_that_was_begun_too_long_ago_is_no_longer_under_way() -> None:
    renewal = Renewal(job_id=an_id(9), since=NOW)

    assert renewal.is_under_way(NOW + LONGEST_REFRESH - 1)
    assert not renewal.is_under_way(NOW + LONGEST_REFRESH)
    assert last_refresh_view(renewal) is None


def real_id() -> str:
    return base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()
