"""Hold every answer against openapi.json, as served to callers: an undocumented answer fails the test that met it."""

from __future__ import annotations

import functools
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[2] / "openapi.json").read_text(encoding="utf-8"))

BY_THE_GATEWAY = {401: "unauthorized", 403: "forbidden", 404: "not_found"}
"""What API Gateway itself answers where no route and method of ours is met, with our codes."""

FUNCTION_DIED = 502
"""API Gateway's own answer when a function ends without one or takes too long: no document of ours describes it."""

PREFLIGHT_ANSWERED = 204
"""To a browser's question before a request (CORS), which no document of ours describes either."""

AS_ANY_ROUTE = (429, 431, 500, 503)
"""What may befall such a question, as it may each route."""

_formats = FormatChecker()


@_formats.checks("date-time", raises=ValueError)
def _is_rfc3339(value: object) -> bool:
    return not isinstance(value, str) or (value.endswith("Z") and datetime.fromisoformat(value).tzinfo is not None)


def check(method: str, path: str, status: int, headers: dict[str, str], body: bytes) -> None:
    """Raise AssertionError unless the document has this answer for this route."""
    if status == FUNCTION_DIED:
        return
    if (method, status) == ("OPTIONS", PREFLIGHT_ANSWERED):
        assert not body, "a preflight is answered by its headers alone"
        return
    kind = headers.get("content-type", "")
    where = f"{method} {path} answered {status} {kind}"
    operation = _operation(method, path)
    if operation is None:
        assert status in BY_THE_GATEWAY or (method == "OPTIONS" and status in AS_ANY_ROUTE), (
            f"{where}: no route of ours, and no refusal of the gateway"
        )
        assert kind == "application/problem+json", where
        content = _problem()
    else:
        assert str(status) in operation["responses"], f"{where}, which is not documented"
        documented = operation["responses"][str(status)]
        assert kind in documented["content"], f"{where}; documented: {', '.join(documented['content'])}"
        content = documented["content"][kind]["schema"]
        for header in documented.get("headers", {}):
            assert header.lower() in headers, f"{where} without {header}"
    if method == "HEAD":
        return
    value = json.loads(body)
    faults = [f"{fault.json_path}: {fault.message}" for fault in _validator(json.dumps(content)).iter_errors(value)]
    assert not faults, f"{where}, against the document: {'; '.join(faults)}"
    if kind == "application/problem+json":
        _check_problem(where, status, value)


def _check_problem(where: str, status: int, problem: dict[str, Any]) -> None:
    assert problem["status"] == status, where
    assert re.fullmatch("[a-z][a-z_]+", problem["code"]), where
    assert problem["detail"], where


def _operation(method: str, path: str) -> dict[str, Any] | None:
    plain = path.partition("?")[0]
    for pattern, operations in _routes():
        if pattern.fullmatch(plain):
            found: dict[str, Any] | None = operations.get(method.lower())
            return found
    return None


@functools.cache
def _routes() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    return [
        (re.compile(re.sub(r"\\{[a-z_]+\\}", "[^/]*", re.escape(template))), operations)
        for template, operations in DOCUMENT["paths"].items()
    ]


def _problem() -> dict[str, Any]:
    return {"$ref": "#/components/schemas/Problem"}


@functools.cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator({**json.loads(schema), "components": DOCUMENT["components"]}, format_checker=_formats)
