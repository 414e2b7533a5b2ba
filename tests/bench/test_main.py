"""A run from its arguments to its exit code, on invented figures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bench import __main__ as bench
from bench import lines, picture, results
from bench.figures import Line, Scale

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GOOD = Line(name="good", unit="ms", ours=1.0, peer=9.0, limit=1.0, target="≤ 2 × limit", passed=True)
BAD = Line(name="bad", unit="ms", ours=9.0, peer=9.0, limit=1.0, target="≤ 2 × limit", passed=False)


class Measures:
    """Invented lines, and at which scale each was asked for."""

    def __init__(self) -> None:
        self.lines: dict[str, Line | Exception] = {}
        self.asked: list[tuple[str, Scale]] = []

    def load(self, name: str) -> Callable[[Scale], list[Line]]:
        def measure(scale: Scale) -> list[Line]:
            self.asked.append((name, scale))
            found = self.lines[name]
            if isinstance(found, Exception):
                raise found
            return [found]

        return measure


@pytest.fixture
def measures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Measures:
    invented = Measures()
    monkeypatch.setattr(lines, "load", invented.load)
    monkeypatch.setattr(lines, "names", lambda: list(invented.lines))
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    for name in ("RESULTS", "README"):
        monkeypatch.setattr(results, name, tmp_path / name)
    results.README.write_text(f"{results.BEGINS}\n{results.ENDS}\n", encoding="utf-8")
    # The picture needs what this environment has not.
    monkeypatch.setattr(picture, "draw", lambda drawn, out: out.write_text(f"{len(drawn)} lines"))
    return invented


def test_a_full_run_in_which_all_is_well_is_written_down(measures: Measures, tmp_path: Path) -> None:
    measures.lines = {"good": GOOD}

    assert bench.main([]) == 0

    assert measures.asked == [("good", Scale.FULL)]
    assert [one["name"] for one in json.loads(results.RESULTS.read_text())["lines"]] == ["good"]
    assert "| good | ms | 1.00 | 9.00 | 1.00 | 1.00 | 9.00 | ≤ 2 × limit | pass |" in results.README.read_text()
    assert (tmp_path / "results.svg").read_text() == "1 lines"


def test_a_target_that_is_missed_fails_the_run_which_is_written_down_all_the_same(measures: Measures) -> None:
    measures.lines = {"good": GOOD, "bad": BAD}

    assert bench.main([]) == 1

    assert [one["pass"] for one in json.loads(results.RESULTS.read_text())["lines"]] == [True, False]


def test_a_line_that_raises_is_a_line_that_failed_and_the_others_go_on(
    measures: Measures, capsys: pytest.CaptureFixture[str]
) -> None:
    measures.lines = {"so-bad": RuntimeError("it broke"), "good": GOOD}

    assert bench.main([]) == 1

    told = capsys.readouterr()
    assert "not measured: RuntimeError: it broke" in told.out
    assert "Traceback" in told.err
    assert measures.asked == [("so-bad", Scale.FULL), ("good", Scale.FULL)]
    assert [one["name"] for one in json.loads(results.RESULTS.read_text())["lines"]] == ["so bad", "good"]


@pytest.mark.parametrize("arguments", [["--quick"], ["--only", "good"], ["--only", "good", "--quick"]])
def test_a_part_of_a_run_prints_and_writes_nothing(
    arguments: list[str], measures: Measures, capsys: pytest.CaptureFixture[str]
) -> None:
    measures.lines = {"good": GOOD}

    assert bench.main(arguments) == 0

    assert "≤ 2 × limit" in capsys.readouterr().out
    assert not results.RESULTS.exists()
    assert results.README.read_text() == f"{results.BEGINS}\n{results.ENDS}\n"


def test_only_those_that_are_asked_for_are_measured(measures: Measures) -> None:
    measures.lines = {"good": GOOD, "bad": BAD}

    assert bench.main(["--only", "good", "--quick"]) == 0

    assert measures.asked == [("good", Scale.QUICK)]
