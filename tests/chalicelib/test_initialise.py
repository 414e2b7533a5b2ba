"""A function is made ready while Lambda starts it, and starts whatever happens."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.errors import Misconfigured
from chalicelib.wiring import Wiring
from chalicelib.wiring.initialise import READY, make_ready
from devtool import environment
from devtool.testing import wait_for
from tests.chalicelib.aws.scripted import Scripted
from tests.chalicelib.test_config import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterator

OPENS = {"app": 2}
"""How many connections a function opens ahead, where it is not the table's one: the intake asks KMS, too."""


@pytest.fixture
def aws() -> Iterator[Scripted]:
    with Scripted([]) as server:
        yield server


@pytest.fixture
def wired(monkeypatch: pytest.MonkeyPatch, aws: Scripted) -> Wiring:
    listens = f"http://{aws.endpoint.authority}"
    for name, value in {**environment.fixed_credentials(), **WHOLE, "AWS_ENDPOINT_URL": listens}.items():
        monkeypatch.setenv(name, value)
    return Wiring()


def say(monkeypatch: pytest.MonkeyPatch, function: str) -> None:
    monkeypatch.setenv("_HANDLER", f"app.{function}")


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("said", [None, "", "app.another", "other"])
def test_where_nobody_says_which_function_this_is_nothing_is_made_ready(
    wired: Wiring, monkeypatch: pytest.MonkeyPatch, said: str | None
) -> None:
    monkeypatch.delenv("_HANDLER", raising=False)
    if said is not None:
        monkeypatch.setenv("_HANDLER", said)

    make_ready(wired)

    assert vars(wired) == {}


@pytest.mark.parametrize("function", READY)
def test_each_function_is_made_ready_and_asks_aws_for_nothing(
    wired: Wiring,
    monkeypatch: pytest.MonkeyPatch,
    aws: Scripted,
    capsys: pytest.CaptureFixture[str],
    function: str,
) -> None:
    say(monkeypatch, function)

    make_ready(wired)

    assert "settings" in vars(wired)
    assert logged(capsys) == []
    wait_for(lambda: aws.opened == OPENS.get(function, 1), 5)
    assert aws.heard == []


@pytest.mark.parametrize("function", READY)
def test_a_function_that_misses_a_setting_starts_says_so_and_fails_in_its_first_event(
    wired: Wiring, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], function: str
) -> None:
    monkeypatch.delenv("TABLE_NAME")
    say(monkeypatch, function)

    make_ready(wired)

    (line,) = logged(capsys)
    assert (line["event"], line["level"], line["function"]) == ("function.unready", "error", function)
    assert "TABLE_NAME" in line["reason"]
    with pytest.raises(Misconfigured, match="TABLE_NAME"):
        _ = wired.table


def test_a_function_starts_where_aws_does_not_answer_and_asks_again(
    wired: Wiring, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    say(monkeypatch, "authorize")

    make_ready(wired)

    (line,) = logged(capsys)
    assert (line["event"], line["error"]) == ("function.unready", "Unanswered")
    assert "verifier" in vars(wired)


def test_where_boto3_makes_the_calls_it_opens_its_connections_itself(
    wired: Wiring, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], aws: Scripted
) -> None:
    monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", "true")
    say(monkeypatch, "authorize")

    make_ready(wired)

    assert logged(capsys) == []
    assert aws.opened == 0
