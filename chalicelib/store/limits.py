"""What a provider bears, held by all workers together: its requests a second, and at the same time.

A turn is a moment: whoever takes one moves the next one on by the interval, in one conditional write, so that no two
ask within it. A permit is a place with a lease: whoever dies in it gives it up by time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.errors import NoTurn
from chalicelib.model.clock import SECOND
from chalicelib.model.renewal import CALL_SECONDS
from chalicelib.store import keys
from chalicelib.store.table import ConditionFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.model.provider import Provider
    from chalicelib.store.table import Table

LONGEST_SLEEP = 3 * SECOND
"""How long a worker waits for its turn (microseconds); for a later one the job is put off."""

PERMIT = 6 * CALL_SECONDS * SECOND
"""How long a place is held without being given up: as long as the worker's function may run."""

APART = 1.25
"""By how much turns lie further apart than the limit says: requests take different times to arrive. Of six that came
within one second at five a second, the first would have been a quarter of a second late."""

LATE = SECOND // 10
"""How late for its turn a worker may be (microseconds): one that slept longer takes another, or it would come too close
to the next."""

FREE = "attribute_not_exists(pk) OR held_until <= :now OR holder = :holder"
"""Nobody holds this place, or its holder's time is up."""

HELD_BY_US = "holder = :holder"
"""The place is still ours."""

SOON = "next_turn > :now AND next_turn <= :latest"
"""The next turn is in the near future: take it, and move the next one on."""

PAST = "attribute_not_exists(next_turn) OR next_turn <= :now"
"""Nobody waits: the turn is now."""

RACES = 8

_OURS = {"kind": "limit"}
"""What an item of ours is marked with."""


class Limits:
    """The providers' limits of one table. `pause` waits for seconds, `chance` gives a number from [0, 1)."""

    def __init__(
        self, table: Table, *, now: Callable[[], int], pause: Callable[[float], None], chance: Callable[[], float]
    ) -> None:
        self._table = table
        self._now = now
        self._pause = pause
        self._chance = chance

    def enter(self, provider: Provider, holder: str) -> Callable[[], None]:
        """Wait for a place and a turn with a provider; return what gives the place up again.

        Raises NoTurn, with `retry_after`, when either is too far away.
        """
        number = self._permit(provider, holder)
        try:
            self._wait_for_turn(provider)
        except BaseException:
            self._leave(provider, number, holder)
            raise
        return lambda: self._leave(provider, number, holder)

    def _wait_for_turn(self, provider: Provider) -> None:
        for _ in range(RACES):
            turn = self._turn(provider)
            wait = turn - self._now()
            if wait > 0:
                self._pause(wait / SECOND)
            if self._now() - turn <= LATE:
                return
        raise NoTurn("too late for each turn", retry_after=self._later())

    def _permit(self, provider: Provider, holder: str) -> int:
        first = int(self._chance() * provider.at_once)
        for step in range(provider.at_once):
            number = (first + step) % provider.at_once
            now = self._now()
            try:
                self._table.update(
                    keys.permit_key(provider.name, number),
                    "SET kind = :kind, holder = :holder, held_until = :until, #ttl = :ttl",
                    condition=FREE,
                    names={"#ttl": "ttl"},
                    **_OURS,
                    holder=holder,
                    until=now + PERMIT,
                    now=now,
                    ttl=(now + PERMIT) // SECOND + 86_400,
                )
            except ConditionFailed:
                continue
            return number
        raise NoTurn("the provider is being asked by as many as it bears", retry_after=self._later())

    def _leave(self, provider: Provider, number: int, holder: str) -> None:
        try:
            self._table.delete(keys.permit_key(provider.name, number), condition=HELD_BY_US, holder=holder)
        except ConditionFailed:  # our time was up and another has it
            return

    def _turn(self, provider: Provider) -> int:
        """Take the next turn and return when it is (microseconds)."""
        interval = int(SECOND * APART / provider.per_second)
        key = keys.turn_key(provider.name)
        for _ in range(RACES):
            now = self._now()
            try:
                after = self._table.update_returning(
                    key,
                    "SET next_turn = next_turn + :interval",
                    condition=SOON,
                    interval=interval,
                    now=now,
                    latest=now + LONGEST_SLEEP,
                )
                return int(after["next_turn"]) - interval
            except ConditionFailed as refused:
                if refused.item is not None and refused.item["next_turn"] > now + LONGEST_SLEEP:
                    raise NoTurn("the provider is asked as often as it bears", retry_after=self._later()) from None
            try:
                change = "SET kind = :kind, next_turn = :next"
                self._table.update(key, change, condition=PAST, **_OURS, next=now + interval, now=now)
            except ConditionFailed:
                continue
            return now
        raise NoTurn("too many want a turn at once", retry_after=self._later())

    def _later(self) -> int:
        """Return in how many seconds to ask again: apart from the others who were turned away."""
        return 1 + int(self._chance() * 5)
