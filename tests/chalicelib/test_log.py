from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

import pytest

from chalicelib import log
from chalicelib.model.job import Type

MARKER = "MARKER-7f3a"


@pytest.fixture(autouse=True)
def begun() -> None:
    log.begin(function="api", request_id="r1")


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_fact_is_one_line_with_what_the_invocation_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    log.add(principal="jane")
    log.fact("token.shown", job="j1", count=2, ok=True, nothing=None)

    assert logged(capsys) == [
        {
            "event": "token.shown",
            "stage": "local",
            "function": "api",
            "request_id": "r1",
            "principal": "jane",
            "job": "j1",
            "count": 2,
            "ok": True,
        }
    ]


def test_the_next_invocation_begins_anew(capsys: pytest.CaptureFixture[str]) -> None:
    log.add(principal="jane")
    log.begin(function="work")
    log.fact("work.repeated")

    assert logged(capsys) == [{"event": "work.repeated", "stage": "local", "function": "work"}]


def test_a_line_break_from_outside_makes_no_second_line(capsys: pytest.CaptureFixture[str]) -> None:
    log.fact("connection.joined", principal='x"}\n{"event":"forged"}')

    (line,) = logged(capsys)
    assert line["event"] == "connection.joined"


def test_a_long_value_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    log.fact("event", value="x" * 1_000)

    assert logged(capsys)[0]["value"] == "x" * 300


def test_a_failure_is_logged_by_its_kind_and_place_and_never_by_its_message(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def parse() -> None:
        raise ValueError(f"cannot parse {MARKER}")

    try:
        parse()
    except ValueError as error:
        log.failure("request.failed", error, record="7")

    (line,) = logged(capsys)
    assert (line["level"], line["error"], line["record"]) == ("error", "ValueError", "7")
    assert line["where"].startswith("test_log.py:")
    assert " parse < test_log.py:" in line["where"]
    assert MARKER not in str(line)


def test_a_failure_that_was_never_raised_has_no_place(capsys: pytest.CaptureFixture[str]) -> None:
    log.failure("request.failed", ValueError(MARKER))

    assert MARKER not in str(logged(capsys))


@pytest.mark.parametrize("text", ["Zoë", "🔑", "half \ud83d of one", "a\u2028b\u0085c", "\x7f\x00\x1b[31m"])
def test_a_text_of_any_letters_is_logged_on_one_line_of_ascii(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    log.fact("event", value=text)

    written = capsys.readouterr().out
    assert written.isascii()
    assert len(written.splitlines()) == 1
    assert json.loads(written)["value"] == text


def test_the_code_of_an_enumeration_is_logged_as_its_text_or_number(capsys: pytest.CaptureFixture[str]) -> None:
    log.fact("event", type=Type.STORE, status=HTTPStatus.ACCEPTED, exact=False)

    (line,) = logged(capsys)
    assert (line["type"], line["status"], line["exact"]) == ("token.store", 202, False)
