"""`./dev local`: Chalice's own server against the tables of the local cloud, reloading on each change."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from devtool import environment
from devtool.emulator import HOST, require_free
from devtool.info import Info, ready
from devtool.packaging import STAGE
from devtool.progress import say
from devtool.stack import Stack
from devtool.workspace import PROJECT, Workspace


def serve(workspace: Workspace, port: int) -> NoReturn:
    """Become `chalice local`, with the environment that the deployed API function has."""
    info = ready(workspace)
    require_free(port)
    say(f"http://{HOST}:{port} on the tables of {info.aws_endpoint_url}; no WebSockets here. Ctrl-C ends it.")
    os.chdir(PROJECT)
    # The script itself, not `python -c`: the reloader starts it again by its name.
    chalice = str(Path(sys.executable).parent / "chalice")
    os.execve(  # noqa: S606 - no shell is wanted
        chalice,
        [chalice, "local", "--stage", STAGE, "--host", HOST, "--port", str(port)],
        environment.for_child(info.aws_endpoint_url) | function_settings(workspace, info),
    )


def function_settings(workspace: Workspace, info: Info) -> dict[str, str]:
    """Read the settings of the deployed API function, so that the same ones hold here."""
    stack = Stack(info.aws_endpoint_url, log=workspace.logs / "ministack.log")
    functions = environment.client("lambda", info.aws_endpoint_url)
    answer = functions.get_function_configuration(FunctionName=stack.outputs()["APIHandlerName"])
    return environment.without_aws(answer["Environment"]["Variables"])
