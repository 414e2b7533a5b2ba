"""A test run that is ended from outside leaves no emulator and no worker behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from devtool import processes
from devtool.setup import prepare
from devtool.workspace import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

TEST_RUN = """
import io, json, sys, time, zipfile
from pathlib import Path
from devtool import emulator, environment, processes
from devtool.workspace import Workspace

engine = emulator.start(Workspace(local=Path(sys.argv[1])), emulator.free_port(), persist=False, enforce_iam=False)
code = io.BytesIO()
with zipfile.ZipFile(code, "w") as archive:
    archive.writestr("it.py", "def handler(event, context):\\n    print('on')\\n")
functions = environment.client("lambda", engine.endpoint)
functions.create_function(
    FunctionName="it", Runtime="python3.11", Handler="it.handler",
    Role="arn:aws:iam::000000000000:role/it", Code={"ZipFile": code.getvalue()},
)
functions.invoke(FunctionName="it")
print(json.dumps([engine.pid, *engine.workers()]), flush=True)
time.sleep(120)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_emulator_and_its_workers_end_with_the_test_run_that_started_them(
    number: signal.Signals, tmp_path: Path
) -> None:
    prepare(PROJECT)
    run = subprocess.Popen(
        [sys.executable, "-c", TEST_RUN, str(tmp_path)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    pids = json.loads(run.stdout.readline())
    assert len(pids) == 2
    assert None not in [processes.born(pid) for pid in pids]

    os.kill(run.pid, number)
    run.wait(10)
    run.stdout.close()

    assert processes.wait_until(lambda: not any(processes.born(pid) for pid in pids), 10)
