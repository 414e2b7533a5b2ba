"""Speak HTTP to the deployed API as clients do. Every answer is held against openapi.json on its way in."""

from __future__ import annotations

import http.client
import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from tests.stack import contract

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devtool.testing import LiveCloud

SECONDS = 60
"""Not a promise of the service: many workers start at once on a small machine."""

PCHAR = "@:+=,"


@dataclass(frozen=True, kw_only=True)
class Answer:
    method: str
    path: str
    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["code"])


class Api:
    """The API of a live cloud, and bearers for it. `answers` keeps all that came back."""

    def __init__(self, cloud: LiveCloud) -> None:
        self._cloud = cloud
        self._address = urlsplit(cloud.api_url)
        self._bearers: dict[tuple[str, ...], str] = {}
        self.answers: list[Answer] = []

    def bearer(self, principal: str, *groups: str) -> str:
        """Return a bearer; the same one each time, so that the gateway's cache answers for it as in production."""
        key = (principal, *groups)
        if key not in self._bearers:
            self._bearers[key] = self._cloud.token(principal, groups)
        return self._bearers[key]

    @property
    def producer(self) -> str:
        return self.bearer("login-hook", "producer")

    @property
    def admin(self) -> str:
        return self.bearer("operator", "admin")

    def consumer(self, subject: str) -> str:
        return self.bearer(subject, "consumer")

    def call(
        self,
        method: str,
        path: str,
        bearer: str | None = None,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request; `body` is bytes as they are, or anything that JSON can write."""
        sent = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if raw is not None:
            sent["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection(self._address.hostname or "", self._address.port, timeout=SECONDS)
        try:
            connection.request(method, self._address.path + path, body=raw, headers={**sent, **(headers or {})})
            response = connection.getresponse()
            received = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(method=method, path=path, status=response.status, headers=received, body=response.read())
        finally:
            connection.close()
        self.answers.append(answer)
        contract.check(method, path, answer.status, received, answer.body)
        return answer

    def get(self, path: str, bearer: str | None = None, **options: Any) -> Answer:
        return self.call("GET", path, bearer, **options)

    def post(self, path: str, bearer: str | None = None, **options: Any) -> Answer:
        return self.call("POST", path, bearer, **options)

    def put(self, path: str, bearer: str | None = None, **options: Any) -> Answer:
        return self.call("PUT", path, bearer, **options)

    def delete(self, path: str, bearer: str | None = None, **options: Any) -> Answer:
        return self.call("DELETE", path, bearer, **options)

    def hand_in(self, subject: str, provider: str = "google", **token: object) -> str:
        """Hand a token in and return its id."""
        answer = self.post("/tokens", self.producer, body=hand_in(subject, provider, **token))
        assert answer.status == 202, answer.body
        return str(answer.json["id"])


def hand_in(subject: str, provider: str = "google", **token: object) -> dict[str, Any]:
    """Return a body of `POST /tokens`."""
    return {"subject": subject, "provider": provider, "token": {"access_token": invented(), **token}}


def invented() -> str:
    """Return a secret that is nobody's."""
    return f"invented-{secrets.token_urlsafe(24)}"


def unique(name: str) -> str:
    """Return a subject that no other test uses."""
    return f"auth0|{name}-{secrets.token_hex(6)}"


def spellings(subject: str) -> Sequence[str]:
    """Return how clients write a subject in a path: as it is, encoded where they must, and encoded wholly."""
    return list(dict.fromkeys([subject, quote(subject, safe=PCHAR), quote(subject, safe="")]))


def at(subject: str, *rest: str) -> str:
    """Return the path below a subject, encoded as most clients do."""
    return "/".join(["/subjects", quote(subject, safe=""), "tokens", *rest])
