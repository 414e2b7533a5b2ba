"""A cloud of a test run's own: on a free port, its state in a temporary folder, the app deployed in it.

with live_cloud() as cloud:
    cloud.client("dynamodb").describe_table(TableName=cloud.table)
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from devtool import emulator, environment, processes
from devtool.cloud import Cloud
from devtool.issuer import DEFAULT_TTL, Issuer
from devtool.logs import logging_to
from devtool.progress import quiet_step
from devtool.setup import prepare
from devtool.workspace import PROJECT, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from devtool.info import Info

_SETTLE_SECONDS = 30.0
_NEVER = 86_400
"""Seconds between two looks for what has expired: a test that wants an item to expire says when."""
LOG_PAGE = 10_000
"""Events that CloudWatch Logs gives at once, at the most."""


class LiveCloud:
    """A running, deployed cloud: the fields of `./dev info`, and what tests do to it."""

    def __init__(self, cloud: Cloud, info: Info) -> None:
        self.info = info
        self.api_url = info.api_url
        self.ws_url = info.ws_url
        self.console_url = info.console_url
        self.aws_endpoint_url = info.aws_endpoint_url
        self.table = info.table
        self.queue_url = info.queue_url
        self.dead_letter_queue_url = info.dead_letter_queue_url
        self.stream_failures_queue_url = info.stream_failures_queue_url
        self.key_id = info.key_id
        self.issuer = info.issuer
        self.audience = info.audience
        self.jwks_url = info.jwks_url
        self.stage = info.stage
        self.endpoint = info.aws_endpoint_url
        self.workspace = cloud.workspace
        self._cloud = cloud
        self._clients: dict[str, Any] = {}

    @property
    def signer(self) -> Issuer:
        """The issuer with its private key: `signer.key` and `signer.sign(claims, **headers)` forge all."""
        return self._cloud.issuer

    def client(self, service: str) -> Any:
        """Return a boto3 client of this cloud; one for each service is kept."""
        if service not in self._clients:
            self._clients[service] = environment.client(service, self.endpoint)
        return self._clients[service]

    def token(self, sub: str, groups: Sequence[str] = (), ttl: float = DEFAULT_TTL, **claims: Any) -> str:
        """Sign a bearer token; a negative `ttl` gives an expired one, `claims` replace any claim."""
        return self.signer.token(sub, groups, ttl, **claims)

    def function_name(self, name: str) -> str:
        """Name the deployed function for one of app.py: "advance", "websocket_connect", "api_handler"."""
        known = {"api_handler": "APIHandler"}
        logical_id = known.get(name) or "".join(part.capitalize() for part in name.split("_"))
        return self._cloud.stack.physical_id(logical_id)

    def worker_pids(self, function: str | None = None) -> list[int]:
        """List the processes that run our functions now, or only those of one function of app.py."""
        marker = f"ministack-lambda-{self.function_name(function) if function else ''}"
        return [pid for pid, command in self._cloud.emulator.workers().items() if marker in command]

    def processor_time(self, *deployed: str) -> float:
        """Return the seconds of a processor that the living workers of deployed functions have used.

        Raises OSError but on Linux.
        """
        workers = self._cloud.emulator.workers().items()
        wanted = [pid for pid, command in workers if any(f"ministack-lambda-{name}" in command for name in deployed)]
        return sum(map(processes.processor_time, wanted))

    def kill_worker(self, pid: int) -> bool:
        """Kill a worker in the middle of whatever it does, and see it dead; False if it was gone already."""
        if pid not in self._cloud.emulator.workers():
            return False
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return processes.wait_until(lambda: processes.born(pid) is None, 5)

    def logs(self, function: str) -> str:
        """Return all that a function of app.py has logged, line by line.

        MiniStack keeps no logs of functions that a WebSocket called: theirs are empty.
        """
        logs = self.client("logs")
        group = f"/aws/lambda/{self.function_name(function)}"
        try:
            return "\n".join(event["message"].rstrip("\n") for event in _all_events(logs, group))
        except logs.exceptions.ResourceNotFoundException:
            return ""

    def emulator_log(self) -> str:
        """Return what MiniStack itself has written, WebSocket functions' failures among it."""
        return self._cloud.emulator.log.read_text(errors="replace")

    def settle(self, seconds: float = _SETTLE_SECONDS) -> bool:
        """Wait until the stream functions have had every record; False if that took too long.

        Work on the queue is not waited for.
        """
        return self._cloud.pump is not None and self._cloud.pump.settle(seconds)

    @contextmanager
    def holding(self, *, untold: bool = False) -> Iterator[None]:
        """Have the stream functions wait meanwhile; with `untold` they never hear of what is written till then."""
        pump = self._cloud.pump
        if pump is None:
            raise RuntimeError("this cloud is not deployed")
        pump.hold()
        try:
            yield
        finally:
            pump.go_on(from_now=untold)

    def expire_now(self, now: float | None = None) -> int:
        """Delete the items whose time to live is over (at `now`, if given), as DynamoDB does some day."""
        return self._cloud.pump.expire_now(now) if self._cloud.pump is not None else 0


@contextmanager
def live_cloud(*, enforce_iam: bool = True, beside: Callable[[str], None] | None = None) -> Iterator[LiveCloud]:
    """Start a cloud, deploy the app, and end both; the logs stay in `.local/log/tests/`.

    `beside` is given the endpoint before the app is deployed: what it deploys has its streams read with the app's.
    """
    prepare(PROJECT)
    with _temporary_workspace() as workspace, logging_to(workspace.logs / "devtool.log"):
        port = emulator.free_port()
        cloud = Cloud.start(workspace, port=port, step=quiet_step, persist=False, enforce_iam=enforce_iam)
        try:
            if beside is not None:
                beside(cloud.endpoint)
            yield LiveCloud(cloud, cloud.deploy(quiet_step, expiry_interval=_NEVER))
        finally:
            cloud.discard()


@contextmanager
def bare_emulator(*, enforce_iam: bool = False, modules: Sequence[str] = ()) -> Iterator[emulator.Emulator]:
    """Start an empty local cloud without our app.

    `modules` are lent to it from our own environment. Never to one that runs functions: they would find them, too.
    """
    prepare(PROJECT)
    with _temporary_workspace() as workspace:
        lent = _lend(modules, workspace.local / "lent") if modules else None
        port = emulator.free_port()
        engine = emulator.start(workspace, port, persist=False, enforce_iam=enforce_iam, modules=lent)
        try:
            yield engine
        finally:
            engine.kill()


def _lend(modules: Sequence[str], folder: Path) -> Path:
    """Link modules into a folder of their own: the rest of our environment is none of the emulator's."""
    folder.mkdir()
    for name in modules:
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None:
            raise ModuleNotFoundError(f"{name} is not among requirements-dev.txt's")
        source = Path(found.origin)
        source = source.parent if source.stem == "__init__" else source
        (folder / source.name).symlink_to(source)
    return folder


@contextmanager
def _temporary_workspace() -> Iterator[Workspace]:
    with tempfile.TemporaryDirectory(prefix="cloakroom-", ignore_cleanup_errors=True) as folder:
        workspace = Workspace(local=Path(folder)).make()
        try:
            yield workspace
        finally:
            kept = PROJECT / ".local" / "log" / "tests"
            shutil.copytree(workspace.logs, kept, dirs_exist_ok=True)


def require_program(*names: str) -> str:
    """Return the path of the first of these programs that is installed.

    Where none is, the test skips on a laptop and fails where CI is set: there nothing may be skipped unseen.
    """
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    message = f"none of these programs is installed: {', '.join(names)}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def wait_for(condition: Any, seconds: float = 10.0) -> Any:
    """Call `condition` until it returns something true, and return that; fail the test after `seconds`."""
    result: list[Any] = []

    def holds() -> bool:
        result[:] = [condition()]
        return bool(result[0])

    if not processes.wait_until(holds, seconds):
        pytest.fail(f"this did not come true within {seconds:.0f} s: {getattr(condition, '__name__', condition)}")
    return result[0]


def _all_events(logs: Any, group: str) -> Iterator[dict[str, Any]]:
    """Give all of a group's events, oldest first: MiniStack gives the first 10,000, and no token for the rest."""
    start = 0
    while True:
        events = logs.filter_log_events(logGroupName=group, startTime=start, limit=LOG_PAGE)["events"]
        if len(events) < LOG_PAGE:
            yield from events
            return
        last = events[-1]["timestamp"]
        whole = [event for event in events if event["timestamp"] < last]  # of the last moment there may be more
        yield from whole or events
        start = last if whole else last + 1
