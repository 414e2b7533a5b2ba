from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from devtool import setup
from devtool.setup import SetupError, install
from devtool.workspace import CLOUD_PYTHON, PROJECT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    file = tmp_path / "requirements.txt"
    file.write_text("# nothing\n")
    return file


def test_an_environment_is_made_once_and_a_failed_one_is_not_taken_for_made(tmp_path: Path, requirements: Path) -> None:
    folder = tmp_path / "venv"
    install(folder, requirements, tmp_path)
    (folder / "stray").touch()

    install(folder, requirements, tmp_path)

    assert (folder / "stray").exists()

    requirements.write_text("./there-is-no-such-folder\n")
    with pytest.raises(SetupError, match=r"requirements\.txt could not be installed.*install-venv\.log"):
        install(folder, requirements, tmp_path)

    assert not (folder / "stray").exists()
    assert not setup._is_current(folder, requirements)


def test_a_file_that_is_included_counts_too(tmp_path: Path, requirements: Path) -> None:
    requirements.write_text("-r other.txt\n")
    other = tmp_path / "other.txt"
    other.write_text("a\n")
    first = setup._fingerprint(requirements)

    other.write_text("b\n")

    assert setup._fingerprint(requirements) != first


def test_an_older_python_is_told_what_is_needed(tmp_path: Path) -> None:
    source = (PROJECT / "dev").read_text()
    old = source.replace("import sys\n", "import sys\nsys.version_info = (3, 10, 2, 'final', 0)\n", 1)
    (tmp_path / "dev").write_text(old)

    done = subprocess.run([sys.executable, str(tmp_path / "dev")], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "needs Python 3.11 or later; this is 3.10" in done.stderr


def test_what_comes_before_the_environment_needs_the_standard_library_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c", f"import sys; sys.path.insert(0, {str(PROJECT)!r}); import devtool.setup"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""


@pytest.mark.parametrize("package", ["cryptography", "jwt", "msgspec", "chalice"])
def test_a_package_missing_in_requirements_would_be_noticed(package: str) -> None:
    done = subprocess.run([str(CLOUD_PYTHON), "-c", f"import {package}"], capture_output=True, text=True, check=False)

    assert "ModuleNotFoundError" in done.stderr
