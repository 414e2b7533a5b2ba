"""Where a running local cloud is, and how that is written down for other commands."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from devtool import processes
from devtool.errors import NotRunning

if TYPE_CHECKING:
    from pathlib import Path

    from devtool.workspace import Workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class Info:
    """Addresses and names of one deployed app."""

    api_url: str
    ws_url: str
    console_url: str | None
    aws_endpoint_url: str
    table: str
    queue_url: str
    dead_letter_queue_url: str
    stream_failures_queue_url: str
    key_id: str
    issuer: str
    audience: str
    jwks_url: str
    stage: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """A process by id and birth, so that a stranger with its id is told apart."""

    pid: int
    birth: str

    def runs(self) -> bool:
        """Tell whether this very process still runs."""
        return processes.is_same(self.pid, self.birth)


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """What the run file says: the supervisor, its emulator, and the addresses once all is ready."""

    supervisor: Process
    emulator: Process
    info: Info | None


def write_run(file: Path, run: Run) -> None:
    """Write the run file in one move, so that nobody reads half of it."""
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps(asdict(run), indent=2))
    draft.replace(file)


def read_run(file: Path) -> Run | None:
    """Read the run file; None if there is none or it is not ours to read."""
    try:
        content: dict[str, Any] = json.loads(file.read_text())
        return Run(
            supervisor=Process(**content["supervisor"]),
            emulator=Process(**content["emulator"]),
            info=Info(**content["info"]) if content["info"] else None,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def running(workspace: Workspace) -> Run:
    """Return what runs in this folder; raise NotRunning, saying what to type, when nothing does."""
    run = read_run(workspace.run_file)
    if run is None or not run.emulator.runs():
        raise NotRunning("the local cloud is not up. Start it: ./dev up (or ./dev up --detach)")
    if not run.supervisor.runs():
        raise NotRunning("the local cloud lost its supervisor. Start it again: ./dev up (it cleans up first)")
    return run


def ready(workspace: Workspace) -> Info:
    """Return the addresses of what runs; raise NotRunning when it is still starting, too."""
    info = running(workspace).info
    if info is None:
        raise NotRunning("the local cloud is still starting: try again in some seconds")
    return info
