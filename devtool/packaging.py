"""`chalice package`, run only when something that goes into it has changed."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING

from devtool import environment
from devtool.errors import PackagingFailed
from devtool.workspace import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

STAGE = "local"
MERGE_TEMPLATE = "infrastructure/template.json"
_SOURCES = ("app.py", "requirements.txt", "chalicelib", "vendor", ".chalice", "infrastructure")
_OUT = PROJECT / ".local" / "package"
_NOT_SOURCES = ("__pycache__", "deployments", "deployed")


def sources(project: Path = PROJECT) -> list[Path]:
    """List the files that decide what is deployed, in a fixed order."""
    found: list[Path] = []
    for name in _SOURCES:
        path = project / name
        found += [path] if path.is_file() else sorted(_files(path))
    return found


def _files(folder: Path) -> Iterable[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not set(path.relative_to(folder).parts) & set(_NOT_SOURCES):
            yield path


def fingerprint(project: Path = PROJECT) -> str:
    """Hash the sources with the interpreter's version, for the packages are built for it."""
    digest = hashlib.sha256(f"{sys.version_info[:2]} {STAGE}\n".encode())
    for path in sources(project):
        digest.update(f"{path.relative_to(project)}\0{path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def package(logs: Path) -> Path:
    """Run `chalice package` if need be; return the folder with sam.json and deployment.zip.

    Lambda's runtime follows the interpreter: Chalice fetches packages for the Python that it runs on.
    All clouds of this checkout share one package, made under a lock.
    """
    _OUT.mkdir(parents=True, exist_ok=True)
    with (_OUT.parent / "package.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = fingerprint()
        stamp = _OUT / "fingerprint"
        if not stamp.is_file() or stamp.read_text() != wanted:
            stamp.unlink(missing_ok=True)
            _run_chalice(logs / "package.log")
            stamp.write_text(wanted)
    return _OUT


def _run_chalice(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        done = subprocess.run(
            [
                *(sys.executable, "-c", "from chalice.cli import main; main()"),
                *("package", "--stage", STAGE, "--merge-template", MERGE_TEMPLATE, str(_OUT)),
            ],
            cwd=PROJECT,
            env=environment.for_child(None),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0 or not (_OUT / "sam.json").is_file():
        lines = log.read_text(errors="replace").strip().splitlines()
        raise PackagingFailed(f"chalice package failed: {lines[-1] if lines else 'no output'}. The log: {log}")
