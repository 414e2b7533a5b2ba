"""Knock at the deployed API with bytes as they are; hear what the caller hears, and what the authorizer's log says."""

from __future__ import annotations

import http.client
import json
import socket
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devtool.testing import LiveCloud

SECONDS = 60
LATE = 10.0
DOOR = "/jobs/" + "a" * 26
"""Where whoever is let in as an administrator hears 404, for there is no such job."""

FORBIDDEN = {
    "type": "about:blank",
    "title": "Forbidden",
    "status": 403,
    "code": "forbidden",
    "detail": "This is not allowed.",
}
UNAUTHORIZED = {
    "type": "about:blank",
    "title": "Unauthorized",
    "status": 401,
    "code": "unauthorized",
    "detail": "A bearer token that is valid is required.",
}
OWN_TO_EACH_ANSWER = (
    "date",
    "x-amz-request-id",
    "x-amzn-requestid",
    "x-amz-apigw-id",
    "x-amzn-trace-id",
    "content-length",
)


@dataclass(frozen=True, kw_only=True)
class Heard:
    """An answer, and the codes that the authorizer logged meanwhile (`admitted` for a yes)."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    logged: tuple[str, ...] = ()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def without(self, *names: str) -> list[tuple[str, str]]:
        """Return the headers that say something, those of these names left out."""
        return sorted((name.lower(), value) for name, value in self.headers if name.lower() not in names)


class Gate:
    """The API's address, by a socket of one's own for each request: nothing normalises what is sent."""

    def __init__(self, cloud: LiveCloud) -> None:
        self.cloud = cloud
        self._address = urlsplit(cloud.api_url)
        self._refusal: Heard | None = None

    @property
    def base(self) -> str:
        """The path before all of the API's own."""
        return self._address.path

    @property
    def origin(self) -> str:
        return f"{self._address.scheme}://{self._address.netloc}"

    def send(
        self,
        method: str,
        target: str | bytes,
        headers: Sequence[tuple[str | bytes, str | bytes]] = (),
        body: bytes = b"",
    ) -> Heard:
        """Send a request whose target and headers are written as they are; the API's path is put before neither."""
        lines: list[tuple[str | bytes, str | bytes]] = [
            ("Host", self._address.netloc),
            ("Connection", "close"),
            *headers,
        ]
        if body:
            lines.append(("Content-Length", str(len(body))))
        raw = b"%s %s HTTP/1.1\r\n" % (_bytes(method), _bytes(target))
        raw += b"".join(b"%s: %s\r\n" % (_bytes(name), _bytes(value)) for name, value in lines) + b"\r\n" + body
        with socket.create_connection((self._address.hostname or "", self._address.port or 80), SECONDS) as connection:
            connection.sendall(raw)
            response = http.client.HTTPResponse(connection, method=method)
            response.begin()
            return Heard(status=response.status, headers=tuple(response.getheaders()), body=response.read())

    def ask(
        self, method: str, path: str, bearer: str | None = None, *more: tuple[str, str], body: bytes = b""
    ) -> Heard:
        """Send a request below the API's own path, with a bearer."""
        sent = [] if bearer is None else [("Authorization", f"Bearer {bearer}")]
        return self.send(method, self.base + path, [*sent, *more], body)

    def knock(self, *authorization: str | bytes, path: str = DOOR) -> Heard:
        """Ask for the door with these Authorization headers, and read the log besides."""
        time.sleep(0.002)  # the log tells milliseconds: what was said before is of an earlier one
        since = time.time_ns() // 1_000_000
        heard = self.send("GET", self.base + path, [("Authorization", value) for value in authorization])
        codes = self._codes(since)
        # Who is neither let in nor denied was not looked at. Of all others there is a line; a busy machine's is late.
        until = time.monotonic() + LATE
        while not codes and heard.status in (403, 404) and time.monotonic() < until:
            time.sleep(0.05)
            codes = self._codes(since)
        return replace(heard, logged=codes)

    def refuses(self, token: str, code: str) -> None:
        """Hold that a bearer is refused as every other is, and that the log has the code."""
        heard = self.knock(f"Bearer {token}")

        assert heard.logged == (code,)
        self.check_refusal(heard)

    def sends_to_sign_in(self, token: str) -> None:
        """Hold that a bearer that was good and has expired is answered 401, which says no more than that."""
        heard = self.knock(f"Bearer {token}")

        assert (heard.status, heard.json, heard.logged) == (401, UNAUTHORIZED, ("expired",)), heard

    def check_refusal(self, heard: Heard) -> None:
        """Hold that an answer is the 403 that all refusals are: the same body, and the same headers."""
        assert (heard.status, heard.json) == (403, FORBIDDEN), heard
        if self._refusal is None:
            self._refusal = heard
        assert heard.body == self._refusal.body
        kept, first = heard.without(*OWN_TO_EACH_ANSWER), self._refusal.without(*OWN_TO_EACH_ANSWER)
        assert kept == first, (kept, first)

    def admits(self, token: str) -> None:
        """Hold that a bearer is let in: what would be refused with a flaw is good without."""
        heard = self.knock(f"Bearer {token}")

        assert (heard.status, heard.json["code"], heard.logged) == (404, "not_found", ("admitted",)), heard

    def _codes(self, since: int) -> tuple[str, ...]:
        """Return what the authorizer has said since a time in milliseconds: its whole log grows with each attack."""
        group = f"/aws/lambda/{self.cloud.function_name('authorize')}"
        pages = (
            self.cloud.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since)
        )
        texts = (event["message"] for page in pages for event in page["events"])
        lines = [json.loads(line) for text in texts for line in text.splitlines() if line.startswith("{")]
        return tuple(line.get("code", line["event"]) for line in lines if line.get("event") in ("denied", "admitted"))


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
