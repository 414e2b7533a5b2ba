"""How a token is kept good: what is known of its refreshes, and what follows from it. Pure; no clock, no network.

A refresh belongs to one generation of a token and makes the next. Before the provider is called, the intent is written
down (the journal); from that write on the call may have been made, until its answer is written down too:

    begin ──► journal ──► call ──► answer ──► generation + 1, no journal
                 │          │         │
                 │          └─────────┴── dies or hears nothing: the journal stays, and the outcome is UNKNOWN
                 └── nothing left us for sure: the journal is taken back

A provider that rotates refresh tokens takes the second use of one for theft, and revokes everything. So an unknown
outcome is never simply tried again there: `after_unknown` says what is done instead.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from msgspec import Struct

from chalicelib.model.clock import SECOND, rfc3339

if TYPE_CHECKING:
    from chalicelib.model.provider import Provider
    from chalicelib.model.token import Token

LONGEST_REFRESH = 3_600 * SECOND
"""How long a refresh may be under way (microseconds): its job's lifetime. Then readers may begin another."""

REJECTED = "rejected"
"""Why a token needs a login that a consumer saw refused and nobody can refresh: it may look good, and is not."""

CALL_SECONDS = 10
"""How long a provider is given to answer."""

QUIET = 2 * CALL_SECONDS * SECOND
"""How long after the journal's entry an unanswered call may still be at work at the provider (microseconds): asked
before, it would say of a refresh token what stops being true a moment later."""


class Journal(Struct, frozen=True, kw_only=True):
    """The intent to call the provider: by which attempt of which job, when; `repeats` of a call that went unheard."""

    job_id: str
    attempt: int
    at: int
    repeats: int = 0


class Reauth(Struct, frozen=True, kw_only=True):
    """Why a token cannot be refreshed any more (a stable code), since when (microseconds)."""

    code: str
    at: int


class LastRefresh(Struct, frozen=True, kw_only=True):
    """How the last refresh ended: `refreshed` or an error's code; when (microseconds)."""

    outcome: str
    at: int


class Renewal(Struct, frozen=True, kw_only=True):
    """What a token's record says of its refreshes. Times in microseconds, `learned_life` in seconds.

    `job_id` and `since` are those of the refresh under way. `learned_life` is how long an earlier generation was good
    when a consumer reported it as rejected, for providers that do not say.
    """

    obtained_at: int = 0
    job_id: str | None = None
    since: int = 0
    journal: Journal | None = None
    reauth: Reauth | None = None
    last: LastRefresh | None = None
    learned_life: int | None = None

    def is_under_way(self, now: int) -> bool:
        """Tell whether a refresh was begun and may still end well."""
        return self.job_id is not None and now < self.since + LONGEST_REFRESH


FIRST = Renewal()
"""Of a token that was never refreshed."""


class Next(enum.Enum):
    """What an attempt does about a call whose outcome nobody knows."""

    CALL = "call"
    INTROSPECT = "introspect"
    GIVE_UP = "give_up"


def after_unknown(journal: Journal | None, provider: Provider, now: int) -> Next:
    """Decide what the next attempt does, given what the last one wrote down.

    Not rotating: the refresh token is good for many uses, so it is used again. Rotating: once more inside the leeway
    that the provider declares; else the provider is asked whether the refresh token was used; else nobody can know,
    and the customer has to log in again.
    """
    if journal is None or not provider.rotates:
        return Next.CALL
    if journal.repeats == 0 and now + CALL_SECONDS * SECOND < journal.at + provider.leeway * SECOND:
        return Next.CALL
    return Next.INTROSPECT if provider.introspection_url else Next.GIVE_UP


def quiet_from(journal: Journal) -> int:
    """Return from when on the provider's word about a refresh token is final (microseconds)."""
    return journal.at + QUIET


def due_at(*, token_id: str, obtained_at: int, expires_at: int, provider: Provider) -> int:
    """Return when a token is refreshed on schedule (epoch seconds): before its expiry by the provider's margin.

    Spread over the seconds before that by the token's id, always the same for the same token, so that what was handed
    in during one peak does not come due in one minute. Never before half the token's life is over, unless the margin
    wants it.
    """
    life = max(0, expires_at - obtained_at // SECOND)
    latest = expires_at - min(provider.margin, life // 2)
    spread = min(provider.spread or life // 2, max(0, latest - obtained_at // SECOND - life // 4))
    return latest - int(_fraction(token_id) * spread)


def scheduled(token: Token, provider: Provider | None) -> int | None:
    """Return when a token is refreshed on schedule (epoch seconds); None for one that nobody can refresh, or that does
    not say when it expires.
    """
    if provider is None or token.expires_at is None or not token.has_refresh_token or provider.token_url is None:
        return None
    return due_at(token_id=token.id, obtained_at=token.obtained_at, expires_at=token.expires_at, provider=provider)


def _fraction(token_id: str) -> float:
    """Return a number from [0, 1) that an id always has: ids are uniform, 5 bits a character."""
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    value = 0
    for character in token_id[:8]:
        value = value * 32 + alphabet.index(character)
    return value / 32**8


def last_refresh_view(renewal: Renewal) -> dict[str, object] | None:
    """Return the last refresh as the contract shows it."""
    if renewal.last is None:
        return None
    return {"outcome": renewal.last.outcome, "at": rfc3339(renewal.last.at)}
