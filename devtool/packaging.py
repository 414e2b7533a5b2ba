"""`chalice package`, then `finish`: what a person deploys, and what the local cloud runs."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from devtool import environment
from devtool.errors import PackagingFailed
from devtool.finish import finish
from devtool.workspace import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STAGE = "local"
MERGE_TEMPLATE = "infrastructure/template.json"
TEMPLATE, ARCHIVE = "sam.json", "deployment.zip"
PLAIN = "plain.zip"
"""What Chalice made, kept beside the finished zip of the local cloud: tests and benchmarks compare the two."""

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
"""The one Lambda runtime that this interpreter's bytecode and wheels are for."""

_SOURCES = ("app.py", "requirements.txt", "chalicelib", "vendor", ".chalice", "infrastructure")
_MAKERS = ("packaging.py", "finish.py", "reach.py", "bytecode.py")
_OUT = PROJECT / ".local" / "package"
# Chalice keeps its zips there, by the hash of what went in: without a change it asks no index for wheels.
_DEPLOYMENTS = ".chalice/deployments"
_NOT_SOURCES = ("__pycache__", "deployments", "deployed")


def sources(project: Path = PROJECT) -> list[Path]:
    """List the files that decide what is deployed, in a fixed order."""
    found: list[Path] = []
    for name in _SOURCES:
        path = project / name
        found += [path] if path.is_file() else sorted(_files(path))
    return found


def _files(folder: Path) -> Iterable[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not set(path.relative_to(folder).parts) & set(_NOT_SOURCES):
            yield path


def fingerprint(project: Path = PROJECT) -> str:
    """Hash the sources with what makes the package of them: the interpreter, and the code of ours."""
    digest = hashlib.sha256(f"{sys.version_info[:3]} {STAGE}\n".encode())
    for path in sources(project):
        digest.update(f"{path.relative_to(project)}\0{path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    for name in _MAKERS:
        digest.update((PROJECT / "devtool" / name).read_bytes())
    return digest.hexdigest()


def package(logs: Path) -> Path:
    """Package for the local cloud if need be; return the folder with sam.json, deployment.zip and plain.zip.

    Lambda's runtime follows the interpreter: Chalice fetches packages for the Python that it runs on.
    All clouds of this checkout share one package.
    """
    with _alone():
        _OUT.mkdir(exist_ok=True)
        wanted = fingerprint()
        stamp = _OUT / "fingerprint"
        if not stamp.is_file() or stamp.read_text() != wanted:
            stamp.unlink(missing_ok=True)
            with _packaged(STAGE, logs / "package.log") as made:
                _publish(made, _OUT)
                shutil.copyfile(made / ARCHIVE, _OUT / PLAIN)
            stamp.write_text(wanted)
    return _OUT


def write(out: Path, stage: str, logs: Path) -> Path:
    """Package for a stage of .chalice/config.json into a folder; return the finished zip.

    The folder gets sam.json and deployment.zip, which `aws cloudformation package` takes. Raises PackagingFailed.
    """
    stages = json.loads((PROJECT / ".chalice" / "config.json").read_text(encoding="utf-8"))["stages"]
    if stage not in stages:
        raise PackagingFailed(f"there is no stage {stage!r} in .chalice/config.json; there are {', '.join(stages)}")
    with _alone(), _packaged(stage, logs / "package.log") as made:
        try:
            out.mkdir(parents=True, exist_ok=True)
            return _publish(made, out)
        except OSError as error:
            raise PackagingFailed(f"{out} cannot be written: {error.strerror}. Name a folder of your own") from error


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Hold a lock: Chalice would take a zip that another is still writing into its cache for a whole one."""
    _OUT.parent.mkdir(parents=True, exist_ok=True)
    with (_OUT.parent / "package.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _publish(made: Path, out: Path) -> Path:
    finish(made / ARCHIVE, out / ARCHIVE)
    shutil.copyfile(made / TEMPLATE, out / TEMPLATE)
    return out / ARCHIVE


@contextlib.contextmanager
def _packaged(stage: str, log: Path) -> Iterator[Path]:
    """Run `chalice package` on a copy of the sources; give the folder of its sam.json and deployment.zip, checked.

    A copy, because Chalice packs whatever lies in chalicelib: bytecode with the checkout's path in it, half of which
    another process may be writing at this moment; and what it packs decides whether it fetches all wheels again.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    cache = PROJECT / _DEPLOYMENTS
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cloakroom-package-") as folder:
        project, made = Path(folder) / "project", Path(folder) / "package"
        for source in sources():
            target = project / source.relative_to(PROJECT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        (project / _DEPLOYMENTS).symlink_to(cache, target_is_directory=True)
        _run_chalice(project, made, stage, log)
        _check(made, project / "requirements.txt", log)
        yield made


def _run_chalice(project: Path, made: Path, stage: str, log: Path) -> None:
    with log.open("w") as output:
        done = subprocess.run(
            [
                *(sys.executable, "-B", "-c", "from chalice.cli import main; main()"),
                *("package", "--stage", stage, "--merge-template", MERGE_TEMPLATE, str(made)),
            ],
            cwd=project,
            env=environment.for_child(None),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0 or not (made / TEMPLATE).is_file():
        lines = log.read_text(errors="replace").strip().splitlines()
        raise PackagingFailed(f"chalice package failed: {lines[-1] if lines else 'no output'}. The log: {log}")


def _check(made: Path, requirements: Path, log: Path) -> None:
    """Refuse a package that Lambda could not run: Chalice warns of a library that it did not get, and goes on."""
    resources = json.loads((made / TEMPLATE).read_text(encoding="utf-8"))["Resources"].values()
    runtimes = {one["Properties"]["Runtime"] for one in resources if one["Type"] == "AWS::Serverless::Function"}
    if runtimes != {RUNTIME}:
        raise PackagingFailed(
            f"the template asks for {', '.join(sorted(runtimes))}, and this is {RUNTIME}: its bytecode would be for "
            "another Python. Start ./dev by the one that the functions shall run on"
        )
    try:
        with zipfile.ZipFile(made / ARCHIVE) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        # Chalice writes into its cache in place: killed meanwhile, it takes the half for the whole ever after.
        raise PackagingFailed(
            f"Chalice's zip cannot be read: {error}. Delete {PROJECT / _DEPLOYMENTS} and package again"
        ) from error
    packed = {_canonical(name.partition("-")[0]) for name in names if ".dist-info/" in name}
    missing = [name for name in _required(requirements) if name not in packed]
    if missing:
        raise PackagingFailed(f"Chalice found no wheel of {', '.join(missing)} for {RUNTIME}. The log: {log}")


def _required(requirements: Path) -> list[str]:
    lines = (line.partition("#")[0].strip() for line in requirements.read_text(encoding="utf-8").splitlines())
    return [_canonical(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in lines if line]


def _canonical(name: str) -> str:
    """Spell a distribution's name as PEP 503 compares them."""
    return re.sub(r"[-_.]+", "-", name).lower()
