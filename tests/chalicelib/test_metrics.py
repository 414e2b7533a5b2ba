"""Each line that is a metric, held against CloudWatch's published schema of the embedded metric format."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft7Validator

from chalicelib import log
from chalicelib.metrics import METRICS, embedded

if TYPE_CHECKING:
    from chalicelib.metrics import Metric

UNITS = "Seconds|Microseconds|Milliseconds|Bytes|Kilobytes|Percent|Count|Count/Second|None"  # those of ours among them
TARGET_KEY = {"type": "string", "minLength": 1, "maxLength": 250}
SCHEMA = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "properties": {
                "Timestamp": {"type": "integer"},
                "CloudWatchMetrics": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "properties": {
                            "Namespace": {"type": "string", "minLength": 1, "maxLength": 1024},
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {"type": "array", "minItems": 1, "maxItems": 30, "items": TARGET_KEY},
                            },
                            "Metrics": {
                                "type": "array",
                                "items": {
                                    "type": "object",
                                    "required": ["Name"],
                                    "properties": {
                                        "Name": {"type": "string", "minLength": 1, "maxLength": 1024},
                                        "Unit": {"type": "string", "pattern": f"^({UNITS})$"},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html"""

WHOLE_LINE: dict[str, object] = {
    "stage": "prod",
    "type": "token.revoke",
    "code": "unavailable",
    "source": "advance",
    "after_ms": 1_250,
    "oldest_s": 61,
    "oldest_open_s": 75,
    "job": "aaaaaaaaaaaaaaaaaaaaaaaaab",
    "principal": "auth0|5f7c8ec7c33c6c004bbafe82",
}
EVERY_METRIC = [(event, metric) for event, metrics in METRICS.items() for metric in metrics]


def is_valid(line: dict[str, Any]) -> None:
    """Hold a line against the schema, and against what the schema says in prose: each target is a member."""
    Draft7Validator(SCHEMA).validate(line)
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for dimensions in directive["Dimensions"]:
            assert all(isinstance(line[name], str) and line[name] for name in dimensions)
        for metric in directive["Metrics"]:
            assert isinstance(line[metric["Name"]], int | float)


@pytest.mark.parametrize("event", METRICS)
def test_the_line_of_each_event_is_a_valid_metric(event: str) -> None:
    line = {"event": event, **WHOLE_LINE}

    is_valid({**line, **embedded(event, line, 1_800_000_000_000)})


def test_an_ended_job_is_counted_and_timed_by_its_type() -> None:
    assert embedded("job.settled", {"stage": "prod", "type": "token.store", "after_ms": 7}, 1_800_000_000_000) == {
        "Settled": 1,
        "AcceptedToEnded": 7,
        "_aws": {
            "Timestamp": 1_800_000_000_000,
            "CloudWatchMetrics": [
                {
                    "Namespace": "Cloakroom",
                    "Dimensions": [["stage", "type"]],
                    "Metrics": [{"Name": "Settled", "Unit": "Count"}],
                },
                {
                    "Namespace": "Cloakroom",
                    "Dimensions": [["stage", "type"]],
                    "Metrics": [{"Name": "AcceptedToEnded", "Unit": "Milliseconds"}],
                },
            ],
        },
    }


@pytest.mark.parametrize(("event", "metric"), EVERY_METRIC)
def test_no_dimension_carries_an_id(event: str, metric: Metric) -> None:
    """Each value of a dimension is a metric of its own, and paid for."""
    assert set(metric.dimensions) <= {"stage", "type", "code", "source"}
    assert metric.dimensions[0] == "stage"


@pytest.mark.parametrize(("event", "metric"), EVERY_METRIC)
def test_a_metric_whose_dimension_or_field_is_missing_is_left_out_and_the_line_stays_valid(
    event: str, metric: Metric
) -> None:
    needed = [*metric.dimensions, *([metric.field] if metric.field else [])]
    for missing in needed:
        line = {name: value for name, value in WHOLE_LINE.items() if name != missing}

        made = embedded(event, line, 1)

        assert metric.name not in made
        if made:
            is_valid({**line, **made})


def test_an_event_that_is_no_metric_has_none() -> None:
    assert embedded("token.shown", WHOLE_LINE, 1) == {}


def test_a_logged_outcome_is_a_metric_on_one_line_with_the_time_in_milliseconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAGE", "prod")
    monkeypatch.setattr(log, "_stage", log._stage.__wrapped__)  # a process remembers its stage
    log.begin(function="work", request_id="r1")

    log.fact("job.failed", job="j1", type="token.revoke", code="unavailable", after_ms=9)

    (line,) = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    is_valid(line)
    assert (line["Failed"], line["AcceptedToEnded"], line["stage"]) == (1, 9, "prod")
    assert re.fullmatch(r"1[0-9]{12}", str(line["_aws"]["Timestamp"]))
