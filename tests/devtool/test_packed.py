"""The finished package of this very checkout, unpacked as Lambda unpacks it and run by an interpreter of its own."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from devtool import environment, packaging
from devtool.finish import cached
from devtool.workspace import CLOUD_PYTHON, PROJECT

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES = 7_000_000
MOST_FILES = 620
MOST_UNPACKED = 22_000_000

WATCHED = """
import importlib, json, sys
tree, modules, handlers = json.loads(sys.argv[1])
compiled = []
sys.addaudithook(lambda event, args: event == "compile" and compiled.append(str(args[1])))
sys.path.insert(0, tree)
for name in modules:
    importlib.import_module(name)
for handler in handlers:
    module, _, attribute = handler.rpartition(".")
    assert callable(getattr(importlib.import_module(module), attribute)), handler
files = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
print(json.dumps({
    "compiled": [name for name in compiled if name.startswith(tree)],
    "loaded": [name.removeprefix(f"{tree}/") for name in files if name.startswith(tree)],
}))
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packaging.package(tmp_path_factory.mktemp("logs"))


@pytest.fixture(scope="module")
def tree(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the unpacked zip, which must not be written to: /var/task cannot be."""
    folder = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(package / packaging.ARCHIVE) as archive:
        archive.extractall(folder)
    return folder


def run(tree: Path, *options: str, modules: tuple[str, ...] = (), handlers: tuple[str, ...] = ()) -> dict[str, Any]:
    """Import from the tree as Lambda does: in an interpreter that has boto3 and nothing of ours. See what it did."""
    before = contents(tree)
    done = subprocess.run(
        [str(CLOUD_PYTHON), "-I", *options, "-c", WATCHED, json.dumps([str(tree), modules, handlers])],
        cwd=tree,
        env=environment.for_child(None),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert contents(tree) == before
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def contents(tree: Path) -> dict[str, int]:
    return {str(file): file.stat().st_mtime_ns for file in tree.rglob("*")}


def sources(tree: Path) -> set[str]:
    return {str(file.relative_to(tree)) for file in tree.rglob("*.py")}


def ours(tree: Path) -> tuple[str, ...]:
    """Name every module of ours, and the two that it loads late."""
    names = (name.removesuffix(".py").replace("/", ".") for name in sources(tree) if name.startswith("chalicelib/"))
    return ("app", "jwt", *sorted(name.removesuffix(".__init__") for name in names))


def handlers(package: Path) -> dict[str, str]:
    resources = json.loads((package / packaging.TEMPLATE).read_text())["Resources"]
    return {
        name: one["Properties"]["Handler"]
        for name, one in resources.items()
        if one["Type"] == "AWS::Serverless::Function"
    }


def test_every_source_has_bytecode_of_its_own_and_of_this_python(tree: Path) -> None:
    compiled = {str(file.relative_to(tree)) for file in tree.rglob("*.pyc")}

    assert compiled == {cached(name) for name in sources(tree)}
    for name in sources(tree):
        head = (tree / cached(name)).read_bytes()[:16]
        by_unchecked_hash = importlib.util.MAGIC_NUMBER + b"\1\0\0\0"
        assert head == by_unchecked_hash + importlib.util.source_hash((tree / name).read_bytes()), name


def test_no_handler_compiles_or_writes_anything_when_it_is_imported(package: Path, tree: Path) -> None:
    known = handlers(package)

    assert len(known) == 10
    for handler in known.values():
        assert run(tree, handlers=(handler,))["compiled"] == []


def test_none_needs_what_is_not_in_the_zip_to_be_imported_not_even_boto3(package: Path, tree: Path) -> None:
    seen = run(tree, "-S", handlers=tuple(handlers(package).values()))

    assert "app.py" in seen["loaded"]
    assert seen["compiled"] == []


def test_without_the_bytecode_the_same_would_be_compiled(tree: Path, tmp_path: Path) -> None:
    """What the tests above watch for can be seen."""
    shutil.copytree(tree, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))

    assert f"{tmp_path}/app.py" in run(tmp_path, "-B", modules=("app",))["compiled"]


def test_nothing_is_packed_that_is_not_loaded_but_some_of_cryptography_that_its_binary_may_ask_for(tree: Path) -> None:
    seen = run(tree, modules=ours(tree))

    idle = sorted(sources(tree) - set(seen["loaded"]))
    assert seen["compiled"] == []
    assert [name for name in idle if not name.startswith("cryptography/")] == []
    assert len(idle) <= 20, idle  # 17


def test_nothing_for_compilers_type_checkers_or_people_is_packed(tree: Path) -> None:
    kinds = {file.suffix for file in tree.rglob("*") if file.is_file()}

    assert kinds == {".py", ".pyc", ".so", ".pem", ""}
    assert {file.name for file in tree.rglob("*") if file.is_file() and not file.suffix} == {"METADATA"}
    assert {folder.name.partition("-")[0] for folder in tree.glob("*.dist-info")} == {
        "cffi",  # its _cffi_backend
        "cryptography",
        "msgspec",
        "pyjwt",
    }


def test_the_package_is_no_larger_than_it_must_be(package: Path, tree: Path) -> None:
    size = (package / packaging.ARCHIVE).stat().st_size
    plain = (package / packaging.PLAIN).stat().st_size
    files = [file for file in tree.rglob("*") if file.is_file()]
    unpacked = sum(file.stat().st_size for file in files)

    today = f"{size:,} bytes in {len(files)} files, {unpacked:,} unpacked; plain: {plain:,}"
    assert size <= MOST_BYTES, today  # 6,459,775 when this was written: 4.8 MB of it binaries, 1.0 MB bytecode
    assert len(files) <= MOST_FILES, today  # 542
    assert unpacked <= MOST_UNPACKED, today  # 19,068,517
    assert size <= plain * 1.25, today  # 1.15: 5,607,077 without bytecode


def test_no_path_of_this_machine_is_in_it(tree: Path) -> None:
    told = [
        str(file)
        for file in tree.rglob("*")
        if file.suffix in (".py", ".pyc") and str(PROJECT).encode() in file.read_bytes()
    ]

    assert told == []


@pytest.mark.slow
def test_made_again_by_somebody_else_it_is_the_same_to_the_byte(package: Path, tmp_path: Path) -> None:
    statement = """
import os, sys
os.umask(0o077)
from pathlib import Path
from devtool import packaging
packaging.write(Path("out"), packaging.STAGE, Path("logs"))
"""
    environ = {**environment.for_child(None), "PYTHONPATH": str(PROJECT), "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}

    subprocess.run([sys.executable, "-c", statement], cwd=tmp_path, env=environ, check=True)

    for name in (packaging.ARCHIVE, packaging.TEMPLATE):
        assert (tmp_path / "out" / name).read_bytes() == (package / name).read_bytes()
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [packaging.ARCHIVE, packaging.TEMPLATE]
