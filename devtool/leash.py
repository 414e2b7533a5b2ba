"""Run MiniStack for as long as its parent lives: a test run that is killed leaves no process behind.

Started as a script by MiniStack's own interpreter, so that the standard library is all there is. Not by Linux's
PR_SET_PDEATHSIG: that one goes by the thread which forked, says nothing to the workers, and macOS has none.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time
from pathlib import Path

_POLL_SECONDS = 0.25


def end_with(parent: int) -> None:
    """Kill this process's whole group, the Lambda workers with it, once `parent` is no longer our parent."""
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=end_with, args=(int(sys.argv.pop(1)),), daemon=True, name="leash").start()
    runpy.run_path(str(Path(__file__).with_name("metered.py")), run_name="__main__")
