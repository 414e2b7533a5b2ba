"""What a token costs over its whole life, counted on the wire of the deployed stack, and held."""

from __future__ import annotations

import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import ConnectionClosed

from chalicelib.store.connections import Connections
from chalicelib.store.table import Table
from devtool.between import environment_of
from devtool.meter import Ledger, Meter
from devtool.testing import LiveCloud, live_cloud, wait_for
from tests.chalicelib.examples import a_connection
from tests.stack.figures import show, table
from tests.stack.watching import Caller, Watcher, registry, somebody

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKENS = 1_000
FEW = 40
CLIENTS = 4
BEHIND = ("advance", "notify", "work")
"""What runs behind the 202: for the rest an invocation is a request, or none where the authorizer's answer is kept."""
FUNCTIONS = ("api_handler", "authorize", "advance", "notify", "work", "websocket_connect")
STAGES = {
    "authorize": "authorize",
    "advance": "settle",
    "notify": "notify",
    "work": "work",
    "websocket_connect": "join",
}

Rows = dict[tuple[str, str], dict[str, float]]


@dataclass(frozen=True, slots=True)
class Metered:
    cloud: LiveCloud
    ledger: Ledger
    producer: Caller
    producer_name: str

    def live(self, count: int, size: int) -> Rows:
        """Let `count` tokens of `size` random characters live their life, and return what was counted."""
        reader = Caller.of(self.cloud, "ops", "admin")
        reader.ask("GET", "/tokens/unknown")  # the authorizer's answer for it is kept from here on
        tokens = {somebody("auth0"): secrets.token_hex(size // 2) for _ in range(count)}
        with ThreadPoolExecutor(CLIENTS) as pool, _listening(self.producer, 2 * count) as heard:
            self.ledger.rows()
            self.ledger.phase = "accept"
            ids = list(pool.map(lambda item: self.producer.hand_in(item[0], secret=item[1]), tokens.items()))
            wait_for(heard.is_set, 60)
            assert self.cloud.settle(60)
            self.ledger.phase = "collect"
            answers = list(pool.map(lambda token_id: reader.ask("GET", f"/tokens/{token_id}/secret"), ids))
            rows = self.ledger.rows()
        wait_for(lambda: not registry(self.cloud, self.producer_name), 30)  # or the next tokens would be told to nobody
        assert [answer.body for answer in answers if answer.status != 200] == []
        assert [answer.body["access_token"] for answer in answers] == list(tokens.values())
        return rows

    def processes(self) -> int:
        """Count the processes that ever served the API here."""
        spawned = f"Lambda worker spawned for {self.cloud.function_name('api_handler')} "
        return self.cloud.emulator_log().count(spawned)

    def invocations(self, function: str) -> int:
        """Return CloudWatch's count of a function's invocations so far."""
        now = datetime.now(UTC)
        answer = self.cloud.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName="Invocations",
            Dimensions=[{"Name": "FunctionName", "Value": self.cloud.function_name(function)}],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=1),
            Period=3_600,
            Statistics=["Sum"],
        )
        return int(sum(point["Sum"] for point in answer["Datapoints"]))


@pytest.fixture(scope="module")
def metered() -> Iterator[Metered]:
    with live_cloud() as cloud, ExitStack() as stack:
        ledger = Ledger(STAGES)
        for function in FUNCTIONS:
            meter = stack.enter_context(Meter(cloud.endpoint, function, ledger))
            stack.enter_context(environment_of(cloud, function, {"AWS_ENDPOINT_URL": meter.url}))
        name = somebody("hook")
        yield Metered(cloud, ledger, Caller.of(cloud, name, "producer"), name)


@contextmanager
def _listening(producer: Caller, wanted: int) -> Iterator[threading.Event]:
    """Keep one watcher connected, which hears of all that the producer hands in; set the event when it has."""
    done = threading.Event()

    def listen(watcher: Watcher) -> None:
        try:
            for number in range(1, wanted + 1):
                watcher.next()
                if number == wanted:
                    done.set()
        except (TimeoutError, EOFError, ConnectionClosed):
            return

    with producer.join() as watcher:
        watcher.snapshot()
        thread = threading.Thread(target=listen, args=(watcher,))
        thread.start()
        yield done
    thread.join(60)


def of(rows: Rows, stage: str, unit: str, purpose: str = "") -> float:
    """Add up one unit of a stage; the looks for revocations are counted by the clock, and by `looks` alone."""
    return sum(
        units.get(unit, 0)
        for (at, what), units in rows.items()
        if at == stage and purpose in what and "ACCESS" not in what
    )


def looks(rows: Rows) -> float:
    """Add up the looks for revocations, of all stages."""
    return sum(units["calls"] for (_, what), units in rows.items() if "ACCESS" in what)


@pytest.mark.slow
def test_a_thousand_tokens_cost_what_they_must_and_no_more(
    metered: Metered, capsys: pytest.CaptureFixture[str]
) -> None:
    metered.live(1, 1_024)  # the domain's key, the policies: once, not once a token
    before = {function: metered.invocations(function) for function in BEHIND}

    began = time.monotonic()
    rows = metered.live(TOKENS, 1_024)
    took = time.monotonic() - began

    invoked = {function: metered.invocations(function) - before[function] for function in BEHIND}
    processes = metered.processes()
    show(capsys, *_told(rows, TOKENS, 1_024), *_invoked(invoked, TOKENS))
    # Accepting: one PutItem (2 KB of item) and its entries in three indexes: open jobs, the subject's, the type's. No
    # item of a token is read.
    assert of(rows, "accept", "calls", "PutItem JOB") == TOKENS
    assert of(rows, "accept", "writes") == 2 * TOKENS
    assert of(rows, "accept", "index_writes") == 3 * TOKENS
    assert of(rows, "accept", "reads", "JOB") + of(rows, "accept", "reads", "SUBJECT") == 0
    assert of(rows, "accept", "reads", "BRANCH") <= processes, "a new process looks the domain's key up"
    # Settling: one transaction, which costs double; the job (2 KB), the current token (1 KB) and the audit's entry
    # (1 KB); out of the index of open jobs, the entry into two. The lists hold keys alone, which do not change.
    # Tokens that come in one batch share a transaction, and cost what they would cost by themselves.
    assert of(rows, "settle", "calls") <= TOKENS
    assert of(rows, "settle", "writes") == (2 * 2 + 2 * 1 + 2 * 1) * TOKENS
    assert of(rows, "settle", "index_writes") == 3 * TOKENS
    assert of(rows, "settle", "reads") == 0
    # Notifying: one Query for each name (the subject, the producer) and batch. A token has two changes.
    assert of(rows, "notify", "writes") == 0
    assert TOKENS <= of(rows, "notify", "reads") <= 2 * TOKENS + invoked["notify"]
    # Collecting: one GetItem, consistent; one PutItem that says who was given the secret, and its two indexes.
    assert of(rows, "collect", "reads", "GetItem JOB") == TOKENS
    assert of(rows, "collect", "reads") <= TOKENS + processes
    assert of(rows, "collect", "writes") == of(rows, "collect", "writes", "PutItem AUDIT") == TOKENS
    assert of(rows, "collect", "index_writes") == 2 * TOKENS
    # Revocations are looked for once in two seconds by each process that is asked, whatever the number of tokens. There
    # are at most as many of the authorizer as of the API, and one each that notifies and joins.
    assert looks(rows) <= (took / 2 + 2) * (2 * processes + 2)
    # KMS is asked once by each process that seals or opens, whatever the number of tokens.
    asked_kms = {stage for (stage, _), units in rows.items() if "kms" in units}
    assert of(rows, "accept", "kms") + of(rows, "collect", "kms") <= processes
    assert asked_kms <= {"accept", "collect"}
    # The authorizer's answer is kept for each bearer token: its reads are nothing a token.
    assert of(rows, "authorize", "reads") <= 2.0 * CLIENTS
    assert not [what for (_, what), units in rows.items() if units.get("refused")]
    assert invoked["work"] == 0
    assert invoked["advance"] <= TOKENS
    assert invoked["notify"] <= 2 * TOKENS + 2


@pytest.mark.parametrize(
    ("size", "accept", "settle", "collect"),
    [
        # Write units, write units, read units; of one token. Three of accepting and three of settling are the indexes'.
        pytest.param(512, 5, 11, 1, id="0.5 KB"),
        pytest.param(2_048, 6, 13, 1, id="2 KB"),
        pytest.param(8_192, 12, 25, 3, id="8 KB"),
    ],
)
def test_what_a_token_costs_grows_with_its_size_and_not_otherwise(  # noqa: PLR0917  pytest passes by name
    metered: Metered, capsys: pytest.CaptureFixture[str], size: int, accept: int, settle: int, collect: int
) -> None:
    metered.live(1, size)

    rows = metered.live(FEW, size)

    show(capsys, *_told(rows, FEW, size))
    assert of(rows, "accept", "writes") + of(rows, "accept", "index_writes") == accept * FEW
    assert of(rows, "settle", "writes") + of(rows, "settle", "index_writes") == settle * FEW
    assert of(rows, "collect", "reads", "GetItem JOB") == collect * FEW
    assert of(rows, "accept", "reads") <= CLIENTS


def test_a_token_costs_the_same_whether_ten_or_a_thousand_watch_others(
    metered: Metered, capsys: pytest.CaptureFixture[str]
) -> None:
    metered.live(1, 512)

    register_others(metered.cloud, 10)
    few = [metered.live(1, 512) for _ in range(3)]
    register_others(metered.cloud, 990)
    many = [metered.live(1, 512) for _ in range(3)]

    show(capsys, "beside a thousand watchers of others:", *_told(many[0], 1, 512))
    assert [by_token(rows) for rows in many] == [by_token(rows) for rows in few]
    assert len({str(by_token(rows)) for rows in few}) == 1


def register_others(cloud: LiveCloud, count: int) -> None:
    """Register the watchers of as many other people, whom nobody has to tell anything."""
    registry_of_all = Connections(Table(cloud.client("dynamodb"), cloud.table))
    with cloud.holding(untold=True):
        for _ in range(count):
            person = somebody("other")
            registry_of_all.join(a_connection(secrets.token_hex(8), principal=person, person=person))


def by_token(rows: Rows) -> Rows:
    """Leave out what is asked once a process or by the clock, and what joining costs."""
    once = ("ACCESS", "BRANCH", "POLICIES", "KMS")
    return {at: units for at, units in rows.items() if at[0] != "join" and not any(name in at[1] for name in once)}


def _told(rows: Rows, count: int, size: int) -> list[str]:
    heads = ("stage", "what for", "calls", "write units", "index writes", "read units", "KMS")
    units = ("calls", "writes", "index_writes", "reads", "kms")
    body = [(stage, what, *(found.get(unit, 0) / count for unit in units)) for (stage, what), found in rows.items()]
    total = ("all", "", *(sum(row[column] for row in body) for column in range(2, 7)))
    return [f"a token of {size} bytes (average of {count:,}):", *table(heads, [*body, total])]


def _invoked(invoked: dict[str, int], count: int) -> list[str]:
    rows = [(function, number, number / count) for function, number in invoked.items()]
    return ["invocations:", *table(("function", "all", "a token"), rows)]
