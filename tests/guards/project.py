"""The project's own files, as guards look at them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TEMPLATE: dict[str, Any] = json.loads((ROOT / "infrastructure" / "template.json").read_text(encoding="utf-8"))
CONFIG: dict[str, Any] = json.loads((ROOT / ".chalice" / "config.json").read_text(encoding="utf-8"))
VARIABLES: dict[str, Any] = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]


def event_source(function: str) -> dict[str, Any]:
    """Return what the template sets on the one event source of a function."""
    (source,) = TEMPLATE["Resources"][function]["Properties"]["Events"].values()
    return dict(source["Properties"])
