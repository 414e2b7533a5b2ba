"""What Lambda unpacks: the finished package's files, in a folder that nobody writes to."""

from __future__ import annotations

import compileall
import fcntl
import hashlib
import py_compile
import shutil
import sys
import zipfile
from typing import TYPE_CHECKING

from devtool import packaging
from devtool.workspace import PROJECT, default_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_RUNTIME = (
    *("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3"),
    *("awslambdaric", "runtime_client.*", "simplejson", "snapshot_restore_py.py"),
)
"""The SDK with what it needs, and the client of Lambda's runtime interface with the same.
https://docs.aws.amazon.com/lambda/latest/dg/python-package.html"""

_OUT = default_workspace().local / "bench"


def finished() -> Path:
    """Return what is deployed."""
    return _unpacked("finished", packaging.ARCHIVE, compiled=False)


def plain() -> Path:
    """Return what `chalice package` makes by itself: no bytecode, so that each start compiles what it imports."""
    return _unpacked("plain", packaging.PLAIN, compiled=False)


def compiled() -> Path:
    """Return the same with valid bytecode in place, which is the best that a package can do."""
    return _unpacked("compiled", packaging.PLAIN, compiled=True)


def runtime(packages: Path) -> Path:
    """Return a folder with what Lambda's runtime carries beside the standard library, of what is installed here.

    And nothing else: msgspec, for one, imports `typing_extensions` where it is there, as it is for a peer; 5 ms.
    """

    def fill(folder: Path) -> None:
        folder.mkdir()
        for name in _RUNTIME:
            for package in packages.glob(name):
                (folder / package.name).symlink_to(package)

    return _made("runtime", [packages / f"{name}.py" for name in ("six", "snapshot_restore_py")], fill)


def others() -> Path:
    """Return the peers and limits as if they were packaged as well as ours: by themselves, with bytecode."""
    bench = PROJECT / "bench"
    modules = (file for name in ("peers", "limits") for file in (bench / name).glob("*.py"))
    sources = [bench / "__init__.py", *sorted(modules)]

    def fill(folder: Path) -> None:
        for source in sources:
            target = folder / source.relative_to(PROJECT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        _compile(folder)

    return _made("others", sources, fill)


def _unpacked(name: str, archived: str, *, compiled: bool) -> Path:
    package = packaging.package(default_workspace().logs) / archived

    def fill(folder: Path) -> None:
        with zipfile.ZipFile(package) as archive:
            archive.extractall(folder)
        if compiled:
            _compile(folder)

    return _made(name, [package], fill)


def _made(name: str, sources: Sequence[Path], fill: Callable[[Path], None]) -> Path:
    """Fill a folder if what it is made of has changed: another run may be using it."""
    folder, stamp = _OUT / name, _OUT / f"{name}.sha256"
    digest = hashlib.sha256(sys.version.encode())
    for source in sources:
        digest.update(f"{source.name}\0{source.stat().st_size}\n".encode() + source.read_bytes())
    _OUT.mkdir(parents=True, exist_ok=True)
    with (_OUT / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.is_file() or stamp.read_text() != digest.hexdigest():
            stamp.unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
            fill(folder)
            stamp.write_text(digest.hexdigest())
    return folder


def _compile(folder: Path) -> None:
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(folder, quiet=2, invalidation_mode=mode, stripdir=str(folder))
