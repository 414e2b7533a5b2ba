"""Processes by their id and birth: an id alone may have gone to a stranger since it was written down."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_POLL_SECONDS = 0.05


def born(pid: int) -> str | None:
    """Tell when a process began, in the system's own words; None if there is no such process.

    Two processes with the same id and the same words are the same process.
    """
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if _is_over(fields) else fields[19]
    answer = _ps("-o", "stat=,lstart=", "-p", str(pid)).strip()
    state, _, began = answer.partition(" ")
    return None if not answer or state.startswith("Z") else began.strip()


def is_same(pid: int, birth: str) -> bool:
    """Tell whether the process that was written down still runs."""
    return born(pid) == birth


def processor_time(pid: int) -> float:
    """Return the seconds of a processor that a process's living threads have used. Raises OSError but on Linux."""
    if not Path("/proc/self/schedstat").exists():
        raise OSError("what a process has used is read from /proc: only Linux has it")
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def children(parent: int) -> dict[int, str]:
    """List the living children of a process with their command lines."""
    if Path("/proc/self/stat").exists():
        return dict(_children_from_proc(parent))
    found = {}
    for line in _ps("-A", "-o", "pid=,ppid=,command=").splitlines():
        pid, owner, command = line.split(None, 2)
        if int(owner) == parent:
            found[int(pid)] = command
    return found


def _children_from_proc(parent: int) -> Iterable[tuple[int, str]]:
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent and fields[0] not in "ZX":
                yield int(folder.name), (folder / "cmdline").read_text().replace("\0", " ").strip()
        except OSError:
            continue  # it ended while we looked


def _is_over(fields: list[str]) -> bool:
    """Tell of a process's fields behind its name in `stat` whether it has ended, with all of its threads.

    A process whose first thread has ended counts as a zombie while others still end: its pipes are open until then, and
    its parent takes it for alive.
    """
    state, threads = fields[0], int(fields[17])
    return state in "ZX" and threads <= 1


def _ps(*arguments: str) -> str:
    return subprocess.run(["ps", *arguments], capture_output=True, text=True, check=False).stdout


def end(pid: int, birth: str, *, patience: float) -> bool:
    """Ask a process of ours to end, insist after `patience` seconds; True if it ended when asked."""
    if not is_same(pid, birth):
        return True
    _send(pid, signal.SIGTERM)
    if wait_until(lambda: not is_same(pid, birth), patience):
        return True
    _send(pid, signal.SIGKILL)
    wait_until(lambda: not is_same(pid, birth), 5)
    return False


def wait_until(condition: Callable[[], bool], patience: float) -> bool:
    """Wait for a condition; False when the patience ran out first."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
