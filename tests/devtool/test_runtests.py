from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from devtool import processes
from devtool.workspace import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

SLEEPS = """
import os, time
from pathlib import Path

def test_sleeps():
    Path(__file__).with_name("pid").write_text(str(os.getpid()))
    time.sleep(60)
"""


def test_whoever_ends_dev_test_ends_its_pytest_too(tmp_path: Path) -> None:
    test, told = tmp_path / "test_it.py", tmp_path / "pid"
    test.write_text(SLEEPS)
    options = ["-c", str(PROJECT / "pyproject.toml"), "-p", "no:cacheprovider"]
    run = subprocess.Popen(
        [sys.executable, "-m", "devtool", "test", *options, str(test)],
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert processes.wait_until(lambda: told.exists() and told.read_text() != "", 30)
    pytest_pid = int(told.read_text())
    assert processes.born(pytest_pid) is not None

    run.terminate()

    assert run.wait(10) != 0
    assert processes.wait_until(lambda: processes.born(pytest_pid) is None, 10)
