"""`./dev bench`: the benchmark suite, in an environment of its own."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from devtool import environment
from devtool.errors import DevError
from devtool.setup import SetupError, install
from devtool.workspace import PROJECT

if TYPE_CHECKING:
    from collections.abc import Sequence

LINES = PROJECT / "bench" / "lines"


def names() -> list[str]:
    """Return what may be measured, without what measures it: that is in the other environment."""
    return sorted(file.stem.replace("_", "-") for file in LINES.glob("[a-z]*.py"))


def run(arguments: Sequence[str]) -> int:
    """Make the environment where it is missing or outdated, and become `python -m bench` in it."""
    folder = PROJECT / ".local" / "bench-venv"
    try:
        install(folder, PROJECT / "bench" / "requirements.txt", PROJECT)
    except SetupError as error:
        raise DevError(str(error)) from None
    python = str(folder / "bin" / "python")
    sys.stdout.flush()
    os.chdir(PROJECT)
    os.execve(python, [python, "-m", "bench", *arguments], environment.without_aws(os.environ))  # noqa: S606
