"""What a cold start loads: the standard library, chalice and ourselves."""

from __future__ import annotations

import json
import subprocess
import sys

from devtool import environment
from tests.guards.project import ROOT

OURS = {"app", "chalicelib", "chalice"}
LOADED_BESIDE = {"msgspec", "typing_extensions"}
"""What is loaded beyond the standard library: msgspec, which our values are of, and what it takes where that is (not in
the package). A new entry is paid by every cold start: think first."""


def modules_after(statement: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter holds after a statement."""
    probe = f"{statement}\nimport json, sys\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=ROOT,
        env=environment.for_child(None),
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout))


def test_importing_the_app_loads_nothing_that_a_handler_may_not_need() -> None:
    added = modules_after("import app") - modules_after("pass") - set(sys.stdlib_module_names)

    assert added - OURS == LOADED_BESIDE


def test_importing_the_app_loads_only_the_parts_that_every_handler_shares() -> None:
    probe = "import app, sys; kept = [name for name in sys.modules if name.startswith('chalicelib.')]"
    done = subprocess.run(
        [sys.executable, "-c", f"{probe}; print(' '.join(kept))"],
        cwd=ROOT,
        env=environment.for_child(None),
        capture_output=True,
        text=True,
        check=True,
    )

    stages = {name.split(".")[1] for name in done.stdout.split()}
    assert stages <= {"collect", "config", "errors", "log", "metrics", "model", "web", "wiring"}
