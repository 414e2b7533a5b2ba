"""Tell by a member's name and a text's length what to take for a secret."""

from __future__ import annotations

import re
from typing import Final

SHORTEST_SECRET: Final = 8
"""Shorter texts turn up by chance in what repeats nothing."""

_KEPT_BACK: Final = r"(?:token|secret|password|assertion|_key)$"
"""Ends of member names under which providers send and take secrets: `access_token`, `client_secret`, `api_key`."""


def names_a_secret(name: str) -> bool:
    """Tell whether what a member of this name holds is taken for a secret."""
    return re.search(_KEPT_BACK, name, re.IGNORECASE) is not None
