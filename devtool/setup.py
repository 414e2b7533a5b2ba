"""Make the virtual environments and step into the project's, by the standard library alone."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
import threading
import time
import venv
from typing import TYPE_CHECKING

from devtool.environment import without_aws

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_STAMP = "requirements.sha256"
_PULSE_SECONDS = 10


class SetupError(Exception):
    """An environment could not be made; the message names the file and where the log is."""


def enter(root: Path, arguments: list[str]) -> None:
    """Prepare both environments, then become `python -m devtool` in the project's own."""
    environment = without_aws(os.environ)
    try:
        prepare(root)
    except SetupError as error:
        sys.exit(f"dev: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    python = str(root / ".venv" / "bin" / "python")
    os.chdir(root)
    os.execve(python, [python, "-m", "devtool", *arguments], environment)  # noqa: S606 - no shell is wanted


def prepare(root: Path) -> None:
    """Install what is missing or outdated: the project's environment and the local cloud's, side by side."""
    wanted = (
        (root / ".venv", root / "requirements-dev.txt"),
        (root / ".local" / "cloud-venv", root / "devtool" / "requirements-cloud.txt"),
    )
    if all(_is_current(folder, requirements) for folder, requirements in wanted):
        return
    with _alone(root / ".local"):
        errors: list[SetupError] = []
        threads = [
            threading.Thread(target=_try_install, args=(folder, requirements, root, errors))
            for folder, requirements in wanted
            if not _is_current(folder, requirements)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]


def install(folder: Path, requirements: Path, root: Path) -> None:
    """Make one virtual environment that holds exactly what the file lists."""
    if _is_current(folder, requirements):
        return
    name = str(folder.relative_to(root))
    log = root / ".local" / "log" / f"install-{folder.name.lstrip('.')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    _say(f"{name}: installing {requirements.relative_to(root)} ...")
    # Made anew, not updated: a package that left the file must leave the environment.
    venv.EnvBuilder(with_pip=True, clear=True, symlinks=True).create(folder)
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "-r", str(requirements)],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=root,
            env=without_aws(os.environ),
        )
        while (code := _wait(process)) is None:
            _say(f"{name}: {time.monotonic() - began:.0f} s, {_last_line(log)}")
    if code != 0:
        raise SetupError(f"{requirements.name} could not be installed: {_last_error(log)}. The log: {log}")
    (folder / _STAMP).write_text(_fingerprint(requirements))
    _say(f"{name}: ready in {time.monotonic() - began:.1f} s")


def _try_install(folder: Path, requirements: Path, root: Path, errors: list[SetupError]) -> None:
    try:
        install(folder, requirements, root)
    except SetupError as error:
        errors.append(error)
    except (OSError, subprocess.SubprocessError) as error:
        errors.append(SetupError(f"{folder} could not be made: {error}. Debian needs: apt install python3-venv"))


def _wait(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(_PULSE_SECONDS)
    except subprocess.TimeoutExpired:
        return None


def _is_current(folder: Path, requirements: Path) -> bool:
    stamp = folder / _STAMP
    return stamp.is_file() and stamp.read_text() == _fingerprint(requirements)


def _fingerprint(requirements: Path) -> str:
    """Hash the interpreter's version and the file with the files that it includes."""
    digest = hashlib.sha256(f"{sys.version_info[:3]} {sys.base_prefix}\n".encode())
    pending = [requirements]
    while pending:
        file = pending.pop()
        text = file.read_text()
        digest.update(text.encode())
        pending += [file.parent / line.split()[1] for line in text.splitlines() if line.startswith(("-r ", "-c "))]
    return digest.hexdigest()


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a lock, so that two `./dev` started together do not install into the same folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("another ./dev is installing: waiting for it ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    told = [line.strip() for line in lines if line.strip() and not line.startswith("WARNING")]
    return told[-1][:90] if told else "starting"


def _last_error(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("ERROR")]
    return lines[-1][:300] if lines else _last_line(log)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
