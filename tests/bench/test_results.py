"""What a full run leaves behind: results.json, the README's table, a picture; and what stands there now."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bench import lines, results
from bench.figures import Line, unmeasured
from bench.results import BEGINS, ENDS, Run, from_json, to_json, with_table

NUMBER = {"type": ["number", "null"]}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["at", "machine", "lines"],
    "properties": {
        "at": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$"},
        "machine": {"type": "string", "minLength": 1},
        "lines": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": [
                    "name",
                    "unit",
                    "ours",
                    "peer",
                    "limit",
                    "ratio_to_limit",
                    "ratio_to_peer",
                    "target",
                    "pass",
                ],
                "properties": {
                    "name": {"type": "string", "minLength": 1},
                    "unit": {"type": "string"},
                    "ours": NUMBER,
                    "peer": NUMBER,
                    "limit": NUMBER,
                    "ratio_to_limit": NUMBER,
                    "ratio_to_peer": NUMBER,
                    "target": {"type": "string"},
                    "pass": {"type": "boolean"},
                },
            },
        },
    },
}
NAMES = {
    "cold-intake": ["cold intake", "cold intake, in Lambda's runtime"],
    "cold-zip": ["cold zip"],
    "cold-others": [
        f"cold {name}{where}"
        for name in ("authorizer", "settle", "worker", "notify", "join")
        for where in ("", ", in Lambda's runtime")
    ],
    "warm-intake": ["warm intake"],
    "warm-intake-database": ["warm intake, 4 ms database"],
    "settle": ["settle"],
    "fan-out": ["fan-out"],
    "end-to-end": ["end to end"],
    "push": ["push"],
    "growth": ["growth"],
    "cost": ["cost"],
}
"""What the lines that each file gives begin with: those that issue 6 asked for."""

MEASURED = Run(
    at="2026-11-21T09:00:00Z",
    machine="2 cores, Linux, Python 3.11.7",
    lines=[
        Line(name="cold", unit="ms", ours=30.12345, peer=200.0, limit=20.0, target="≤ 1.6 × limit", passed=True),
        Line(
            name="settle",
            unit="records/s",
            ours=800.0,
            peer=100.0,
            limit=1_000.0,
            target="≥ 0.7 × limit",
            passed=True,
            more_is_better=True,
        ),
        unmeasured("push", "no cloud"),
    ],
)


def checked(text: str) -> Any:
    document = json.loads(text)
    Draft202012Validator(SCHEMA).validate(document)
    return document


def test_a_run_is_written_with_these_members_and_four_digits() -> None:
    written = checked(to_json(MEASURED))

    assert written["lines"] == [
        {
            "name": "cold",
            "unit": "ms",
            "ours": 30.12,
            "peer": 200.0,
            "limit": 20.0,
            "ratio_to_limit": 1.506,
            "ratio_to_peer": 6.64,
            "target": "≤ 1.6 × limit",
            "pass": True,
        },
        {
            "name": "settle",
            "unit": "records/s",
            "ours": 800.0,
            "peer": 100.0,
            "limit": 1000.0,
            "ratio_to_limit": 0.8,
            "ratio_to_peer": 8.0,
            "target": "≥ 0.7 × limit",
            "pass": True,
        },
        {
            "name": "push",
            "unit": "",
            "ours": None,
            "peer": None,
            "limit": None,
            "ratio_to_limit": None,
            "ratio_to_peer": None,
            "target": "",
            "pass": False,
        },
    ]


def test_what_was_written_is_read_as_it_was() -> None:
    written = to_json(MEASURED)

    assert to_json(from_json(written)) == written


def test_the_table_takes_the_place_of_the_one_before_and_of_nothing_else() -> None:
    readme = f"# The bench\n\n{BEGINS}\nan old one\n{ENDS}\n\nThe rest.\n"

    once = with_table(readme, MEASURED)

    assert once.startswith(
        f"# The bench\n\n{BEGINS}\nMeasured 2026-11-21T09:00:00Z on 2 cores, Linux, Python 3.11.7.\n"
    )
    assert once.endswith(f"| FAIL |\n{ENDS}\n\nThe rest.\n")
    assert "an old one" not in once
    assert with_table(once, MEASURED) == once


@pytest.mark.parametrize("readme", ["", BEGINS, ENDS, f"{ENDS}{BEGINS}", f"{BEGINS}{BEGINS}{ENDS}"])
def test_a_readme_without_a_place_for_the_table_is_left_alone(readme: str) -> None:
    with pytest.raises(ValueError, match=re.escape("bench/README.md must hold")):
        with_table(readme, MEASURED)


def test_the_files_of_the_last_full_run_say_the_same() -> None:
    written = results.RESULTS.read_text(encoding="utf-8")
    readme = results.README.read_text(encoding="utf-8")

    checked(written)
    assert with_table(readme, from_json(written)) == readme
    assert (results.FOLDER / "results.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_every_line_that_can_be_measured_is_in_the_results_and_in_the_readme() -> None:
    found = [line.name for line in from_json(results.RESULTS.read_text(encoding="utf-8")).lines]
    readme = results.README.read_text(encoding="utf-8")

    for file in lines.names():
        assert f"`{file}`" in readme, file
        for name in NAMES[file]:
            assert [one for one in found if one.startswith(name)], f"{name}: run ./dev bench"
    assert set(lines.names()) <= set(lines.ORDER) == set(NAMES)
