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


def test_a_line_of_the_bench_that_is_none_is_told_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    told = refused(capsys, "bench", "--quick", "--only", "cold-intake", "nonsense")

    assert "'nonsense' is no line: take some of " in told
    assert "cold-intake, " in told


@pytest.mark.parametrize("groups", ["producer consumer", "pro/ducer", "producer;admin"])
def test_a_list_of_groups_that_is_none_is_shown_how_to_write_one(
    groups: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = refused(capsys, "token", "--sub", "a", "--groups", groups)

    assert f"{groups!r} is no group" in told
    assert "Write: --groups producer,consumer" in told


@pytest.mark.parametrize("claims", ["tenant=acme", "[]", '"x"', '{"ttl": 60}'])
def test_claims_that_are_no_object_are_shown_how_to_write_one(claims: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = refused(capsys, "token", "--sub", "a", "--claims", claims)

    assert """Write: --claims '{"tenant": "acme"}'""" in told


def issuers(folder: Path, text: str, *options: str) -> int:
    file = folder / "issuers.json"
    file.write_text(text)
    return main(["issuers", str(file), *options])


def test_a_file_of_issuers_is_printed_as_its_parameter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = issuers(tmp_path, '[{"issuer": "https://i.example/",\n "audience": "a", "groups": ["consumer"]}]')

    assert code == 0
    printed = '[{"issuer":"https://i.example/","audience":"a","groups":["consumer"]}]\n'
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("[{", (), "is no JSON"),
        ('[{"issuer":"a","issuer":"a"}]', (), "is no JSON: a member occurs twice in one object"),
        ("[]", (), "ISSUERS must be a list of 1 to 10 objects"),
        ('[{"issuer":"https://i.example/","groups":["a"]}]', (), "ISSUERS[0].audience must be given"),
        (
            '[{"issuer":"https://i.example/","audience":"a","groups":["a"]}]',
            ("--jwt-issuer", "https://short.example/"),
            "ISSUERS[0].principal_prefix must be another than JWT_ISSUER's",
        ),
    ],
)
def test_what_is_wrong_with_a_file_of_issuers_is_said_before_it_is_deployed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, options: tuple[str, ...], said: str
) -> None:
    assert issuers(tmp_path, text, *options) == 1

    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""


def test_a_file_of_issuers_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["issuers", str(tmp_path / "none.json")]) == 1

    assert "none.json cannot be read: No such file or directory" in capsys.readouterr().err
