"""A certified OAuth server (npm `oidc-provider`) with refresh-token rotation and reuse detection, as a process."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from devtool.testing import require_program
from devtool.workspace import PROJECT
from tests.npm import installed

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = PROJECT / "tests" / "oauth"
SCRIPT = "provider.mjs"


@dataclass(frozen=True, kw_only=True)
class CertifiedProvider:
    """The server's addresses and our client there."""

    issuer: str
    back: str
    client_id: str
    client_secret: str

    def issue(self, account: str) -> dict[str, Any]:
        """Return the token response of a login."""
        return self._ask(f"/issue?account={quote(account)}")

    def bearer(self, account: str, audience: str, *groups: str) -> str:
        """Return an access token for an audience: a JWT (RFC 9068) whose claim `groups` lists these."""
        asked = [("account", account), ("audience", audience), *(("group", group) for group in groups)]
        return str(self._ask(f"/issue?{urlencode(asked)}")["access_token"])

    def seen(self) -> dict[str, Any]:
        """Return what the server saw: refreshes that succeeded, uses of a spent refresh token, refusals by reason."""
        return self._ask("/seen")

    def _ask(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(self.back + path, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


@contextmanager
def certified_provider() -> Iterator[CertifiedProvider]:
    """Start one and end it; it ends by itself with whoever started it."""
    folder = installed(SOURCE, SCRIPT)
    command = [require_program("node"), str(folder / SCRIPT)]
    with subprocess.Popen(
        command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "the OAuth server did not start"
        try:
            yield CertifiedProvider(**json.loads(line))
        finally:
            process.kill()
