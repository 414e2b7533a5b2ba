"""A browser and wscat join as a person's would: the first through a page, the second through a terminal."""

from __future__ import annotations

import json
import subprocess
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from devtool import environment
from devtool.testing import require_program
from devtool.workspace import PROJECT
from tests.npm import PATIENCE, installed
from tests.stack.watching import Caller, Watcher, somebody

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from devtool.testing import LiveCloud

PAGES = PROJECT / "tests" / "browser"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def packages() -> Path:
    """Install what drives the browser."""
    return installed(PAGES)


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    with served(PAGES) as address:
        yield f"http://{address}/page.html"


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback, as a web server that knows nothing of tickets; yield its host and port."""
    handler = partial(_QuietFiles, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(5)


class _QuietFiles(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Say nothing on standard error."""


@contextmanager
def running(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """Run a program for as long as the block lasts, or PATIENCE seconds."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    child = environment.for_child(None)
    with subprocess.Popen(command, text=True, env=child, **pipes) as process:
        ending = threading.Timer(PATIENCE, process.kill)
        ending.start()
        try:
            yield process
        finally:
            ending.cancel()
            process.terminate()


def line_of(process: subprocess.Popen[str], holding: str = "{") -> dict[str, Any]:
    """Return the next message that a program prints; its prompts and colours are left out."""
    said = []
    for line in process.stdout or ():
        said.append(line)
        if holding in line:
            message: dict[str, Any] = json.loads(line[line.index("{") : line.rindex("}") + 1])
            return message
    pytest.fail("it printed no such line: " + "".join(said)[-2_000:])


def test_a_browser_joins_by_its_ticket_and_hears_of_the_job(cloud: LiveCloud, packages: Path, page: str) -> None:
    alice = somebody("auth0")
    url = Caller.of(cloud, alice, "consumer").ticket()["url"]
    browser = require_program(*BROWSERS)
    script = ["node", str(PAGES / "watch.mjs"), str(packages), browser, f"{page}#{quote(url, safe='')}", "3"]

    with running(script) as process:
        snapshot = line_of(process)
        job = Caller.of(cloud, somebody("hook"), "producer").hand_in(alice)
        pending, succeeded = line_of(process), line_of(process)
        code = process.wait(PATIENCE)

    assert (snapshot["type"], snapshot["jobs"]) == ("snapshot", [])
    assert (pending["id"], pending["job"]["status"]) == (f"{job}:1", "PENDING")
    assert (succeeded["id"], succeeded["job"]["status"]) == (f"{job}:2", "SUCCEEDED")
    assert code == 0


def test_a_browser_with_a_used_ticket_is_told_that_the_socket_closed_and_nothing_else(
    cloud: LiveCloud, packages: Path, page: str
) -> None:
    url = Caller.of(cloud, somebody("auth0"), "consumer").ticket()["url"]
    with Watcher(url) as watcher:
        watcher.snapshot()
    browser = require_program(*BROWSERS)
    script = ["node", str(PAGES / "watch.mjs"), str(packages), browser, f"{page}#{quote(url, safe='')}", "1"]

    with running(script) as process:
        told = line_of(process)

    # RFC 6455 section 7.1.5: 1006 is all that a page may learn of a handshake that was refused.
    assert told == {"type": "closed", "code": 1006}


def test_wscat_joins_and_is_answered(cloud: LiveCloud, packages: Path) -> None:
    url = Caller.of(cloud, somebody("auth0"), "consumer").ticket()["url"]

    with running([str(packages / "node_modules" / ".bin" / "wscat"), "--no-color", "-c", url]) as process:
        snapshot = line_of(process, "snapshot")
        assert process.stdin is not None
        process.stdin.write('{"action": "ping"}\n')
        process.stdin.flush()
        pong = line_of(process, "pong")

    assert (snapshot["type"], snapshot["jobs"]) == ("snapshot", [])
    assert pong == {"type": "pong"}
