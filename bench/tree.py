"""What Lambda unpacks: the finished package's files, in a folder that nobody writes to."""

from __future__ import annotations

import compileall
import fcntl
import hashlib
import py_compile
import shutil
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from devtool import packaging
from devtool.workspace import PROJECT, default_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OUT = default_workspace().local / "bench"


def plain() -> Path:
    """Return what `chalice package` makes, unpacked: no bytecode, so that each start compiles what it imports."""
    return _unpacked("plain", compiled=False)


def finished() -> Path:
    """Return the same with the bytecode that is shipped: valid whatever the files' dates say."""
    return _unpacked("finished", compiled=True)


def others() -> Path:
    """Return the peers and limits as if they were packaged as well as ours: by themselves, with bytecode."""
    folder, bench = _OUT / "others", PROJECT / "bench"
    with _alone("others"):
        shutil.rmtree(folder, ignore_errors=True)
        for name in ("peers", "limits"):
            shutil.copytree(bench / name, folder / "bench" / name, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "bench" / "__init__.py").touch()
        _compile(folder)
    return folder


def _unpacked(name: str, *, compiled: bool) -> Path:
    package = packaging.package(default_workspace().logs) / "deployment.zip"
    wanted = hashlib.sha256(package.read_bytes()).hexdigest()
    folder = _OUT / name
    with _alone(name):
        stamp = _OUT / f"{name}.sha256"
        if not stamp.is_file() or stamp.read_text() != wanted:
            stamp.unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
            with zipfile.ZipFile(package) as archive:
                archive.extractall(folder)
            if compiled:
                _compile(folder)
            stamp.write_text(wanted)
    return folder


def _compile(folder: Path) -> None:
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(folder, quiet=2, invalidation_mode=mode, stripdir=str(folder))


@contextmanager
def _alone(name: str) -> Iterator[None]:
    _OUT.mkdir(parents=True, exist_ok=True)
    with (_OUT / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
