"""One kept-alive connection, which notices that it was closed behind its back.

    kept, closed meanwhile       another is opened; nothing was sent, nothing is doubled
    kept, broken while sending,  sent once more on a fresh connection: the other side may have carried out the first,
      or no answer began         so what is sent here must bear that (a condition, a read)
    fresh, broken                Unanswered

A Lambda freezes between invocations for minutes, servers close idle connections after seconds: a kept connection is a
hope, not a fact.
"""

from __future__ import annotations

import http.client
import select
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chalicelib.aws.trust import Trust, trust

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.aws.endpoints import Endpoint

CONNECT_TIMEOUT: Final = 1.0
READ_TIMEOUT: Final = 3.0

_BROKEN: Final = (http.client.RemoteDisconnected, ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""What a connection says that the other side has closed; before the first byte of an answer, on a kept one, it is no
fault."""


class Unanswered(Exception):
    """No answer came, or half of one; the request may have been carried out."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, whatever its status; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent: a path without a query, headers with `host` among them."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


class _Held:
    """A connection, or none yet; closed with whoever holds it."""

    def __init__(self) -> None:
        self.connection: http.client.HTTPConnection | None = None

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def __del__(self) -> None:
        self.close()


class _Kept(threading.local):
    """What each thread holds: it ends with the thread, or with the line."""

    def __init__(self) -> None:
        self.held = _Held()


class Line:
    """The way to one endpoint: a connection for each thread that uses it."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
        read_timeout: float = READ_TIMEOUT,
        believing: Trust = trust,
    ) -> None:
        self.endpoint = endpoint
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._trust = believing
        self._kept = _Kept()

    def send(self, request: Request, *, within: float | None = None) -> Reply:
        """Send a request and return the answer. `within` seconds bound each wait, beside the line's own time-outs.

        Raises Unanswered.
        """
        kept = self._open_still()
        try:
            if kept is not None:
                with suppress(*_BROKEN):
                    return self._exchange(kept, request, within)
                self.close()
            return self._exchange(self._opened(within), request, within)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unanswered(type(error).__name__) from None

    def close(self) -> None:
        """Let this thread's connection go."""
        self._kept.held.close()

    def _exchange(self, connection: http.client.HTTPConnection, request: Request, within: float | None) -> Reply:
        connection.sock.settimeout(_least(self._read_timeout, within))
        connection.request(request.method, request.path, request.body, dict(request.headers))
        response = connection.getresponse()
        read = response.read()
        if response.will_close:
            self.close()
        return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, read)

    def _open_still(self) -> http.client.HTTPConnection | None:
        """Return the connection if it is open and silent. Before we speak, all that can be heard on it is its end."""
        held = self._kept.held
        if held.connection is not None:
            heard = select.poll()
            heard.register(held.connection.sock, select.POLLIN)
            if heard.poll(0):
                held.close()
        return held.connection

    def _opened(self, within: float | None) -> http.client.HTTPConnection:
        try:
            connection = self._connected(within)
        except ssl.SSLCertVerificationError:
            if not self._trust.widen():
                raise
            connection = self._connected(within)
        self._kept.held.connection = connection
        return connection

    def _connected(self, within: float | None) -> http.client.HTTPConnection:
        timeout = _least(self._connect_timeout, within)
        host, port = self.endpoint.host, self.endpoint.port
        connection: http.client.HTTPConnection
        if self.endpoint.is_secure:
            connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=self._trust.context())
        else:
            connection = http.client.HTTPConnection(host, port, timeout=timeout)
        connection.connect()
        connection.auto_open = 0  # it is opened here alone, so that a request that fails is never sent again unseen
        return connection


def _least(own: float, within: float | None) -> float:
    return own if within is None else max(min(own, within), 0.001)
