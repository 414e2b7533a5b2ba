"""Cold starts: a fresh interpreter up to its handler's first answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore

from chalicelib.aws import trust

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.server import Server

PACKAGES = Path(botocore.__file__).parent.parent
"""What Lambda's runtime carries, boto3 above all, and the peers' packages: behind a function's own files."""

# `os._exit`: Lambda freezes a function behind its answer, it does not end it.
_PROGRAM = """
import json, os, sys
from {module} import {handler} as handler
class Context:
    function_name = "bench"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:bench"
    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
answer = handler(json.loads(sys.stdin.buffer.read()), Context)
sys.stdout.write("\\n" + json.dumps(answer) + "\\n")
sys.stdout.flush()
os._exit(0)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function as it is deployed: its handler, where its modules are, its environment."""

    module: str
    handler: str
    path: Sequence[Path]
    environment: Mapping[str, str]

    def with_environment(self, **more: str) -> Function:
        """Return the same function with more in its environment."""
        return replace(self, environment={**self.environment, **more})


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a cold start cost (milliseconds), and what the handler answered."""

    processor: float
    wall: float
    answer: Any


def ours(handler: str, tree: Path, environment: Mapping[str, str]) -> Function:
    """Return one of our functions, from an unpacked package."""
    return Function(module="app", handler=handler, path=[tree, PACKAGES], environment=environment)


def other(module: str, tree: Path, environment: Mapping[str, str]) -> Function:
    """Return the `handler` of a module of the bench, a peer or a limit, from `tree.others()`."""
    return Function(module=f"bench.{module}", handler="handler", path=[tree, PACKAGES], environment=environment)


def start(function: Function, event: Mapping[str, Any]) -> Start:
    """Start a function and let it answer one event. Raises RuntimeError where it fails, with its last words.

    Processor time is what the system charged the process with: loading, running, and the kernel's part of both.
    """
    program = _PROGRAM.format(module=function.module, handler=function.handler)
    given = json.dumps(event).encode()
    began = time.perf_counter()
    # -S: neither this environment's nor a user's own additions are searched for; PYTHONPATH is all there is.
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", program],
        env={
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": os.pathsep.join(map(str, function.path)),
            "PYTHONDONTWRITEBYTECODE": "1",
            **function.environment,
        },
        cwd=function.path[0],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise RuntimeError("started without pipes")
    with process.stdin, process.stdout, process.stderr:
        process.stdin.write(given)
        process.stdin.close()
        written = process.stdout.read()
        complaint = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        words = complaint.decode(errors="replace").strip().splitlines()
        raise RuntimeError(f"{function.module}.{function.handler} failed: {words[-1] if words else 'without a word'}")
    answer = json.loads(written.splitlines()[-1])
    return Start(processor=(usage.ru_utime + usage.ru_stime) * 1_000, wall=wall * 1_000, answer=answer)


def bundles(aws: Server, folder: Path) -> tuple[Path, Path]:
    """Write whom ours and the limit believe, and whom boto3 does: what each has in Lambda, and this server.

    Amazon's roots are a handful, botocore's file holds more than a hundred certificates; reading them is part of
    a start.
    """
    if aws.ca_file is None:
        raise ValueError("a server without TLS needs no trust")
    ours_believe, boto_believes = folder / "amazon.pem", folder / "usual.pem"
    authority = aws.ca_file.read_text()
    ours_believe.write_text(trust.ROOTS.read_text() + authority)
    boto_believes.write_text((Path(botocore.__file__).parent / "cacert.pem").read_text() + authority)
    return ours_believe, boto_believes


def taking(function: Function, event: Callable[[], Mapping[str, Any]], walls: list[float]) -> Callable[[], float]:
    """Return what starts a function and returns its processor time, and keeps its wall time in `walls`."""

    def measured() -> float:
        cost = start(function, event())
        walls.append(cost.wall)
        return cost.processor

    return measured
