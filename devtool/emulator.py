"""MiniStack as a child process: started, waited for, stopped, with its workers."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING

from devtool import environment, processes
from devtool.errors import CloudDied, PortTaken
from devtool.workspace import CLOUD_PYTHON, PROJECT, Workspace

if TYPE_CHECKING:
    from pathlib import Path

# Run with -P: the modules beside them are none of MiniStack's.
_METERED = PROJECT / "devtool" / "metered.py"
_LEASH = PROJECT / "devtool" / "leash.py"
HOST = "127.0.0.1"
_START_SECONDS = 60
_STOP_SECONDS = 30


class Emulator:
    """One running MiniStack. It leads a process group of its own, so that Ctrl-C reaches us alone."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self._process = process
        self.port = port
        self.log = log
        self.pid = process.pid
        self.birth = processes.born(process.pid) or ""

    @property
    def endpoint(self) -> str:
        """Return the address that AWS clients speak to."""
        return f"http://{HOST}:{self.port}"

    def is_alive(self) -> bool:
        """Tell whether the process still runs."""
        return self._process.poll() is None

    def workers(self) -> dict[int, str]:
        """List the processes that run Lambda functions, with their command lines."""
        return {pid: command for pid, command in processes.children(self.pid).items() if "ministack-lambda-" in command}

    def stop(self) -> bool:
        """End it and its workers; True if it ended when asked, and so has written its state."""
        if self.is_alive():
            self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        end_group(self.pid)
        return True

    def kill(self) -> None:
        """End it and its workers at once; what it holds is lost."""
        end_group(self.pid)
        self._process.wait(5)


def end_group(leader: int) -> None:
    """Kill what is left of the process group that an emulator led: its workers, in the middle of a call."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def start(
    workspace: Workspace, port: int, *, persist: bool, enforce_iam: bool, modules: Path | None = None
) -> Emulator:
    """Start MiniStack on the loopback interface and wait until it answers. It finds modules in a folder more, if given.

    One that persists outlives a parent that was killed: the next `./dev up` or `./dev down` delivers what is on its
    streams and lets it write its state. One that does not persist has nothing to lose, and ends with its parent.
    """
    require_free(port)
    shutil.rmtree(workspace.temporary, ignore_errors=True)
    workspace.make()
    log = workspace.logs / "ministack.log"
    settings = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "MINISTACK_REGION": environment.REGION,
        "PERSIST_STATE": "1" if persist else "0",
        "STATE_DIR": str(workspace.state),
        "TMPDIR": str(workspace.temporary),
        "AUTH": "true" if enforce_iam else "false",
        "LAMBDA_EXECUTOR": "local",
        # Nothing beside the one port, and no look at a Docker daemon that may be there.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": "unix:///nonexistent/docker.sock",
        "PYTHONUNBUFFERED": "1",
    }
    if modules is not None:
        settings["PYTHONPATH"] = str(modules)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(CLOUD_PYTHON), "-P", *((str(_METERED),) if persist else (str(_LEASH), str(os.getpid())))],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=workspace.local,
            env=environment.for_emulator(settings),
            start_new_session=True,
        )
    emulator = Emulator(process, port, log)
    if not processes.wait_until(lambda: _answers(emulator) or not emulator.is_alive(), _START_SECONDS):
        emulator.stop()
        raise CloudDied(f"MiniStack did not answer within {_START_SECONDS} s. Its log: {log}")
    if not emulator.is_alive():
        raise CloudDied(f"MiniStack ended while starting ({_last_lines(log)}). Its log: {log}")
    return emulator


def require_free(port: int) -> None:
    """Raise PortTaken, naming the port and what to type, when somebody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PortTaken(
                f"port {port} is taken ({error.strerror}). Take one that is free: --port {free_port()}"
            ) from error


def free_port() -> int:
    """Ask the system for a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _answers(emulator: Emulator) -> bool:
    try:
        with urllib.request.urlopen(f"{emulator.endpoint}/_ministack/ready", timeout=2) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except (urllib.error.URLError, OSError):
        return False


def _last_lines(log: Path) -> str:
    return " / ".join(log.read_text(errors="replace").strip().splitlines()[-3:])[-400:]
