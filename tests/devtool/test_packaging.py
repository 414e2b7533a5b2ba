from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from devtool import packaging

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "chalicelib" / "__pycache__").mkdir(parents=True)
    (tmp_path / ".chalice" / "deployments").mkdir(parents=True)
    (tmp_path / "app.py").write_text("a")
    (tmp_path / "requirements.txt").write_text("b")
    (tmp_path / "chalicelib" / "model.py").write_text("c")
    return tmp_path


@pytest.mark.parametrize("file", ["app.py", "requirements.txt", "chalicelib/model.py", ".chalice/config.json"])
def test_what_goes_into_the_package_changes_its_fingerprint(project: Path, file: str) -> None:
    before = packaging.fingerprint(project)

    (project / file).write_text("changed")

    assert packaging.fingerprint(project) != before


@pytest.mark.parametrize(
    "file", ["README.md", "chalicelib/__pycache__/model.pyc", ".chalice/deployments/x.zip", "tests.py"]
)
def test_what_does_not_go_into_it_changes_nothing(project: Path, file: str) -> None:
    before = packaging.fingerprint(project)

    (project / file).write_text("changed")

    assert packaging.fingerprint(project) == before


def test_a_file_that_moved_is_a_change(project: Path) -> None:
    before = packaging.fingerprint(project)

    (project / "chalicelib" / "model.py").rename(project / "chalicelib" / "other.py")

    assert packaging.fingerprint(project) != before


def test_the_real_package_runs_on_the_python_that_made_it(tmp_path: Path) -> None:
    out = packaging.package(tmp_path)

    resources = json.loads((out / "sam.json").read_text())["Resources"].values()
    runtimes = {
        resource["Properties"]["Runtime"] for resource in resources if resource["Type"] == "AWS::Serverless::Function"
    }
    assert runtimes == {f"python3.{sys.version_info.minor}"}
