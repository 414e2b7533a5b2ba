"""Token endpoints' answers as real providers document them, with invented secrets."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "token_responses"
SUBJECT = "auth0|5f7c8ec7c33c6c004bbafe82"
_TEXTS = ("access_token", "refresh_token", "id_token", "token_type", "scope")


@dataclass(frozen=True, kw_only=True)
class Example:
    name: str
    provider: str
    about: str
    response: dict[str, Any]

    def __str__(self) -> str:
        return self.name


def load() -> list[Example]:
    """Return all examples, ordered by name."""
    paths = sorted(FOLDER.glob("*.json"))
    return [Example(name=path.stem, **json.loads(path.read_text(encoding="utf-8"))) for path in paths]


def to_request(response: dict[str, Any], *, provider: str, subject: str = SUBJECT) -> dict[str, Any]:
    """Return the body of `POST /tokens` that hands this answer in, with nothing of it lost.

    What the contract has a name for goes there; all else, and a scope that is no string, goes to `extra`.
    """
    token = {name: response[name] for name in _TEXTS if isinstance(response.get(name), str)}
    if _is_duration(response.get("expires_in")):
        token["expires_in"] = response["expires_in"]
    extra = {name: value for name, value in response.items() if name not in token}
    if extra:
        token["extra"] = extra
    return {"subject": subject, "provider": provider, "token": token}


def _is_duration(value: object) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.isdigit()
    return isinstance(value, int) and not isinstance(value, bool)
