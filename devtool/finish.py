"""Finish the zip of `chalice package`: without what is never imported, with valid bytecode, and the same twice.

Chalice ships no valid bytecode and Lambda cannot write any: each cold start would compile all that it imports.
"""

from __future__ import annotations

import io
import marshal
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from devtool.errors import PackagingFailed
from devtool.reach import modules, reachable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ENTRIES = ("app", "chalicelib")
"""Where each function begins, and all that is ours."""

_COMPILER = Path(__file__).with_name("bytecode.py")
# For type checkers and compilers of C. What else a package carries may be data that it reads.
_NEVER_READ = (".pyi", ".typed", ".h", ".c", ".pyx", ".pxd")
_CACHE = "__pycache__"
# Scanners (Amazon Inspector) read there which versions are deployed, and so does importlib.metadata.
_KEPT_OF_METADATA = "METADATA"

# The earliest that a zip can say. Nothing reads it: the bytecode is not compared with its source's date.
_DATE = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_FILE, _PROGRAM = 0o100644, 0o100755
_LEVEL = 6  # 9 takes three times as long, for 0.7 % less

Files = dict[str, bytes]


def finish(plain: Path, finished: Path) -> None:
    """Write the finished zip of a plain one. Equal content gives equal bytes, whoever made it, wherever and when.

    The bytecode is of the interpreter that runs this; Lambda must run the same minor version, else it compiles the
    sources, which stay in the zip, also for the lines of tracebacks. Raises PackagingFailed.
    """
    files, programs = _read(plain)
    kept = {name: files[name] for name in _kept(files)}
    kept |= _bytecode({name: content for name, content in kept.items() if name.endswith(".py")})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in sorted(kept):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system = _UNIX
            entry.external_attr = (_PROGRAM if name in programs else _FILE) << 16
            archive.writestr(entry, kept[name], compress_type=zipfile.ZIP_DEFLATED, compresslevel=_LEVEL)
    unready = finished.with_name(f".{finished.name}.{os.getpid()}")
    unready.write_bytes(packed.getvalue())
    unready.replace(finished)


def cached(name: str) -> str:
    """Name the file in which Lambda looks for a source's bytecode; this process may keep its own elsewhere."""
    folder, _, last = name.rpartition("/")
    cache = f"{folder}/{_CACHE}" if folder else _CACHE
    return f"{cache}/{last.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc"


def _read(plain: Path) -> tuple[Files, frozenset[str]]:
    """Return the content by name, and the names of what may be executed. Of two entries of a name the later counts."""
    try:
        with zipfile.ZipFile(plain) as archive:
            entries = {entry.filename: entry for entry in archive.infolist() if not entry.is_dir()}
            files = {name: archive.read(entry) for name, entry in entries.items()}
    except (OSError, zipfile.BadZipFile) as error:
        raise PackagingFailed(f"{plain} cannot be read: {error}. Make it again: ./dev package OUT") from error
    return files, frozenset(name for name, entry in entries.items() if entry.external_attr >> 16 & 0o100)


def _kept(files: Files) -> Iterator[str]:
    """Name the files that stay: modules that can be imported, and the data of packages of which something stays."""
    imported, known = reachable(files, ENTRIES), set(modules(files).values())
    homes = {name.partition("/")[0] for name in imported}
    emptied = {name.partition("/")[0] for name in known} - homes
    for name in files:
        home, _, rest = name.partition("/")
        if home.endswith(".dist-info"):
            stays = rest == _KEPT_OF_METADATA and bool(_listed(files, home) & imported)
        elif name in known:
            stays = name in imported
        else:
            stays = home not in emptied and _CACHE not in name.split("/") and not name.endswith(_NEVER_READ)
        if stays:
            yield name


def _listed(files: Mapping[str, bytes], metadata: str) -> set[str]:
    """Return the files that a distribution says it installed."""
    lines = files.get(f"{metadata}/RECORD", b"").decode("utf-8", "replace").splitlines()
    return {line.rsplit(",", 2)[0].strip('"') for line in lines}


def _bytecode(sources: Files) -> Files:
    """Compile the sources in a fresh interpreter of ours; return the bytecode by its file's name."""
    names = sorted(sources)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "ignore", str(_COMPILER)],
        input=marshal.dumps([(name, sources[name]) for name in names]),
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        told = done.stderr.decode(errors="replace").strip().splitlines()
        raise PackagingFailed(f"the sources did not compile: {told[-1] if told else 'no reason was given'}")
    compiled = marshal.loads(done.stdout)  # noqa: S302 - our own child's
    return {cached(name): content for name, content in zip(names, compiled, strict=True)}
