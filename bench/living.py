"""Tokens that live one after the other, and what each of them cost."""

from __future__ import annotations

import json
import secrets
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from bench.bed import BARE_ECHO, Bed
from bench.client import Answer, Client
from bench.watchers import Watchers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.metered import Metered, Units

SECRET = 1_024
"""Characters of an access token."""
BEHIND = ("advance", "notify")
_OURS = ("api_handler", *BEHIND)
_BARE_CALLS = 4
"""For each token."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a token cost: the units of the one in the middle, and how many of the others cost something else; on average
    the invocations behind the 202, processor time in seconds and in calls of the bare function in between, wall time.

    A token costs other units than the rest where a request of its was sent twice: the local cloud may take longer to
    answer than a function waits, when it collects its garbage.
    """

    units: Units
    others: int
    invocations: float
    seconds: float
    bare_calls: float
    wall: float

    def __str__(self) -> str:
        """Write it as a line of details."""
        units = f"{self.units.written:g} write and {self.units.reads:g} read units in {self.units.calls:g} requests"
        others = f" ({self.others} others)" if self.others else ""
        return f"{units}{others}, {self.seconds * 1e3:.1f} ms of processor, {self.wall * 1e3:.0f} ms"


class Life:
    """One watcher hears of all that is handed in."""

    def __init__(self, found: Bed, meters: Metered, watchers: Watchers, producer: str) -> None:
        self._cloud = found.cloud
        self._meters = meters
        self._watchers = watchers
        self.producer = producer
        self._producer = Client(found.cloud.api_url, found.cloud.token(producer, ["producer"]))
        self._reader = Client(found.cloud.api_url, found.cloud.token("reader", ["admin"]))
        self._bare = Client(found.bare_url, found.cloud.token("login-hook", ["producer"]))

    def live(self, count: int, *, collected: int = 1, listed: int = 1) -> Cost:
        """Let `count` tokens live, each collected and listed so often, and return what one cost."""
        self._meters.units()
        invoked, worked, began = self._meters.invocations(*BEHIND), self._worked(), time.perf_counter()
        bare, units = 0.0, []
        for _ in range(count):
            self.one(collected=collected, listed=listed)
            units.append(self._meters.units())
            bare += self._bare_calls()
        wall, seconds = (time.perf_counter() - began) / count, (self._worked() - worked) / count
        invoked = self._meters.invocations(*BEHIND) - invoked
        in_the_middle = sorted(units, key=lambda one: one.total)[count // 2]
        others = sum(one != in_the_middle for one in units)
        bare_call = bare / count / _BARE_CALLS
        return Cost(in_the_middle, others, invoked / count, seconds, seconds / bare_call, wall)

    def one(self, *, collected: int = 1, listed: int = 1) -> tuple[str, str]:
        """Let one token live; return its id and its subject."""
        subject, heard = f"auth0|{secrets.token_hex(12)}", self._watchers.heard
        answer = _checked(self._producer.ask("POST", "/tokens", _body(subject)), HTTPStatus.ACCEPTED)
        token_id = str(answer.json["id"])
        self._watchers.wait_for(heard + 2)  # PENDING, SUCCEEDED
        if not self._cloud.settle():
            raise TimeoutError("the stream was not delivered")
        paths = [f"/tokens/{token_id}/secret"] * collected + [f"/subjects/{quote(subject, safe='')}/tokens"] * listed
        for path in paths:
            _checked(self._reader.ask("GET", path), HTTPStatus.OK)
        for client in (self._producer, self._reader, self._bare):
            client.rest()
        return token_id, subject

    def _bare_calls(self) -> float:
        before = self._cloud.processor_time(BARE_ECHO)
        for _ in range(_BARE_CALLS):
            _checked(self._bare.ask("POST", "/tokens", _body("auth0|bare")), HTTPStatus.ACCEPTED)
        return self._cloud.processor_time(BARE_ECHO) - before

    def _worked(self) -> float:
        return self._cloud.processor_time(*map(self._cloud.function_name, _OURS))


@contextmanager
def life(found: Bed, meters: Metered) -> Iterator[Life]:
    """Let tokens live before one watcher, their producer's."""
    producer = f"hook-{secrets.token_hex(4)}"
    caller = Client(found.cloud.api_url, found.cloud.token(producer, ["producer"]))
    with Watchers(caller) as watchers:
        watchers.grow(1)
        yield Life(found, meters, watchers, producer)


def _body(subject: str) -> bytes:
    token = {"access_token": secrets.token_hex(SECRET // 2), "expires_in": 3_599}
    return json.dumps({"subject": subject, "provider": "google", "token": token}).encode()


def _checked(answer: Answer, status: HTTPStatus) -> Answer:
    if answer.status != status:
        raise RuntimeError(f"{answer.status} instead of {status}: {answer.body[:200]!r}")
    return answer
