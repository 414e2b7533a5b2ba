"""Kept-alive connections, each of which notices that it was closed behind its back.

    kept, closed meanwhile       another is opened; nothing was sent, nothing is doubled
    kept, broken while sending,  sent once more on a fresh connection: the other side may have carried out the first,
      or no answer began         so what is sent here must bear that (a condition, a read)
    fresh, broken                Unanswered
    anything after the answer    the connection is closed: what came unasked would be read as the next one's answer

A Lambda freezes between invocations for minutes, servers close idle connections after seconds: a kept connection is a
hope, not a fact.
"""

from __future__ import annotations

import select
import time
import weakref
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from chalicelib.aws.connecting import BROKEN, CONNECT_TIMEOUT, Lost, connected
from chalicelib.aws.exchange import PIECE, Answer, Garbled
from chalicelib.aws.trust import Trust, trust

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

    from chalicelib.aws.endpoints import Endpoint

READ_TIMEOUT: Final = 3.0


class Unanswered(Exception):
    """No answer came, or half of one; the request may have been carried out."""


class Reply(Struct, frozen=True):
    """An answer, whatever its status; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Connection:
    """An open connection, for one request after the other; closed with whoever holds it."""

    __slots__ = ("__weakref__", "_close", "_heard", "_socket")

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        # Not `__del__`: of what is collected together, the socket may be told first, and complain that it is open.
        self._close = weakref.finalize(self, opened.close)
        self._heard = select.poll()
        self._heard.register(opened, select.POLLIN)

    def is_silent(self) -> bool:
        """Return whether nothing came since the last answer. Before we speak, all that can be heard is the end."""
        return not self._heard.poll(0)

    def exchange(self, sent: bytes, seconds: float, meanwhile: Callable[[], None] | None) -> Answer:
        """Send a request and return its answer, both within so many seconds; `meanwhile` takes none of them.

        Where that fails, also in `meanwhile`, this is closed: what is under way must not be the next request's answer.

        Raises Lost where the connection ended before an answer began, Garbled, or OSError.
        """
        try:
            return self._exchanged(sent, seconds, meanwhile)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._close()

    def _exchanged(self, sent: bytes, seconds: float, meanwhile: Callable[[], None] | None) -> Answer:
        ends = time.monotonic() + seconds
        opened, answer = self._socket, Answer()
        try:
            self._wait_at_most(seconds)
            opened.sendall(sent)
            if meanwhile is not None:
                meanwhile()
            while piece := opened.recv(PIECE):
                if answer.feed(piece):
                    return answer
                self._wait_at_most(ends - time.monotonic())
        except BROKEN as error:
            if answer.has_begun:
                raise
            raise Lost(type(error).__name__) from None
        if not answer.has_begun:
            raise Lost("ConnectionClosed")
        answer.end()
        return answer

    def _wait_at_most(self, seconds: float) -> None:
        if seconds <= 0:
            raise TimeoutError
        if self._socket.gettimeout() != seconds:  # each setting is a call of the system
            self._socket.settimeout(seconds)


class Line:
    """The way to one endpoint, for any number of threads: a connection is one thread's for as long as a request takes.

    What is not in use is kept, the one that was used last for the next: as many as there ever were requests at a time.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
        read_timeout: float = READ_TIMEOUT,
        believing: Trust = trust,
    ) -> None:
        """`connect_timeout` bounds each step of connecting, `read_timeout` sending and the whole answer together."""
        self.endpoint = endpoint
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._trust = believing
        self._kept: list[_Connection] = []

    def exchange(
        self, sent: bytes, *, within: float | None = None, meanwhile: Callable[[], None] | None = None
    ) -> Reply:
        """Send a request, as its bytes are, and return the answer. `within` seconds bound it, beside the line's own
        time-outs. Raises Unanswered.

        `meanwhile` is called once it is sent, and again if it is sent again: nobody waits for what is done there.
        """
        seconds = _least(self._read_timeout, within)
        try:
            done = self._on_a_kept_one(sent, seconds, meanwhile)
            connection, answer = done or self._on_a_fresh_one(sent, seconds, within, meanwhile)
        except (Garbled, Lost, OSError) as error:
            raise unanswered(error) from None
        if answer.is_kept:
            self._kept.append(connection)
        else:
            connection.close()
        return Reply(answer.status, answer.headers, answer.body)

    def open(self) -> None:
        """Connect ahead, unless a connection is kept. Raises Unanswered."""
        if not self._kept:
            try:
                self._kept.append(self._opened(None))
            except OSError as error:
                raise unanswered(error) from None

    def close(self) -> None:
        """Let go of the connections that are kept."""
        while (connection := self._taken()) is not None:
            connection.close()

    def _on_a_kept_one(
        self, sent: bytes, seconds: float, meanwhile: Callable[[], None] | None
    ) -> tuple[_Connection, Answer] | None:
        while (connection := self._taken()) is not None:
            if connection.is_silent():
                try:
                    return connection, connection.exchange(sent, seconds, meanwhile)
                except Lost:
                    return None
            connection.close()
        return None

    def _on_a_fresh_one(
        self, sent: bytes, seconds: float, within: float | None, meanwhile: Callable[[], None] | None
    ) -> tuple[_Connection, Answer]:
        connection = self._opened(within)
        return connection, connection.exchange(sent, seconds, meanwhile)

    def _taken(self) -> _Connection | None:
        try:
            return self._kept.pop()
        except IndexError:
            return None

    def _opened(self, within: float | None) -> _Connection:
        return _Connection(connected(self.endpoint, _least(self._connect_timeout, within), self._trust))


def _least(own: float, within: float | None) -> float:
    return own if within is None else max(min(own, within), 0.001)


def unanswered(error: Exception) -> Unanswered:
    """Return what a failed exchange is to who asked: said in our own words, or by the name of the system's error."""
    return Unanswered(str(error) if isinstance(error, Lost | Garbled) else type(error).__name__)
