"""`./dev up` and `./dev down`: one supervisor per folder, which leaves no process behind."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, NoReturn

from botocore.exceptions import BotoCoreError, ClientError

from devtool import emulator, environment, processes
from devtool.cloud import DRAIN_SECONDS, Cloud
from devtool.demo import demonstrate
from devtool.errors import AlreadyRunning, CloudDied, DemoFailed, DevError, NotRunning
from devtool.info import Info, Process, Run, read_run, running, write_run
from devtool.logs import logging_to
from devtool.progress import say, step
from devtool.pump.pump import Pump
from devtool.workspace import PROJECT, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

_DOWN_SECONDS = 60
_ORPHAN_SECONDS = 30


def up(workspace: Workspace, port: int, *, demo: bool = True) -> None:
    """Start the local cloud, deploy, show the main job once, and stay until Ctrl-C."""
    workspace.make()
    with _only_one(workspace), _interruptible(), logging_to(workspace.logs / "devtool.log"):
        recover(workspace)
        cloud = Cloud.start(workspace, port=port, step=step, persist=True)
        try:
            _write(cloud, None)
            info = cloud.deploy(step)
            if demo:
                _demonstrate(cloud, info)
            _present(cloud, info)
            _write(cloud, info)
            say("Up. Ctrl-C here or ./dev down ends it.")
            while cloud.emulator.is_alive():
                time.sleep(0.5)
            raise CloudDied(f"MiniStack ended by itself. Its log: {cloud.emulator.log}")
        except KeyboardInterrupt:
            say("\nstopping: delivering what is queued, writing the state ...")
        finally:
            _end(cloud)


def _end(cloud: Cloud) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave half a state behind
    if not cloud.stop():
        say("the local cloud had to be killed: what came after the last clean stop is lost")
    cloud.workspace.run_file.unlink(missing_ok=True)


def _demonstrate(cloud: Cloud, info: Info) -> None:
    say()
    try:
        demonstrate(info, cloud.issuer)
    except DemoFailed as error:
        say(f"  the demonstration failed: {error}\n  What the functions logged: {cloud.emulator.log}")


def _present(cloud: Cloud, info: Info) -> None:
    say()
    say(f"API     {info.api_url}")
    say(f"socket  {info.ws_url}")
    say(f"AWS     {info.aws_endpoint_url} (key {environment.ACCESS_KEY}/{environment.SECRET_KEY})")
    say(f"logs    {cloud.workspace.logs}")
    say()
    say("Hand in a token:")
    say(ready_curl(info))
    say()


def ready_curl(info: Info) -> str:
    """Write a command that can be pasted into a shell as it is."""
    body = '{"subject": "me", "provider": "demo", "token": {"access_token": "s3cret", "expires_in": 3600}}'
    return (
        f"  curl -i {info.api_url}/tokens \\\n"
        '    -H "Authorization: Bearer $(./dev token --sub login-hook --groups producer)" \\\n'
        f"    -H 'Content-Type: application/json' -d '{body}'"
    )


def detach(workspace: Workspace, port: int, *, demo: bool = True) -> None:
    """Start a supervisor in the background and follow its words until all is ready."""
    workspace.make()
    run = read_run(workspace.run_file)
    if run is not None and run.supervisor.runs() and run.info is not None:
        say(f"already up: {run.info.api_url}")
        return
    emulator_port_check(workspace, port)
    log = workspace.logs / "up.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "devtool", "up", "--port", str(port), *([] if demo else ["--no-demo"])],
            cwd=PROJECT,
            env=environment.without_aws(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    with log.open() as lines:
        while not _is_ready(workspace, process.pid):
            _relay(lines)
            if process.poll() is not None:
                _relay(lines)
                raise CloudDied(f"the local cloud did not start. The log: {log}")
            time.sleep(0.1)
        _relay(lines)
    say(f"It runs in the background as process {process.pid}; what it prints goes to {log}")


def emulator_port_check(workspace: Workspace, port: int) -> None:
    """Name a taken port at once, unless an orphan of ours holds it: the supervisor ends that one."""
    run = read_run(workspace.run_file)
    if run is None or not run.emulator.runs():
        emulator.require_free(port)


def _is_ready(workspace: Workspace, supervisor: int) -> bool:
    run = read_run(workspace.run_file)
    return run is not None and run.supervisor.pid == supervisor and run.info is not None


def _relay(lines: IO[str]) -> None:
    for line in lines:
        say(line.rstrip("\n"))


def down(workspace: Workspace) -> None:
    """End what runs in this folder and wait until it is gone."""
    try:
        run = running(workspace)
    except NotRunning:
        if recover(workspace):
            say("an orphaned local cloud was ended")
            return
        raise
    os.kill(run.supervisor.pid, signal.SIGTERM)
    if not processes.wait_until(lambda: not run.supervisor.runs(), _DOWN_SECONDS):
        raise DevError(f"process {run.supervisor.pid} did not end within {_DOWN_SECONDS} s. Try: ./dev down again")
    say("down; the state is kept for the next ./dev up")


def recover(workspace: Workspace) -> bool:
    """End an emulator whose supervisor was killed; True if there was one.

    It is ours if the process with the recorded id was born at the recorded moment. Asked to end, it still
    writes its state, so that what was stored is not lost.
    """
    run = read_run(workspace.run_file)
    if run is None or run.supervisor.runs():
        return False
    orphan = run.emulator
    found = orphan.runs()
    if found:
        _deliver_what_is_left(run)
        processes.end(orphan.pid, orphan.birth, patience=_ORPHAN_SECONDS)
        emulator.end_group(orphan.pid)
    workspace.run_file.unlink(missing_ok=True)
    return found


def _deliver_what_is_left(run: Run) -> None:
    """Deliver the orphan's streams once more from their beginning, for they end with it.

    What had been delivered comes a second time, as it may on AWS; what had not would be lost to the functions.
    """
    if run.info is None:
        return
    try:
        Pump(run.info.aws_endpoint_url).start().stop(drain_seconds=DRAIN_SECONDS)
    except (ClientError, BotoCoreError) as error:
        say(f"the orphan's streams could not be delivered: {error}")


def _write(cloud: Cloud, info: Info | None) -> None:
    me = os.getpid()
    run = Run(
        supervisor=Process(pid=me, birth=processes.born(me) or ""),
        emulator=Process(pid=cloud.emulator.pid, birth=cloud.emulator.birth),
        info=info,
    )
    write_run(cloud.workspace.run_file, run)


@contextmanager
def _only_one(workspace: Workspace) -> Iterator[None]:
    """Hold the folder's lock; the system lets go of it however this process ends."""
    with (workspace.local / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning("a local cloud is up in this folder. See ./dev info, or end it: ./dev down") from None
        yield


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let a SIGTERM or a closed terminal end us as Ctrl-C does."""

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    with suppress(KeyboardInterrupt):
        yield
