from __future__ import annotations

import json
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from devtool import packaging
from devtool.cli import main
from devtool.errors import PackagingFailed

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


def made(folder: Path, *distributions: str, runtime: str = packaging.RUNTIME) -> Path:
    """Write what `chalice package` writes, as far as it is checked."""
    function = {"Type": "AWS::Serverless::Function", "Properties": {"Runtime": runtime}}
    (folder / packaging.TEMPLATE).write_text(
        json.dumps({"Resources": {"F": function, "T": {"Type": "AWS::S3::Bucket"}}})
    )
    with zipfile.ZipFile(folder / packaging.ARCHIVE, "w") as archive:
        for name in distributions:
            archive.writestr(f"{name}-1.0.dist-info/METADATA", "")
    (folder / "requirements.txt").write_text("# why\nPyJWT[crypto]==2.15.1   # why\n\nmsgspec>=0.22.0\nzope.event\n")
    return folder


def checked(folder: Path) -> None:
    packaging._check(folder, folder / "requirements.txt", folder / "package.log")


def test_a_package_with_all_that_is_required_for_this_python_is_good(tmp_path: Path) -> None:
    checked(made(tmp_path, "pyjwt", "msgspec", "zope_event"))


def test_a_library_that_chalice_did_not_get_is_named_before_anybody_deploys_without_it(tmp_path: Path) -> None:
    with pytest.raises(PackagingFailed, match=rf"no wheel of pyjwt, zope-event for {packaging.RUNTIME}\. The log: "):
        checked(made(tmp_path, "msgspec"))


def test_bytecode_for_another_python_than_lambdas_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        PackagingFailed, match=rf"asks for python3\.9, and this is {packaging.RUNTIME}: .* Start \./dev by"
    ):
        checked(made(tmp_path, runtime="python3.9"))


def test_a_zip_that_chalice_wrote_by_half_is_told_how_to_get_rid_of(tmp_path: Path) -> None:
    whole = made(tmp_path, "pyjwt") / packaging.ARCHIVE
    whole.write_bytes(whole.read_bytes()[:50])

    with pytest.raises(PackagingFailed, match=r"cannot be read: .* Delete .*/\.chalice/deployments and package again"):
        checked(tmp_path)


def test_the_command_writes_what_cloudformation_takes_and_says_what_to_type_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out" / "package"

    assert main(["package", str(out)]) == 0

    template = json.loads((out / "sam.json").read_text())
    functions = [one for one in template["Resources"].values() if one["Type"] == "AWS::Serverless::Function"]
    assert {one["Properties"]["CodeUri"] for one in functions} == {"./deployment.zip"}
    assert {one["Properties"]["Environment"]["Variables"]["STAGE"] for one in functions} == {"prod"}
    with zipfile.ZipFile(out / "deployment.zip") as archive:
        assert f"__pycache__/app.{sys.implementation.cache_tag}.pyc" in archive.namelist()
    said = capsys.readouterr()
    assert f"aws cloudformation package --template-file {out}/sam.json" in said.err + said.out


def test_a_stage_that_is_none_is_told_which_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["package", str(tmp_path), "--stage", "prodd"]) == 1

    assert "there is no stage 'prodd' in .chalice/config.json; there are local, prod" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_one_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("mine")

    assert main(["package", str(tmp_path / "file")]) == 1

    assert f"{tmp_path}/file cannot be written" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"
