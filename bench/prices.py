"""What a token costs in dollars, here and elsewhere: AWS's list prices, and arithmetic.

us-east-1, on demand, without free tiers, as published 2026-06. Each price's page is named above it; whoever lives in
another region, or has a contract, changes a number here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MILLION: Final = 1_000_000
MONTH: Final = 30.0
"""Days."""

PRICES: Final[Mapping[str, float]] = {
    # https://aws.amazon.com/dynamodb/pricing/on-demand/ (halved in November 2024)
    "write_units": 0.625 / MILLION,
    "read_units": 0.125 / MILLION,
    "stored_gb_months": 0.25,
    "recoverable_gb_months": 0.20,
    # https://aws.amazon.com/lambda/pricing/ (x86; a stream's reads by Lambda cost nothing)
    "invocations": 0.20 / MILLION,
    "function_gb_seconds": 0.0000166667,
    # https://aws.amazon.com/api-gateway/pricing/
    "requests": 3.50 / MILLION,
    "messages": 1.00 / MILLION,
    # https://aws.amazon.com/sqs/pricing/
    "queue_requests": 0.40 / MILLION,
    # https://aws.amazon.com/kms/pricing/
    "kms_calls": 0.03 / 10_000,
    # https://aws.amazon.com/secrets-manager/pricing/ (a secret of less than a month: its hours)
    "secret_months": 0.40,
    "secret_calls": 0.05 / 10_000,
    # https://aws.amazon.com/step-functions/pricing/ (standard; express by start, and by 64 MB and 100 ms)
    "transitions": 25.0 / MILLION,
    "express_starts": 1.00 / MILLION,
    "express_gb_seconds": 0.00001667,
}
"""Dollars for one of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How much of each a token uses over its life. The members are the names of PRICES."""

    write_units: float = 0.0
    read_units: float = 0.0
    stored_gb_months: float = 0.0
    recoverable_gb_months: float = 0.0
    invocations: float = 0.0
    function_gb_seconds: float = 0.0
    requests: float = 0.0
    messages: float = 0.0
    queue_requests: float = 0.0
    kms_calls: float = 0.0
    secret_months: float = 0.0
    secret_calls: float = 0.0
    transitions: float = 0.0
    express_starts: float = 0.0
    express_gb_seconds: float = 0.0

    def __add__(self, other: Use) -> Use:
        """Return both together."""
        return Use(**{name: getattr(self, name) + getattr(other, name) for name in PRICES})

    def times(self, number: float) -> Use:
        """Return so many of it."""
        return Use(**{name: getattr(self, name) * number for name in PRICES})

    def bill(self) -> dict[str, float]:
        """Return the dollars of a million, by what they are for; what costs nothing is left out."""
        charged = {name: getattr(self, name) * PRICES[name] * MILLION for name in PRICES}
        return {name: dollars for name, dollars in charged.items() if dollars}

    def dollars(self) -> float:
        """Return the dollars of a million."""
        return sum(self.bill().values())


MEMORY: Final = 0.5
"""Gigabytes of a function."""
_BILLED: Final = 0.020
"""Seconds of an invocation that calls nobody but AWS, assumed for everybody alike."""
_PROVIDER: Final = 0.300
"""Seconds that a provider takes to refresh a token, assumed for everybody alike: a function waits for it."""


def invoked(times: float, *, seconds: float = _BILLED) -> Use:
    """Return what invocations of a function use."""
    return Use(invocations=times, function_gb_seconds=times * seconds * MEMORY)


FRONT: Final = Use(requests=3) + invoked(3)
"""The hand-in and two readings through API Gateway: the same before each of these, and in none of their figures."""

REFRESH: Final = Use(write_units=17 + 12, read_units=10, queue_requests=3, messages=3) + (
    invoked(1 + 3) + invoked(1, seconds=_PROVIDER + _BILLED)
)
"""A refresh of ours, as tests/stack/test_refresh_cost.py counts and holds it: `advance` sends a message (which is sent,
received and deleted), `work` asks the provider, `notify` tells of three changes: each in an invocation of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """How long a token is kept, and how often it is refreshed, read and told of."""

    days: float
    refreshes: int = 0
    reads: int = 2
    messages: int = 2


A_DAY: Final = Life(days=1)
A_MONTH: Final = Life(days=30, refreshes=30)
"""With a refresh a day."""


def secrets_manager(life: Life) -> Use:
    """A secret a token: created, read, deleted; a refresh puts a new value, by a function that asks the provider.

    Nobody is told, nothing is settled, there is no record of who was given what but CloudTrail's.
    """
    refreshes = Use(secret_calls=2).times(life.refreshes) + invoked(life.refreshes, seconds=_PROVIDER + _BILLED)
    return Use(secret_months=life.days / MONTH, secret_calls=1 + life.reads + 1) + refreshes


SETTLING_STATES: Final = 3
"""Write the current token and the audit's entry, tell the watchers, end: the fewest states that do our job."""
REFRESHING_STATES: Final = 4
"""Read, ask the provider, write, tell."""
_SETTLED: Final = Use(write_units=2 + 1 + (1 + 2), read_units=1)
"""The sealed token of 2 KB, the current one, the audit's entry and its two indexes; the look for watchers. No index of
jobs is kept: the workflow is the job."""
_READ: Final = Use(write_units=1 + 2, read_units=1)
"""The token, and the entry that says who was given it."""
_REFRESHED: Final = Use(write_units=2 + 1 + (1 + 2), read_units=2, messages=1)


def step_functions(life: Life, *, express: bool) -> Use:
    """A workflow a job, on a table like ours without jobs; its own integrations write, two functions tell and ask.

    Express is at least once, for 5 minutes at the most, and keeps nothing but a log: a job's state would be ours again.
    """
    settled = _SETTLED + Use(messages=life.messages) + invoked(1) + _READ.times(life.reads)
    refreshed = _REFRESHED + invoked(1) + invoked(1, seconds=_PROVIDER + _BILLED)
    if express:
        # 64 MB; rounded up to 100 ms, or to what the provider takes.
        settling = Use(express_starts=1, express_gb_seconds=0.1 * 0.0625)
        refreshing = Use(express_starts=1, express_gb_seconds=0.4 * 0.0625)
    else:
        settling, refreshing = Use(transitions=SETTLING_STATES), Use(transitions=REFRESHING_STATES)
    return settled + settling + (refreshed + refreshing).times(life.refreshes)


ONE_PUT: Final = Use(write_units=2)
"""The sealed token of 2 KB, written, and nothing else ever done with it."""
