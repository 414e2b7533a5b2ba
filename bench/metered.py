"""Request units, requests and invocations of our functions, counted between them and the local cloud."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from devtool.between import environment_of
from devtool.meter import Ledger, Meter

if TYPE_CHECKING:
    from devtool.testing import LiveCloud

FUNCTIONS: Final = ("api_handler", "authorize", "advance", "notify", "websocket_connect")
NOT_BY_TOKEN: Final = ("ACCESS", "BRANCH", "POLICIES", "KMS")
"""What is asked by the clock or once a process, whatever the number of tokens."""

Rows = Mapping[tuple[str, str], Mapping[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """What tokens cost at the table; `index_writes` are those of the indexes, `kms` are calls."""

    calls: float = 0.0
    writes: float = 0.0
    index_writes: float = 0.0
    reads: float = 0.0
    kms: float = 0.0

    @property
    def written(self) -> float:
        """Write units, those of the indexes among them."""
        return self.writes + self.index_writes

    @property
    def total(self) -> float:
        """Read and write units together."""
        return self.written + self.reads

    def each(self, count: int) -> Units:
        """Return the average of so many."""
        names = self.__slots__
        return Units(**{name: getattr(self, name) / count for name in names})


def units_of(rows: Rows, *, by_token: bool = True) -> Units:
    """Add rows up: what follows from tokens, or else the rest. Raises ValueError when something was refused."""
    refused = [what for (_, what), units in rows.items() if units.get("refused")]
    if refused:
        raise ValueError(f"refused: {', '.join(refused)}")
    wanted = [units for (_, what), units in rows.items() if by_token is not any(name in what for name in NOT_BY_TOKEN)]
    return Units(**{name: sum(units.get(name, 0.0) for units in wanted) for name in Units.__slots__})


@dataclass(frozen=True, slots=True)
class Metered:
    """A cloud whose functions all speak through meters."""

    cloud: LiveCloud
    ledger: Ledger

    def units(self) -> Units:
        """Return what tokens have cost since the last time."""
        return units_of(self.ledger.rows())

    def invocations(self, *functions: str) -> int:
        """Return how often functions were invoked so far."""
        return sum(self._invocations(self.cloud.function_name(function)) for function in functions)

    def _invocations(self, name: str) -> int:
        now = datetime.now(UTC)
        answer = self.cloud.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName="Invocations",
            Dimensions=[{"Name": "FunctionName", "Value": name}],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=1),
            Period=3_600,
            Statistics=["Sum"],
        )
        return int(sum(point["Sum"] for point in answer["Datapoints"]))


@contextmanager
def metered(cloud: LiveCloud) -> Iterator[Metered]:
    """Put a meter before each function; their workers start anew, here and behind it."""
    ledger = Ledger({})
    with ExitStack() as stack:
        for function in FUNCTIONS:
            meter = stack.enter_context(Meter(cloud.endpoint, function, ledger))
            stack.enter_context(environment_of(cloud, function, {"AWS_ENDPOINT_URL": meter.url}))
        yield Metered(cloud, ledger)
