"""Fan-out: one change of a job to a thousand sockets, by the verb of the notifying function.

The registry is a list and nobody is revoked; everything else is what Lambda runs, with its log lines. The limit is as
many messages at a time as ours has connections, each as long under way as a bare exchange is in the same run.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.figures import LIMIT, OURS, PEER, Target, compared, interleaved, middle
from bench.limits import wire
from bench.server import server
from chalicelib import log
from chalicelib.aws.endpoints import parse, surroundings
from chalicelib.aws.sockets import Sockets
from chalicelib.aws.switchboard import CONNECTIONS, Switchboard
from chalicelib.aws.trust import Trust
from chalicelib.model import notice
from chalicelib.model.access import Access, Bearer
from chalicelib.model.change import JobChange
from chalicelib.model.job import Job, Status, Type
from chalicelib.model.token import Place
from chalicelib.model.watch import Connection, Scope, Watch
from chalicelib.notify.side_by_side import SideBySide
from chalicelib.notify.tell import Teller
from chalicelib.wiring.system import PUSHING_THREADS, now
from devtool import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.figures import Line, Scale
    from bench.server import Server

TARGET = Target(limit_at_least=0.85)
DELAY = 0.010
WATCHERS = 1_000
_BARE = 20
"""Exchanges that tell how long one takes."""
_LATER = 4_102_444_800
_MILLION = 1_000_000
_ID = "0123456789abcdef0123456789abcdef"
_WHO = "auth0|65f0c2a7b1d4e8"


def measure(scale: Scale) -> list[Line]:
    """Tell all of them, in turn with the peer."""
    with ExitStack() as stack:
        aws = stack.enter_context(server(delay=DELAY))
        stack.enter_context(_surroundings(aws))
        teller, spent = stack.enter_context(_ours(aws)), _Spent()
        peer = stack.enter_context(_peer(aws))
        limit = stack.enter_context(_limit())
        samples = interleaved(
            scale.of(full=9, quick=3),
            {OURS: spent.timed(OURS, lambda: teller.tell([_change()])), PEER: spent.timed(PEER, peer), LIMIT: limit},
        )
        opened = aws.counts()["connections"]
    bare = CONNECTIONS / middle(samples[LIMIT]) * 1_000
    details = [
        f"{CONNECTIONS} connections, a bare exchange takes {bare:.1f} ms; {opened} connections opened, the peer's too",
        *(f"{who}: {middle(taken):.0f} µs of processor a message" for who, taken in spent.processor.items()),
    ]
    return [compared("fan-out", "messages/s", samples, TARGET, details=details, more_is_better=True)]


class _Spent:
    """What telling all costs: messages a second; processor time, of all threads, on the way."""

    def __init__(self) -> None:
        self.processor: dict[str, list[float]] = {}

    def timed(self, who: str, tell: Callable[[], None]) -> Callable[[], float]:
        """Return a measure that notes the processor's time, too."""
        noted = self.processor.setdefault(who, [])

        def measured() -> float:
            processor, wall = time.process_time(), time.perf_counter()
            tell()
            wall, processor = time.perf_counter() - wall, time.process_time() - processor
            noted.append(processor / WATCHERS * _MILLION)
            return WATCHERS / wall

        return measured


class _Registered:
    """A registry, in memory: what is measured is telling, not DynamoDB."""

    def __init__(self) -> None:
        bearer = Bearer(issued_at=_LATER - 7_200, expires_at=_LATER)
        watch = Watch(principal=_WHO, person=_WHO, scope=Scope.PERSON, owns=True, bearer=bearer)
        self._connections = [
            Connection(id=f"{number:08x}LPHcECyA=", watch=watch, since=now()) for number in range(WATCHERS)
        ]

    def of(self, person: str, at: int) -> Sequence[Connection]:  # noqa: ARG002  all last
        return self._connections if person == _WHO else ()

    def forget(self, connection: Connection) -> None:
        raise RuntimeError(f"{connection.id} took no message")


class _NobodyIsRevoked:
    def current(self) -> Access:
        return Access(known_at=now())

    def since(self, moment: int) -> Access:  # noqa: ARG002
        return self.current()


class _NothingIsOpen:
    def heard_by(self, watch: Watch, *, limit: int) -> tuple[list[Job], bool]:  # noqa: ARG002
        return [], False


def _change() -> JobChange:
    job = Job(
        id=_ID,
        type=Type.STORE,
        status=Status.PENDING,
        rev=1,
        accepted_at=now(),
        updated_at=now(),
        attempts=0,
        requester="login-hook",
        token_id=_ID,
        subject=_WHO,
        place=Place(environment="prod", domain="shop", subject=_WHO, provider="google"),
    )
    return JobChange(before=None, after=job, token=None)


@contextmanager
def _ours(aws: Server) -> Iterator[Teller]:
    around = surroundings(os.environ)
    if around is None:
        raise RuntimeError("the environment names no credentials")
    with ThreadPoolExecutor(PUSHING_THREADS) as pool, Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        endpoint = parse(f"{aws.url}/api")
        talks = SideBySide(Sockets(endpoint, around), Switchboard(endpoint, pool, believing=Trust()), pool)
        yield Teller(
            registry=_Registered(),
            open_jobs=_NothingIsOpen(),
            known=_NobodyIsRevoked(),
            talks=talks,
            pool=pool,
            now=now,
            fact=log.fact,
        )
        pool.shutdown()
        talks.close()


@contextmanager
def _peer(aws: Server) -> Iterator[Callable[[], None]]:
    from bench.peers.pushing import Pusher  # noqa: PLC0415  boto3 reads the environment

    pusher = Pusher(f"{aws.url}/api", str(aws.ca_file))
    ids = [f"{number:08x}LPHcECyA=" for number in range(WATCHERS)]

    def tell() -> None:
        if gone := pusher.push(ids, notice.job_updated(_change().after)):
            raise RuntimeError(f"{len(gone)} sockets took no message")

    yield tell
    pusher.close()


@contextmanager
def _limit() -> Iterator[Callable[[], float]]:
    with wire.connected() as line:
        request = wire.signed("@connections", b"{}", service="execute-api").replace(
            b"POST / ", b"POST /@connections/x "
        )

        def measured() -> float:
            taken = []
            for _ in range(_BARE):
                began = time.perf_counter()
                wire.exchanged(line, request)
                taken.append(time.perf_counter() - began)
            return CONNECTIONS / middle(taken)

        yield measured


@contextmanager
def _surroundings(aws: Server) -> Iterator[None]:
    """Say in the environment, as Lambda does, as whom to call; and whom to believe."""
    said: dict[str, Any] = {
        **environment.fixed_credentials(),
        "AWS_SESSION_TOKEN": "s" * 700,
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_CA_BUNDLE": str(aws.ca_file),
    }
    before = {name: os.environ.get(name) for name in said}
    os.environ.update(said)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
