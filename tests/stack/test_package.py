"""The deployed functions run the finished package, and its bytecode, not their sources."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

from devtool import bytecode, packaging
from devtool.finish import cached
from devtool.testing import wait_for
from devtool.workspace import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from devtool.testing import LiveCloud
    from tests.stack.http import Api

FUNCTIONS = tuple(json.loads((PROJECT / ".chalice" / "config.json").read_text())["lambda_functions"])
ANSWER = b"def handler(event, context):\n    print('done')\n    return %s\n"


def test_each_function_has_the_finished_zip(cloud: LiveCloud, tmp_path: Path) -> None:
    finished = (packaging.package(tmp_path) / packaging.ARCHIVE).read_bytes()
    functions = cloud.client("lambda")

    deployed = {
        name: functions.get_function(FunctionName=cloud.function_name(name))["Configuration"]["CodeSha256"]
        for name in FUNCTIONS
    }

    assert len(deployed) == 10
    assert set(deployed.values()) == {base64.b64encode(hashlib.sha256(finished).digest()).decode()}


def test_a_worker_compiles_nothing_of_what_it_was_given(cloud: LiveCloud, api: Api, tmp_path: Path) -> None:
    api.hand_in("auth0|compiled")
    with zipfile.ZipFile(packaging.package(tmp_path) / packaging.ARCHIVE) as archive:
        given = {name for name in archive.namelist() if name.endswith(".pyc")}

    (folder, *_) = wait_for(lambda: unpacked(cloud, "api_handler"))

    assert {str(file.relative_to(folder)) for file in folder.rglob("*.pyc")} == given
    for name in given:
        flags = (folder / name).read_bytes()[4:8]
        assert flags == b"\1\0\0\0", name


def unpacked(cloud: LiveCloud, function: str) -> list[Path]:
    """Find where the workers of a function have their code."""
    marker = f"ministack-lambda-{cloud.function_name(function)}"
    return [folder / "code" for folder in cloud.workspace.temporary.iterdir() if folder.name.startswith(marker)]


def test_where_bytecode_and_source_differ_the_bytecode_is_what_runs(cloud: LiveCloud) -> None:
    """Nobody looks at the source: else each start would read and hash all of them."""
    functions = cloud.client("lambda")
    role = functions.get_function(FunctionName=cloud.function_name("sweep"))["Configuration"]["Role"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("odd.py", ANSWER % b"'source'")
        archive.writestr(cached("odd.py"), bytecode.compiled("odd.py", ANSWER % b"'bytecode'"))
    functions.create_function(
        FunctionName="odd",
        Runtime=packaging.RUNTIME,
        Role=role,
        Handler="odd.handler",
        Code={"ZipFile": packed.getvalue()},
    )
    try:
        answer: dict[str, Any] = functions.invoke(FunctionName="odd", Payload=b"{}")
        assert json.loads(answer["Payload"].read()) == "bytecode"
    finally:
        functions.delete_function(FunctionName="odd")
