"""Begin the refreshes that are due, every minute; two runs at once do no harm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from chalicelib.errors import NotFound, NotRefreshable, TokenRevoked
from chalicelib.model.audit import SERVICE, Who

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Executor

    from chalicelib.model.deposit import Deposit
    from chalicelib.model.job import Job
    from chalicelib.model.token import Place, Token

ITSELF = Who(principal=SERVICE)
"""Who asked for a refresh that nobody asked for."""


class Due(Protocol):
    """The index of scheduled refreshes."""

    def shards(self) -> Sequence[str]:
        """Return its partitions."""

    def due(self, shard: str, now: int) -> Iterable[str]:
        """Return the ids of the tokens that were due at `now` (microseconds), longest overdue first."""

    def drop(self, token_id: str) -> None:
        """Take a token off the schedule."""


class Tokens(Protocol):
    """Tokens by id, and the newest of a place."""

    def deposit(self, token_id: str) -> Deposit:
        """Raise NotFound if there is none."""

    def current(self, place: Place) -> Token | None:
        """Return None if there is none."""


class Refresher(Protocol):
    """How a refresh is begun."""

    def begin(self, token: Token, *, by: Who) -> Job | None:
        """Raise TokenRevoked, NotRefreshable, Conflict."""


class Schedule(Struct, frozen=True, kw_only=True):
    """The verb of the scheduled function."""

    index: Due
    tokens: Tokens
    refresher: Refresher
    pool: Executor
    now: Callable[[], int]
    fact: Callable[..., None]
    failure: Callable[..., None]

    def run(self, *, until: int) -> dict[str, int]:
        """Go through all shards side by side, until `until` (microseconds); what is left is the next run's.

        Returns how many refreshes were begun, tokens taken off the schedule, and failed.
        """
        counts = {"begun": 0, "dropped": 0, "failed": 0}
        for outcomes in self.pool.map(lambda shard: self._shard(shard, until), self.index.shards()):
            for outcome in outcomes:
                counts[outcome] += 1
        self.fact("schedule.done", **counts)
        return counts

    def _shard(self, shard: str, until: int) -> list[str]:
        outcomes: list[str] = []
        try:
            for token_id in self.index.due(shard, self.now()):
                if self.now() >= until:
                    break
                outcomes.append(self._one(token_id))
        except Exception as error:  # noqa: BLE001  one shard's trouble must not keep the others waiting
            self.failure("schedule.failed", error, shard=shard)
            outcomes.append("failed")
        return outcomes

    def _one(self, token_id: str) -> str:
        try:
            return self._due(token_id)
        except Exception as error:  # noqa: BLE001  one token's trouble must not keep the others waiting
            self.failure("schedule.failed", error, token=token_id)
            return "failed"

    def _due(self, token_id: str) -> str:
        """Begin a token's refresh, unless nobody would ever collect it: it was replaced, deleted, or cannot be."""
        try:
            token = self.tokens.deposit(token_id).token
            current = self.tokens.current(token.place)
            if current is not None and current.id == token_id:
                self.refresher.begin(token, by=ITSELF)
                return "begun"
        except (NotFound, NotRefreshable, TokenRevoked):
            pass  # as good as replaced
        self.index.drop(token_id)
        return "dropped"
