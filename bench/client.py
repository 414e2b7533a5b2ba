"""A client that keeps its connection: what a login hook is."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_REQUESTS = 900
"""The local cloud closes a connection after 1,000 requests: ours opens another before, outside what is measured."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


class Client:
    """One caller on one connection."""

    def __init__(self, url: str, bearer: str) -> None:
        self._parts = urlsplit(url)
        self._headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
        self._connection = http.client.HTTPConnection(self._parts.netloc, timeout=60)
        self._asked = 0

    def ask(self, method: str, path: str, body: bytes | None = None) -> Answer:
        """Send one request and read the whole answer."""
        try:
            self._connection.request(method, self._parts.path + path, body, self._headers)
            response = self._connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionError):
            self._connection.close()
            self._connection.request(method, self._parts.path + path, body, self._headers)
            response = self._connection.getresponse()
        answer = Answer(response.status, response.read())
        self._asked += 1
        return answer

    def rest(self) -> None:
        """Open another connection where the other side is about to close this one."""
        if self._asked > _REQUESTS:
            self._connection.close()
            self._connection.connect()
            self._asked = 0
