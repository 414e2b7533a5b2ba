"""./dev up, info, token and down as they are typed, in a folder of their own."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from devtool import emulator, environment, processes
from devtool.info import read_run
from devtool.issuer import Issuer, load_key
from devtool.setup import prepare
from devtool.workspace import PROJECT
from tests.devtool.test_environment import REAL, assert_nothing_real

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 90


class Shell:
    """A developer's shell, with a real-looking AWS account in it."""

    def __init__(self, local: Path) -> None:
        self.port = emulator.free_port()
        self.local = local
        self.environment = {"PATH": os.environ["PATH"], "CLOAKROOM_LOCAL": str(local), **REAL}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "devtool", *arguments],
            cwd=PROJECT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def up(self) -> str:
        done = self.run("up", "--detach", "--no-demo", "--port", str(self.port))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def foreground(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "devtool", "up", "--no-demo", "--port", str(self.port)],
            cwd=PROJECT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        ready = processes.wait_until(lambda: self.run("info").returncode == 0, PATIENCE)
        assert ready, process.poll()
        return process

    def info(self) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads(self.run("info", "--json").stdout)
        return facts

    def pids(self) -> tuple[int, int]:
        run = read_run(self.local / "run.json")
        assert run is not None
        return run.supervisor.pid, run.emulator.pid


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    prepare(PROJECT)
    made = Shell(tmp_path_factory.mktemp("local"))
    yield made
    made.run("down")


def call(url: str, token: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    request = urllib.request.Request(
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        result: dict[str, Any] = json.load(answer)
    return result


def processes_of(folder: Path) -> list[str]:
    """List the processes whose working folder is below this one: the emulator and all its workers."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if link.readlink().is_relative_to(folder):
                found.append((link.parent / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def test_what_was_stored_and_the_addresses_outlive_a_restart(shell: Shell) -> None:
    shell.up()
    first = shell.info()
    table = environment.client("dynamodb", first["aws_endpoint_url"])
    table.put_item(TableName=first["table"], Item={"pk": {"S": "kept"}, "sk": {"S": "kept"}})
    with urllib.request.urlopen(f"{first['api_url']}/health") as answer:
        assert answer.status == 200
    assert processes_of(shell.local) != []

    down = shell.run("down")

    assert down.returncode == 0
    assert processes_of(shell.local) == []
    assert not (shell.local / "run.json").exists()

    began = time.monotonic()
    said = shell.up()
    took = time.monotonic() - began

    assert "deploying" not in said
    assert took < 15
    assert shell.info() == first
    key = {"pk": {"S": "kept"}, "sk": {"S": "kept"}}
    assert table.get_item(TableName=first["table"], Key=key)["Item"] == key


def test_nothing_of_a_real_account_reaches_the_emulator_or_its_functions(shell: Shell) -> None:
    _, engine = shell.pids()
    with urllib.request.urlopen(f"{shell.info()['api_url']}/health") as answer:
        answer.read()
    workers = processes.children(engine)

    assert workers
    for pid in (engine, *workers):
        pairs = Path(f"/proc/{pid}/environ").read_text().split("\0")
        assert_nothing_real(dict(pair.split("=", 1) for pair in pairs if "=" in pair))


def test_info_names_what_others_build_on(shell: Shell) -> None:
    facts = shell.info()

    assert set(facts) == {
        "api_url",
        "ws_url",
        "console_url",
        "aws_endpoint_url",
        "table",
        "queue_url",
        "issuer",
        "jwks_url",
        "stage",
    }
    assert facts["api_url"].startswith(f"http://127.0.0.1:{shell.port}/")
    assert facts["ws_url"].startswith(f"ws://127.0.0.1:{shell.port}/")
    assert facts["stage"] == "local"


def test_a_token_is_printed_alone_on_a_line(shell: Shell) -> None:
    claims = '{"tenant": "acme", "groups": ["admin"]}'
    done = shell.run("token", "--sub", "auth0|1", "--groups", "producer,consumer", "--ttl", "60", "--claims", claims)

    assert done.returncode == 0
    assert done.stdout.count("\n") == 1
    assert done.stdout.count(".") == 2
    told = json.loads(base64.urlsafe_b64decode(done.stdout.split(".")[1] + "=="))
    assert (told["sub"], told["tenant"], told["groups"]) == ("auth0|1", "acme", ["admin"])


def test_the_issuers_documents_are_served_over_http(shell: Shell) -> None:
    issuer = shell.info()["issuer"]

    with urllib.request.urlopen(f"{issuer}/.well-known/openid-configuration") as answer:
        discovery = json.load(answer)
    with urllib.request.urlopen(discovery["jwks_uri"]) as answer:
        keys = json.load(answer)["keys"]

    assert discovery["issuer"] == issuer
    assert [key["alg"] for key in keys] == ["RS256"]


def test_chalices_own_server_works_on_the_same_tables(shell: Shell) -> None:
    port = emulator.free_port()
    token = shell.run("token", "--sub", "hook", "--groups", "producer").stdout.strip()
    body = {"subject": "me", "provider": "p", "token": {"access_token": "a", "expires_in": 600}}
    process = subprocess.Popen(
        [sys.executable, "-m", "devtool", "local", "--port", str(port)],
        cwd=PROJECT,
        env=shell.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert processes.wait_until(lambda: not is_free(port), 20)
        accepted = call(f"http://127.0.0.1:{port}/tokens", token, body)
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # the reloader and the server that it started
        process.wait(10)

    facts = shell.info()
    items = environment.client("dynamodb", facts["aws_endpoint_url"]).scan(TableName=facts["table"])["Items"]
    assert accepted["id"] in repr(items)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_second_up_in_the_same_folder_is_told_so(shell: Shell) -> None:
    foreground = shell.run("up", "--port", str(shell.port))
    background = shell.run("up", "--detach", "--port", str(shell.port))

    assert foreground.returncode == 1
    assert "./dev down" in foreground.stderr
    assert background.returncode == 0
    assert "already up" in background.stdout


def test_after_the_supervisor_was_killed_the_next_up_cleans_up_and_loses_nothing(shell: Shell) -> None:
    before = shell.info()
    issuer = Issuer(load_key(shell.local / "issuer.pem"), before["aws_endpoint_url"])
    table = environment.client("dynamodb", before["aws_endpoint_url"])
    key = {"pk": {"S": "late"}, "sk": {"S": "late"}}
    table.put_item(TableName=before["table"], Item=key)
    supervisor, engine = shell.pids()
    os.kill(supervisor, signal.SIGKILL)
    assert processes.wait_until(lambda: processes.born(supervisor) is None, 5)
    producer = issuer.token("hook", groups=("producer",))
    body = {"subject": "me", "provider": "p", "token": {"access_token": "a", "expires_in": 600}}
    accepted = call(f"{before['api_url']}/tokens", producer, body)  # nobody delivers the stream now

    lost = shell.run("info")
    shell.up()

    assert lost.returncode == 1
    assert "lost its supervisor" in lost.stderr
    assert processes.born(engine) is None
    assert shell.info() == before
    assert table.get_item(TableName=before["table"], Key=key)["Item"] == key
    job = call(f"{before['api_url']}/jobs/{accepted['id']}", issuer.token("root", groups=("admin",)))
    assert job["status"] == "SUCCEEDED"


def test_another_port_moves_every_address_and_keeps_the_data(shell: Shell) -> None:
    table = environment.client("dynamodb", shell.info()["aws_endpoint_url"])
    key = {"pk": {"S": "moving"}, "sk": {"S": "moving"}}
    table.put_item(TableName=shell.info()["table"], Item=key)
    shell.run("down")
    old, shell.port = shell.port, emulator.free_port()

    shell.up()

    facts = shell.info()
    assert str(old) not in json.dumps(facts)
    moved = environment.client("dynamodb", facts["aws_endpoint_url"])
    assert moved.get_item(TableName=facts["table"], Key=key)["Item"] == key
    with urllib.request.urlopen(f"{facts['api_url']}/health") as answer:
        assert answer.status == 200


def test_ctrl_c_ends_it_and_leaves_no_process_behind(shell: Shell) -> None:
    shell.run("down")
    process = shell.foreground()
    with urllib.request.urlopen(f"{shell.info()['api_url']}/health") as answer:
        answer.read()
    assert "ministack-lambda-" in " ".join(processes_of(shell.local))

    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=PATIENCE)

    assert process.returncode == 0
    assert "Hand in a token" in said
    assert "stopping" in said
    assert processes_of(shell.local) == []


def test_when_the_emulator_dies_the_supervisor_says_so_and_cleans_up(shell: Shell) -> None:
    process = shell.foreground()
    with urllib.request.urlopen(f"{shell.info()['api_url']}/health") as answer:
        answer.read()
    _, engine = shell.pids()

    os.kill(engine, signal.SIGKILL)
    said, _ = process.communicate(timeout=PATIENCE)

    assert process.returncode == 1
    assert "MiniStack ended by itself" in said
    assert "ministack.log" in said
    assert processes_of(shell.local) == []
    assert "not up" in shell.run("info").stderr


def test_where_nothing_is_up_each_command_says_what_to_type(tmp_path: Path) -> None:
    empty = Shell(tmp_path)

    for command in (("info",), ("down",), ("demo",), ("local",), ("token", "--sub", "me")):
        done = empty.run(*command)
        assert done.returncode == 1
        assert "./dev up" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_taken_port_is_named_with_what_to_type(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        for detach in ((), ("--detach",)):
            done = Shell(tmp_path).run("up", "--port", str(port), *detach)
            assert done.returncode == 1
            assert f"port {port} is taken" in done.stderr
            assert "--port" in done.stderr


@pytest.mark.parametrize("command", ["", "up", "down", "info", "token", "demo", "check", "local", "test"])
def test_each_command_explains_itself(command: str, tmp_path: Path) -> None:
    done = Shell(tmp_path).run(*command.split(), "--help")

    assert done.returncode == 0
    assert "usage: ./dev" in done.stdout
