"""`./dev test`: pytest with branch coverage."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from devtool import environment
from devtool.workspace import PROJECT

if TYPE_CHECKING:
    from collections.abc import Sequence


def run(arguments: Sequence[str]) -> int:
    """Run pytest with these arguments under coverage; return its exit code."""
    # Coverage warns about a module that no chosen test imported, after pytest's closing line.
    command = [sys.executable, "-W", "ignore:Module", "-m", "coverage", "run", "--branch", "-m", "pytest"]
    plugin = ["-p", "devtool.coverage_summary"]
    process = subprocess.Popen([*command, *plugin, *arguments], cwd=PROJECT, env=environment.for_child(None) | _COLOR)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # Ctrl-C reached pytest, too: it ends its clouds and reports what it had


_COLOR = {"PY_COLORS": "1"} if sys.stdout.isatty() else {}
