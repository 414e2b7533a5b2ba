"""One thread that listens to many sockets, to other threads and to the clock.

asyncio would be 30 ms of a cold start, and twice the processor time of a TLS exchange.
"""

from __future__ import annotations

import heapq
import selectors
import socket
import time
from collections import deque
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_READ: Final = selectors.EVENT_READ
_BOTH: Final = selectors.EVENT_READ | selectors.EVENT_WRITE


class Loop:
    """What is to be called, and when. All but `soon` is for the thread that goes round."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._soon: deque[Callable[[], None]] = deque()
        self._bell: tuple[socket.socket, socket.socket] | None = None

    def listen(self, opened: socket.socket, call: Callable[[], None]) -> None:
        """Call whenever there is something to read."""
        self._selector.register(opened, _READ, call)

    def listen_for_room(self, opened: socket.socket, call: Callable[[], None], *, too: bool) -> None:
        """Call also when there is room to write, or not any more."""
        self._selector.modify(opened, _BOTH if too else _READ, call)

    def forget(self, opened: socket.socket) -> None:
        """Listen to it no more."""
        self._selector.unregister(opened)

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call in so many seconds."""
        heapq.heappush(self._later, (time.monotonic() + seconds, next(self._numbers), call))

    def soon(self, call: Callable[[], None]) -> None:
        """Call in the next round. Any thread may say so."""
        self._soon.append(call)
        if self._bell is not None:  # else the first round, which hangs it up, looks before it waits
            with suppress(BlockingIOError):  # full: it rings already
                self._bell[1].send(b"\0")

    def drop_later(self) -> None:
        """Call none of what was to be called later."""
        self._later.clear()

    def go_round(self, seconds: float) -> None:
        """Wait for the first thing to call, so many seconds at most, and call all that is due."""
        if self._bell is None:
            self._hang_up_a_bell()
            seconds = 0.0 if self._soon else seconds
        if self._later:
            seconds = min(seconds, self._later[0][0] - time.monotonic())
        for key, _ in self._selector.select(max(seconds, 0.0)):
            key.data()
        for _ in range(len(self._soon)):
            self._soon.popleft()()
        if self._later:
            now = time.monotonic()
            while self._later and self._later[0][0] <= now:
                heapq.heappop(self._later)[2]()

    def close(self) -> None:
        """Let go of what it holds itself."""
        self._selector.close()
        for end in self._bell or ():
            end.close()

    def _hang_up_a_bell(self) -> None:
        heard, rung = socket.socketpair()
        for end in (heard, rung):
            end.settimeout(0)
        self.listen(heard, lambda: self._hear_the_bell(heard))
        self._bell = (heard, rung)

    @staticmethod
    def _hear_the_bell(heard: socket.socket) -> None:
        with suppress(BlockingIOError):
            heard.recv(4_096)
