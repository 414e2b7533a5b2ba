"""A function as Lambda has it: its files, its environment, a fresh interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

import botocore

from bench.tree import runtime
from chalicelib.aws import trust

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.server import Server

PACKAGES = Path(botocore.__file__).parent.parent
"""What Lambda's runtime carries, boto3 above all, and the packages of peers and limits."""

_HANDLER = """
from {module} import {handler} as handler
class Context:
    function_name = "bench"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:bench"
    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
"""


# Lambda's own: AWS's runtime interface client is the program that imports a handler and hands it events.
_RUNTIME = "import awslambdaric.bootstrap\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function as it is deployed: its handler, where its modules are, its environment.

    With `runtime` the interpreter has loaded before what Lambda's own has; without, it is bare.
    """

    module: str
    handler: str
    path: Sequence[Path]
    environment: Mapping[str, str]
    runtime: bool = False


def in_runtime(function: Function) -> Function:
    """Return the same function, in Lambda's own runtime."""
    return replace(function, runtime=True)


def ours(handler: str, tree: Path, environment: Mapping[str, str]) -> Function:
    """Return one of our functions, from an unpacked package."""
    said = {"_HANDLER": f"app.{handler}"}  # as Lambda says while it loads the module
    path = [tree, runtime(PACKAGES)]
    return Function(module="app", handler=handler, path=path, environment={**said, **environment})


def other(module: str, tree: Path, environment: Mapping[str, str]) -> Function:
    """Return the `handler` of a module of the bench, a peer or a limit, from `tree.others()`."""
    return Function(module=f"bench.{module}", handler="handler", path=[tree, PACKAGES], environment=environment)


@dataclass(frozen=True, slots=True)
class Running:
    """An interpreter that loads a function and then runs a program, which finds `handler` and `Context`."""

    process: subprocess.Popen[bytes]
    asking: IO[bytes]
    telling: IO[bytes]


def run(function: Function, program: str) -> Running:
    """Start it. What it complains of goes to our standard error."""
    process = subprocess.Popen(
        # -S: nobody's own additions are searched for; PYTHONPATH is all there is.
        [
            sys.executable,
            "-S",
            "-c",
            (_RUNTIME if function.runtime else "")
            + _HANDLER.format(module=function.module, handler=function.handler)
            + program,
        ],
        env={
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": os.pathsep.join(map(str, function.path)),
            "PYTHONDONTWRITEBYTECODE": "1",
            **function.environment,
        },
        cwd=function.path[0],  # `-c` looks there first, and must not find the project's own app.py
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("started without pipes")
    return Running(process, process.stdin, process.stdout)


def bundles(aws: Server, folder: Path) -> tuple[Path, Path]:
    """Write whom ours and the limit believe, and whom boto3 does: what each has in Lambda, and this server.

    Amazon's roots are a handful, botocore's file holds more than a hundred certificates; reading them is part
    of a start.
    """
    if aws.ca_file is None:
        raise ValueError("a server without TLS needs no trust")
    ours_believe, boto_believes = folder / "amazon.pem", folder / "usual.pem"
    authority = aws.ca_file.read_text()
    ours_believe.write_text(Path(trust.ROOTS).read_text() + authority)
    boto_believes.write_text((Path(botocore.__file__).parent / "cacert.pem").read_text() + authority)
    return ours_believe, boto_believes
