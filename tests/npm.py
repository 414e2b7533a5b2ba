"""What the tests need from npm, installed once for each content of a lock file."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from devtool.testing import require_program
from devtool.workspace import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 90.0
LISTS = ("package.json", "package-lock.json", ".npmrc")


def installed(source: Path, *scripts: str) -> Path:
    """Install what the folder's package-lock.json lists and return a folder with node_modules and these scripts in it.

    A module finds its packages beside itself: so scripts that import some are copied there.
    """
    require_program("node")
    npm = require_program("npm")
    files = [source / name for name in (*LISTS, *scripts)]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    folder = PROJECT / ".local" / source.name / digest
    if not (folder / "installed").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy(file, folder)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False)
        if done.returncode != 0:
            missing(f"npm could not install {source / 'package-lock.json'}: {done.stderr[-300:]}")
        (folder / "installed").touch()
    return folder


def missing(what: str) -> None:
    """Skip on a laptop, fail where CI is set: there nothing may be skipped unseen."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)
