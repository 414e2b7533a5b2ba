"""What ./dev says to somebody who typed something wrong: what is wrong, and what to type."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from devtool.cli import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def nothing_is_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOAKROOM_LOCAL", str(tmp_path))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what a wrong command line is told."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_an_unknown_command_is_told_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    told = refused(capsys, "nonsense")

    assert "'nonsense'" in told
    assert all(command in told for command in ("up", "down", "info", "token", "direct", "test"))


def test_no_command_at_all_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2

    assert "start the local cloud, deploy, show the main job once" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["info"], ["demo"], ["token", "--sub", "a"], ["local"], ["down"]])
def test_where_nothing_runs_the_command_that_starts_it_is_named(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 1

    assert capsys.readouterr().err == "dev: the local cloud is not up. Start it: ./dev up (or ./dev up --detach)\n"


@pytest.mark.parametrize("port", ["80", "65536", "http", "-1", ""])
def test_a_port_that_is_none_is_told_which_there_are(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = refused(capsys, "up", f"--port={port}")

    assert f"{port!r} is no port that can be used without root: take 1024 to 65535" in told


def test_a_port_of_the_environment_is_checked_like_any_other(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOAKROOM_PORT", "http")

    assert "'http' is no port" in refused(capsys, "up")
    assert main(["info"]) == 1


def test_a_taken_port_is_named_with_one_that_is_free(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]

        assert main(["up", "--detach", "--port", str(port)]) == 1

    told = capsys.readouterr().err
    assert f"port {port} is taken (Address already in use). Take one that is free: --port " in told
    assert not told.rstrip().endswith(str(port))


@pytest.mark.parametrize("groups", ["producer consumer", "pro/ducer", "producer;admin"])
def test_a_list_of_groups_that_is_none_is_shown_how_to_write_one(
    groups: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = refused(capsys, "token", "--sub", "a", "--groups", groups)

    assert f"{groups!r} is no group" in told
    assert "Write: --groups producer,consumer" in told
