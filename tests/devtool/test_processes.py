from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from devtool import processes

STUBBORN = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"


LEFT_BY_ITS_FIRST_THREAD = """
import ctypes, sys, threading
threading.Thread(target=sys.stdin.read).start()
print('on', flush=True)
ctypes.CDLL(None).pthread_exit(None)
"""


def start(program: str = "import time; print('on', flush=True); time.sleep(60)") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def finish(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_a_process_is_the_same_by_its_birth_and_not_by_its_id() -> None:
    mine = processes.born(os.getpid())

    assert mine is not None
    assert processes.is_same(os.getpid(), mine)
    assert not processes.is_same(os.getpid(), "another time")


def test_what_has_ended_was_never_born_also_while_nobody_has_collected_it() -> None:
    process = start()
    process.send_signal(signal.SIGKILL)

    assert processes.wait_until(lambda: processes.born(process.pid) is None, 5)
    finish(process)


@pytest.mark.skipif(sys.platform != "linux", reason="the state of a process's first thread is read from /proc")
def test_what_a_thread_is_still_at_work_in_has_not_ended() -> None:
    process = start(LEFT_BY_ITS_FIRST_THREAD)
    stat = Path(f"/proc/{process.pid}/stat")
    assert processes.wait_until(lambda: ") Z " in stat.read_text(), 5)

    assert process.poll() is None
    assert processes.born(process.pid) is not None
    process.kill()
    assert processes.wait_until(lambda: processes.born(process.pid) is None, 5)
    assert process.poll() is not None
    finish(process)


def test_children_are_found_with_their_command_lines() -> None:
    process = start()

    assert "time.sleep(60)" in processes.children(os.getpid())[process.pid]
    finish(process)


def test_a_process_ends_when_asked() -> None:
    process = start()

    assert processes.end(process.pid, processes.born(process.pid) or "", patience=5)
    finish(process)


def test_a_stubborn_process_is_killed_after_the_patience_is_over() -> None:
    process = start(STUBBORN)

    assert not processes.end(process.pid, processes.born(process.pid) or "", patience=0.3)
    assert processes.born(process.pid) is None
    finish(process)


def test_a_stranger_with_the_recorded_id_is_left_alone() -> None:
    process = start()

    assert processes.end(process.pid, "an earlier birth", patience=1)
    assert process.poll() is None
    finish(process)


def test_waiting_is_bounded() -> None:
    began = time.monotonic()

    assert not processes.wait_until(lambda: False, 0.2)
    assert time.monotonic() - began < 2


@pytest.mark.skipif(sys.platform != "linux", reason="what a process used is read from /proc")
def test_a_processs_work_is_counted_and_its_sleep_is_not() -> None:
    before = processes.processor_time(os.getpid())
    began = time.thread_time()
    while time.thread_time() - began < 0.1:
        pass
    worked = processes.processor_time(os.getpid())
    time.sleep(0.1)

    assert 0.1 <= worked - before < 0.15
    assert processes.processor_time(os.getpid()) - worked < 0.05
