"""Whose access has ended before its time: revocations, and the one decision that is made over them.

They are stored: never rename a kind, never reuse one.
"""

from __future__ import annotations

import enum
import hashlib
import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field
from msgspec.structs import replace

from chalicelib.model.clock import SECOND, rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping

FRESH: Final = 2 * SECOND
"""How old what a process knows of revocations may be while the table answers."""

LAST_RESORT: Final = 5 * SECOND
"""How old it may be while the table does not answer: the bound within which access ends. Beyond it nobody is served."""

SKEW: Final = SECOND
"""By how much the clock of whoever looked may be ahead of ours. What claims to come from later is not believed."""

BEARER_LEEWAY: Final = 5
"""Seconds beyond its expiry that a bearer counts, as in the authorizer: clocks differ."""


_ID: Final = r"(principal|sessions|bearer)-[0-9a-f]{64}"


class Kind(enum.StrEnum):
    """What a revocation ends: all of a principal; its bearers issued before a moment; one bearer."""

    PRINCIPAL = "principal"
    SESSIONS = "sessions"
    BEARER = "bearer"


class Bearer(Struct, frozen=True, kw_only=True):
    """What a bearer token says of itself, as far as its end depends on it; in seconds since 1970.

    `token_id` is its `jti`, empty where it has none. `issued_at` is None where it does not say: it counts as issued
    before any moment. `epoch` is that of the policies it was admitted under.
    """

    token_id: str = ""
    issued_at: int | None = None
    # What is not known to last has ended: a default that an item without the attribute is read by.
    expires_at: int = 0
    epoch: int = 0

    def is_over(self, now: int) -> bool:
        """Tell whether it has expired; `now` in microseconds."""
        return (self.expires_at + BEARER_LEEWAY) * SECOND <= now


class Revocation(Struct, frozen=True, kw_only=True):
    """End the access of `name`: a principal (`sub`), or a bearer by its `jti`, of whichever issuer.

    `id` is the same for the same kind and name (see `id_of`): asking twice makes one. Times in microseconds. With kind
    SESSIONS it meets bearers issued before `issued_before` and no later ones. `until` is when it lapses, None: never.
    `rev` rises with each change.
    """

    id: str
    kind: Kind
    name: str
    by: str
    at: int
    why: str = ""
    issued_before: int | None = None
    until: int | None = None
    rev: int = 1

    @property
    def principal(self) -> str | None:
        """Whose it is, if that is known."""
        return None if self.kind is Kind.BEARER else self.name

    def has_lapsed(self, now: int) -> bool:
        """Tell whether its time is over."""
        return self.until is not None and self.until <= now

    def meets(self, bearer: Bearer, now: int) -> bool:
        """Tell whether it ends a bearer of its principal, or of its `jti`."""
        if self.has_lapsed(now):
            return False
        if self.issued_before is None or bearer.issued_at is None:
            return True
        return bearer.issued_at * SECOND < self.issued_before

    def joined_with(self, other: Revocation) -> Revocation:
        """Return this one, made to meet also what `other`, of the same id, meets: neither takes back what one asked."""
        until = None if self.until is None or other.until is None else max(self.until, other.until)
        moments = [moment for moment in (self.issued_before, other.issued_before) if moment is not None]
        return replace(self, until=until, issued_before=max(moments, default=None))

    def meets_as_much_as(self, other: Revocation) -> bool:
        """Tell whether both meet the same bearers."""
        return (self.id, self.until, self.issued_before) == (other.id, other.until, other.issued_before)


class Epoch(Struct, frozen=True, kw_only=True):
    """Count the changes of who may do what: `rev` all of them, `policies` those of policies alone.

    Compared for being the same, never for order: a table restored from a backup counts from where it was.
    """

    rev: int = 0
    policies: int = 0


class Access(Struct, frozen=True, kw_only=True):
    """What is known of revocations and policies, as of `known_at` (microseconds, before the table was asked)."""

    known_at: int
    epoch: Epoch = field(default_factory=Epoch)
    revoked: Mapping[str, Revocation] = field(default_factory=dict)

    def is_fresh(self, now: int) -> bool:
        """Tell whether it may be used without a look into the table."""
        return is_fresh(self.known_at, now)

    def may_still_serve(self, now: int) -> bool:
        """Tell whether it may be used where the table does not answer."""
        return -SKEW <= now - self.known_at < LAST_RESORT

    def revocation_of(self, principal: str, bearer: Bearer, now: int) -> Revocation | None:
        """Return what ends this bearer of this principal, None if nothing does."""
        if not self.revoked:
            return None  # as nearly always; the names of what there might be are hashes
        named = [(Kind.PRINCIPAL, principal), (Kind.SESSIONS, principal)]
        if bearer.token_id:
            named.append((Kind.BEARER, bearer.token_id))
        found = (self.revoked.get(id_of(kind, name)) for kind, name in named)
        return next((one for one in found if one is not None and one.meets(bearer, now)), None)


def is_fresh(known_at: int, now: int) -> bool:
    """Tell whether what was known at `known_at`, by some process's clock, is young enough to decide by."""
    return -SKEW <= now - known_at < FRESH


def id_of(kind: Kind, name: str) -> str:
    """Return a revocation's id. A hash, for a name may be longer than a key and hold what no path does."""
    return f"{kind}-{hashlib.sha256(name.encode()).hexdigest()}"


def kind_of(revocation_id: str) -> Kind | None:
    """Return what a revocation's id says that it ends; None for a text that can be none's id."""
    match = re.fullmatch(_ID, revocation_id)
    return None if match is None else Kind(match[1])


def revocation_view(of: Revocation) -> dict[str, object]:
    """Write a revocation as the contract shows it."""
    return {
        "id": of.id,
        "principal": of.principal,
        "bearer": of.name if of.kind is Kind.BEARER else None,
        "issued_before": None if of.issued_before is None else rfc3339(of.issued_before),
        "until": None if of.until is None else rfc3339(of.until),
        "why": of.why,
        "by": of.by,
        "at": rfc3339(of.at),
        "links": {"self": f"/revocations/{of.id}"},
    }
