"""The default groups as they are deployed, and statements made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chalicelib.model.policy import (
    Statement,
    parse_policy,
)

GROUPS = {
    raw["group"]: parse_policy(raw)
    for raw in json.loads((Path(__file__).parents[3] / "infrastructure/groups.json").read_text(encoding="utf-8"))
}


def one(effect: Any, methods: list[str], *paths: str) -> Statement:
    return parse_policy(
        {"group": "g", "statements": [{"effect": effect, "methods": methods, "paths": [*paths]}]}
    ).statements[0]
