"""Bodies of `POST /tokens`: a good one, and whatever a test changes in it."""

from __future__ import annotations

import json
from typing import Any

GOOD: dict[str, Any] = {
    "subject": "auth0|5f7c8ec7c33c6c004bbafe82",
    "provider": "google",
    "environment": "production",
    "domain": "shop",
    "token": {
        "access_token": "ya29.opaque",
        "refresh_token": "1//refresh",
        "token_type": "Bearer",
        "expires_in": 3_600,
        "extra": {"instance_url": "https://eu.example.com"},
    },
    "metadata": {"shop": "north"},
}


def body(**changes: Any) -> bytes:
    """Return the good body with these members; `...` leaves one out."""
    return _json({**GOOD, **changes})


def token(**changes: Any) -> bytes:
    """Return the good body with these members of its token."""
    return _json({**GOOD, "token": _given({**GOOD["token"], **changes})})


def _json(members: dict[str, Any]) -> bytes:
    return json.dumps(_given(members)).encode()


def _given(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not ...}
