"""A WebSocket API's `@connections`: what is sent to a socket, and what came of it."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from chalicelib.aws.exchange import written
from chalicelib.aws.json_service import Refused
from chalicelib.aws.line import Line
from chalicelib.aws.signature import Signer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.aws.endpoints import Endpoint, Surroundings
    from chalicelib.aws.line import Reply

_REFUSED: Final = 400
"""And all statuses above."""

_LETTERS: Final = 32
"""How many of a second's messages are kept as they were written; a message is 32 KB at the most."""


class Sockets:
    """A client of `@connections`. Nothing is tried again but what a kept connection lost: see `Line`.

    boto3's methods, and their halves for who sends by other means: `posting` and `closing` say what to send, `check`
    reads what came of it.
    """

    def __init__(self, endpoint: Endpoint, around: Surroundings, *, read_timeout: float = 2.0) -> None:
        self.endpoint = endpoint
        self._signer = Signer(around.credentials, region=around.region, service="execute-api")
        self._line = Line(endpoint, read_timeout=read_timeout)
        self._to_close = {"host": endpoint.authority}
        self._to_post = {**self._to_close, "content-type": "application/octet-stream"}
        self._letter = lru_cache(maxsize=_LETTERS)(self._written)

    def post_to_connection(self, *, ConnectionId: str, Data: bytes) -> None:  # noqa: N803  as boto3 names them
        """Send a message. Raises Refused, Unanswered."""
        self.check(self._line.exchange(self.posting(ConnectionId, Data)))

    def delete_connection(self, *, ConnectionId: str) -> None:  # noqa: N803
        """Close a connection. Raises Refused, Unanswered."""
        self.check(self._line.exchange(self.closing(ConnectionId)))

    def posting(self, connection_id: str, data: bytes) -> bytes:
        """Return the request that sends a message, signed now."""
        return self._letter("POST", data, int(time.time())).to(connection_id)

    def closing(self, connection_id: str) -> bytes:
        """Return the request that closes a connection, signed now."""
        return self._letter("DELETE", b"", int(time.time())).to(connection_id)

    @staticmethod
    def check(reply: Reply) -> None:
        """Read an answer. Raises Refused."""
        if reply.status >= _REFUSED:
            code = reply.headers.get("x-amzn-errortype", "").partition(":")[0] or str(reply.status)
            raise Refused({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": reply.status}})

    def _written(self, method: str, data: bytes, at: int) -> _Letter:
        headers = self._to_post if method == "POST" else self._to_close
        return _Letter(self._signer, (method, f"{self.endpoint.path}/@connections/"), headers, data, at)


class _Letter:
    """A request that differs from socket to socket in its path and its signature alone: the rest is written once.

    Of what a message to a thousand sockets costs each, writing and signing the whole anew was a fifth.
    """

    __slots__ = ("_alike", "_before", "_behind", "_between", "_under")

    def __init__(
        self, signer: Signer, start: tuple[str, str], headers: Mapping[str, str], body: bytes, at: int
    ) -> None:
        """`start` is the method, and the path that all sockets are under."""
        method, self._under = start
        self._alike = signer.alike(method, headers, body, at=at)
        unsigned = {**self._alike.headers, "authorization": self._alike.authorization}
        whole = written(method, self._under, unsigned, body)
        self._before = f"{method} ".encode()
        until_signature, authorization, self._behind = whole.partition(self._alike.authorization.encode())
        self._between = until_signature.removeprefix(self._before + self._under.encode()) + authorization

    def to(self, connection_id: str) -> bytes:
        """Return the request for one socket."""
        path = self._under + _escaped(connection_id)
        signature = self._alike.signature(path)
        return b"".join((self._before, path.encode(), self._between, signature.encode(), self._behind))


@lru_cache(maxsize=4_096)
def _escaped(connection_id: str) -> str:
    """Write a connection's id as a segment of a path; the same are told again and again."""
    return quote(connection_id, safe="")
