"""One open connection that never waits: it sends and hears what can be sent and heard now."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from chalicelib.aws.connecting import BROKEN, Lost
from chalicelib.aws.exchange import PIECE, Answer

if TYPE_CHECKING:
    import socket


class Wire:
    """A connection for one request after the other: `go_on` when there is something to read, or room if `is_full`."""

    __slots__ = ("answer", "is_full", "opened", "unsent")

    def __init__(self, opened: socket.socket) -> None:
        opened.settimeout(0)
        self.opened = opened
        self.answer = Answer()
        self.unsent: bytes | memoryview = b""
        self.is_full = False
        """Whether the system took less than it was given."""

    def begin(self, sent: bytes) -> None:
        """Send a request, as much of it as goes at once. Raises Lost, or OSError."""
        self.unsent, self.answer = sent, Answer()
        self._send()

    def go_on(self) -> bool:
        """Send and hear what there is. Return whether the answer is whole. Raises Lost, Garbled, or OSError."""
        if self.unsent:
            self._send()
        answer = self.answer
        try:
            piece = self.opened.recv(PIECE)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except BROKEN as error:
            if answer.has_begun:
                raise
            raise Lost(type(error).__name__) from None
        if piece:
            return answer.feed(piece)
        if not answer.has_begun:
            raise Lost("ConnectionClosed")
        answer.end()
        return True

    def may_be_kept(self) -> bool:
        """Return whether another request may follow, now that the answer is whole."""
        return self.answer.is_kept and not self.unsent

    def is_silent(self) -> bool:
        """Return whether an idle connection has something to read that is TLS's own affair, and neither its end nor an
        answer that nobody asked for.
        """
        try:
            self.opened.recv(PIECE)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False

    def _send(self) -> None:
        try:
            taken = self.opened.send(self.unsent)
        except ssl.SSLWantReadError:
            return  # something has to be heard first, and this is called with it
        except (BlockingIOError, ssl.SSLWantWriteError):
            taken = 0
        except BROKEN as error:
            raise Lost(type(error).__name__) from None
        self.is_full = taken < len(self.unsent)
        self.unsent = memoryview(self.unsent)[taken:] if self.is_full else b""
