"""Which lines there are, and what the bench needs."""

from __future__ import annotations

from bench import lines
from devtool import bench as command
from devtool.workspace import PROJECT


def pins(file: str) -> dict[str, str]:
    """Return the versions that a requirements file asks for, by name."""
    text = (PROJECT / file).read_text(encoding="utf-8")
    wanted = [line.partition("#")[0].strip() for line in text.splitlines()]
    return {name: version for name, _, version in (line.partition("==") for line in wanted) if version}


def test_the_command_line_and_the_bench_know_the_same_lines() -> None:
    assert command.names() == sorted(lines.names())


def test_lines_stand_in_the_tables_order() -> None:
    known = [name for name in lines.names() if name in lines.ORDER]

    assert known == [name for name in lines.ORDER if name in known]


def test_ours_runs_with_the_versions_that_are_developed_and_deployed_with() -> None:
    bench, developed = pins("bench/requirements.txt"), pins("requirements-dev.txt")
    shared = bench.keys() & developed.keys()

    assert {"chalice", "boto3"} <= shared
    assert {name: bench[name] for name in shared} == {name: developed[name] for name in shared}
    assert "-r ../requirements.txt" in (PROJECT / "bench/requirements.txt").read_text(encoding="utf-8").splitlines()


def test_nothing_of_the_bench_is_deployed_or_installed_for_development() -> None:
    peers = {"pydantic", "aws-lambda-powertools", "fastapi", "mangum", "uvloop", "matplotlib"}

    assert peers <= pins("bench/requirements.txt").keys()
    assert peers.isdisjoint(pins("requirements.txt").keys() | pins("requirements-dev.txt").keys())
