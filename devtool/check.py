"""`./dev check`: what CI checks before it runs a test. Every tool runs, also after one has failed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from devtool import direct, environment, packaging
from devtool.errors import DirectFailed, PackagingFailed
from devtool.progress import say
from devtool.setup import SetupError, install
from devtool.workspace import PROJECT, default_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_TYPED = ("app.py", "chalicelib", "devtool", "bench")


def check() -> int:
    """Run each tool, print its verdict on a line and its words where it has any; 1 if one failed."""
    here = Path(sys.executable).parent
    tools: tuple[tuple[str, Callable[[], tuple[bool, str]]], ...] = (
        ("ruff check", lambda: _run(here / "ruff", "check", ".")),
        ("ruff format --check", lambda: _run(here / "ruff", "format", "--check", ".")),
        ("mypy --strict", lambda: _run(here / "mypy", "--strict", *_TYPED)),
        ("lint-imports", lambda: _run(here / "lint-imports")),
        ("cfn-lint", _lint_template),
    )
    return 0 if all(_report(name, tool) for name, tool in tools) else 1


def _report(name: str, tool: Callable[[], tuple[bool, str]]) -> bool:
    began = time.monotonic()
    passed, words = tool()
    if not passed:
        say(words.rstrip())
    say(f"{'ok  ' if passed else 'FAIL'}  {name:<22} {time.monotonic() - began:6.1f} s")
    return passed


def _run(program: Path, *arguments: str) -> tuple[bool, str]:
    done = subprocess.run(
        [str(program), *arguments],
        cwd=PROJECT,
        env=environment.for_child(None),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0, done.stdout + done.stderr


def _lint_template() -> tuple[bool, str]:
    """Lint the templates that go to AWS, as packaged and rendered, not as they are changed for the local cloud."""
    folder = PROJECT / ".local" / "lint-venv"
    try:
        install(folder, PROJECT / "devtool" / "requirements-lint.txt", PROJECT)
        packaged = packaging.package(default_workspace().logs)
        resources = direct.render_resources(default_workspace().local / "direct")
    except (SetupError, PackagingFailed, DirectFailed) as error:
        return False, str(error)
    templates = (str(packaged / "sam.json"), str(resources))
    return _run(folder / "bin" / "cfn-lint", *_cfn_lint_options(), "--template", *templates)


def _cfn_lint_options() -> Sequence[str]:
    return ("--format", "pretty", "--regions", environment.REGION)
