"""Finishing a zip: what goes, what stays, and that nothing but the content decides about its bytes."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from devtool.errors import PackagingFailed
from devtool.finish import cached, finish
from devtool.workspace import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

APP = {"app.py": "import lib", "chalicelib/__init__.py": "", "chalicelib/late.py": "", "lib/__init__.py": "X = 1"}

BY_ANOTHER = """
import os
os.umask(0o077)
from pathlib import Path
from devtool.finish import finish
finish(Path("plain.zip"), Path("finished.zip"))
"""


def zipped(file: Path, content: dict[str, str], *, mode: int = 0o100644, year: int = 1980) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in content.items():
            entry = zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0))
            entry.external_attr = mode << 16
            archive.writestr(entry, text)
    return file


def finished(folder: Path, content: dict[str, str]) -> dict[str, bytes]:
    finish(zipped(folder / "plain.zip", content), folder / "finished.zip")
    with zipfile.ZipFile(folder / "finished.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_every_source_has_its_bytecode_beside_it(tmp_path: Path) -> None:
    files = finished(tmp_path, APP)

    assert list(files) == sorted([*APP, *(cached(name) for name in APP)])
    assert files["lib/__init__.py"] == b"X = 1"
    assert cached("lib/__init__.py") == f"lib/__pycache__/__init__.{sys.implementation.cache_tag}.pyc"
    assert all(files[cached(name)][:8] == importlib.util.MAGIC_NUMBER + b"\1\0\0\0" for name in APP)


def test_bytecode_lies_where_lambda_looks_wherever_this_process_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = {name: importlib.util.cache_from_source(name) for name in APP}
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "elsewhere"))

    assert set(expected.values()) < set(finished(tmp_path, APP))


@pytest.mark.parametrize(
    "name",
    [
        "chalicelib/__pycache__/late.cpython-38.pyc",  # Chalice packs what lies in the checkout
        "chalicelib/__pycache__/gone.cpython-311.pyc",
        "lib/__init__.pyi",
        "lib/py.typed",
        "lib/_x.h",
        "lib/other.py",
        "unused/__init__.py",
        "unused/data.json",
        "lib-1.dist-info/RECORD",
        "lib-1.dist-info/licenses/LICENSE",
        "unused-1.dist-info/METADATA",
    ],
)
def test_what_no_import_leads_to_and_nobody_reads_is_left_out(tmp_path: Path, name: str) -> None:
    listed = {"lib-1.dist-info/RECORD": "lib/__init__.py,,\n", "unused-1.dist-info/RECORD": "unused/__init__.py,,\n"}

    assert name not in finished(tmp_path, {**APP, "unused/__init__.py": "", **listed, name: ""})


@pytest.mark.parametrize(
    "name",
    ["chalicelib/roots.pem", "lib/data.json", "vendored/table.csv", "lib.libs/liby.so", "lib-1.dist-info/METADATA"],
)
def test_data_stays_and_so_does_what_a_scanner_for_versions_reads(tmp_path: Path, name: str) -> None:
    listed = {"lib-1.dist-info/RECORD": '"lib/__init__.py",sha256=x,5\n'}

    assert finished(tmp_path, {**APP, **listed, name: "data"})[name] == b"data"


def test_our_own_modules_stay_even_if_no_import_of_theirs_is_seen(tmp_path: Path) -> None:
    assert "chalicelib/late.py" in finished(tmp_path, APP)


def test_order_dates_permissions_and_whoever_makes_it_decide_nothing(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there" / "deeper"
    here.mkdir()
    there.mkdir(parents=True)
    one = zipped(here / "plain.zip", APP)
    zipped(there / "plain.zip", dict(reversed(APP.items())), mode=0o100600, year=2026)

    finish(one, here / "finished.zip")
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", BY_ANOTHER], cwd=there, env=environment, check=True)

    assert (there / "finished.zip").read_bytes() == (here / "finished.zip").read_bytes()
    with zipfile.ZipFile(here / "finished.zip") as archive:
        written = {(one.date_time, one.external_attr >> 16, one.create_system) for one in archive.infolist()}
    assert written == {((1980, 1, 1, 0, 0, 0), 0o100644, 3)}


def test_a_program_stays_one(tmp_path: Path) -> None:
    with zipfile.ZipFile(zipped(tmp_path / "plain.zip", APP), "a") as archive:
        entry = zipfile.ZipInfo("bin/tool")
        entry.external_attr = 0o100700 << 16
        archive.writestr(entry, "#!")

    finish(tmp_path / "plain.zip", tmp_path / "finished.zip")

    with zipfile.ZipFile(tmp_path / "finished.zip") as archive:
        assert archive.getinfo("bin/tool").external_attr >> 16 == 0o100755


def test_of_two_entries_of_a_name_the_later_counts_as_it_does_where_it_is_unpacked(tmp_path: Path) -> None:
    plain = zipped(tmp_path / "plain.zip", APP)
    with zipfile.ZipFile(plain, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("lib/__init__.py", "X = 2")

    finish(plain, tmp_path / "finished.zip")

    with zipfile.ZipFile(tmp_path / "finished.zip") as archive:
        assert archive.read("lib/__init__.py") == b"X = 2"
        assert archive.namelist().count("lib/__init__.py") == 1


def test_what_fails_says_why_and_leaves_the_earlier_zip(tmp_path: Path) -> None:
    (tmp_path / "finished.zip").write_text("of yesterday")
    (tmp_path / "broken.zip").write_text("half of it")

    with pytest.raises(PackagingFailed, match=r"broken\.zip cannot be read"):
        finish(tmp_path / "broken.zip", tmp_path / "finished.zip")
    with pytest.raises(PackagingFailed, match=r"the sources did not compile: .*too many statically nested"):
        finished(tmp_path, {**APP, "lib/__init__.py": nested(30)})

    assert (tmp_path / "finished.zip").read_text() == "of yesterday"


def nested(depth: int) -> str:
    """Write what parses and does not compile."""
    return "".join(f"{' ' * level}for a in b:\n" for level in range(depth)) + f"{' ' * depth}pass\n"
