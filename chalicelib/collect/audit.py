"""The audit's own verbs: write down what no change of a token tells of, and show what was written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from chalicelib import errors
from chalicelib.model.audit import LONGEST_TEXT, Entry, Event, Who, about_token, who_of
from chalicelib.model.ids import is_id
from chalicelib.model.names import is_subject
from chalicelib.model.token import Token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.model.caller import Caller
    from chalicelib.model.window import Window

TOLD = (
    errors.Unauthorized,  # of somebody who was admitted: revoked since, or left without a policy
    errors.Forbidden,
    errors.NotFound,
    errors.Gone,
    errors.KeyGone,
    errors.TooShortLived,
    errors.NotRefreshable,
    errors.IllegalTransition,
    errors.IdempotencyKeyReused,
)
"""Refusals that say something of who may do what. What a caller merely misspelt is in the log alone."""


EXPLAIN = "/authz/explain"


class Audit(Protocol):
    """Where entries are written."""

    def write(self, entry: Entry) -> None:
        """Raise Unavailable when it was not."""


class Lists(Protocol):
    """Where entries are listed."""

    def page(self, window: Window, *, limit: int, after: str | None) -> tuple[list[Entry], str | None]:
        """Return a page, and what the next begins behind."""


class Auditor(Struct, frozen=True, kw_only=True):
    """What a route does for the audit. `now` is in microseconds; `new_id` mints a random id."""

    audit: Audit
    lists: Lists
    now: Callable[[], int]
    new_id: Callable[[], str]
    failure: Callable[..., None]

    def page(self, window: Window, *, limit: int, after: str | None) -> tuple[list[Entry], str | None]:
        """Return a page of entries, latest first, and what the next begins behind; None at the end."""
        return self.lists.page(window, limit=limit, after=after)

    def administered(self, caller: Caller, method: str, what: str) -> None:
        """Write down that somebody changes what the service does; `what` is a path. Raises Unavailable.

        Before the change is tried, so that there is none without an entry.
        """
        self.audit.write(self._entry(Event.ADMINISTERED, who_of(caller), what=what, code=method))

    def explained(self, caller: Caller, principal: str | None, token_id: str | None) -> None:
        """Write down that somebody asked what another may do; the bearer that was asked about by its `jti` alone.

        Raises Unavailable. Whose access it was is the entry's subject, if it is the name of one.
        """
        subject = principal if principal is not None and is_subject(principal) else None
        asked = {"subject": subject, "what": EXPLAIN if token_id is None else f"{EXPLAIN}?bearer={token_id}"}
        about = {name: text[:LONGEST_TEXT] for name, text in asked.items() if text is not None}
        self.audit.write(self._entry(Event.ADMINISTERED, who_of(caller), code="POST", **about))

    def refused(self, caller: Caller, route: str, names: Mapping[str, str], error: errors.CloakroomError) -> None:
        """Write down what somebody was refused: about the token that it was, or the ids among the path's `names`.

        No other text of a path is kept: people put secrets where they do not belong. There is an entry also for an id
        that there is not: if existing ones alone had theirs, the time that it takes would tell them apart. The answer
        stays, whatever becomes of the entry.
        """
        if not isinstance(error, TOLD):
            return
        who = who_of(caller)
        token = error.concerns
        try:
            if isinstance(token, Token):
                entry = about_token(token, Event.REFUSED, self.now(), who, by_id=self.new_id(), code=error.code)
            else:
                ids = {name: text for name, text in names.items() if name in _IDS and is_id(text)}
                entry = self._entry(Event.REFUSED, who, what=route, code=error.code, **ids)
            self.audit.write(entry)
        except Exception as fault:  # noqa: BLE001  the boundary: a refusal must not turn into another answer
            self.failure("audit.failed", fault, code=error.code)

    def _entry(self, event: Event, who: Who, **about: str) -> Entry:
        return Entry(id=self.new_id(), at=self.now(), event=event, who=who, **about)  # type: ignore[arg-type]


_IDS = frozenset({"token_id", "job_id"})
