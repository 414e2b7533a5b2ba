"""Tell by a member's name and a text's length what to take for a secret."""

from __future__ import annotations

import re
from typing import Final

SHORTEST_SECRET: Final = 8
"""Shorter texts turn up by chance in what repeats nothing."""

SECRET_NAME: Final = re.compile(r"(?:token|secret|password|assertion|_key)$", re.IGNORECASE)
"""Ends of member names under which providers send and take secrets: `access_token`, `client_secret`, `api_key`."""
