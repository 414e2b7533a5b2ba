"""Many connections to one endpoint, served by one thread: as many requests at a time as there are connections.

    kept, closed meanwhile       let go when a run begins; nothing was sent, nothing is doubled
    kept, broken while sending,  sent once more on a fresh connection: the other side may have carried out the first
      or no answer began
    fresh, broken; or too late   Unanswered; the connection is closed, its place is another's

Threads that wait for a connection each take turns at the interpreter: 32 of them reach half of what their connections
could carry. Here nothing waits but the whole. Connections are opened by a pool's threads: names and handshakes block.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from chalicelib.aws.connecting import CONNECT_TIMEOUT, Lost, connected
from chalicelib.aws.exchange import Garbled
from chalicelib.aws.line import Reply, Unanswered, unanswered
from chalicelib.aws.loop import Loop
from chalicelib.aws.trust import Trust, trust
from chalicelib.aws.wire import Wire

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from concurrent.futures import Executor

    from chalicelib.aws.endpoints import Endpoint

CONNECTIONS: Final = 64
"""At 10 ms a post, 6,400 a second; an account has 10,000 requests a second for all its APIs and posts together.
https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"""

READ_TIMEOUT: Final = 2.0
SLOW: Final = 0.2
"""Seconds after which a call does not count any more among those under way, and another connection takes its place."""
MOST_SLOW: Final = 192
"""Of them at a time: 256 connections in all, of the 1,024 files that a Lambda function may have open."""

AHEAD: Final = 1 / 4
"""How many more calls may be asked for than there are connections, as a share of these: they are written while others
are under way, and a connection whose answer has come carries the next at once. None while a call is slow: so none waits
longer than SLOW, but for a connection to open."""

_LONGEST_WAIT: Final = 1.0


class _Call(Struct, eq=False):
    """A request, and who waits for its answer."""

    sent: bytes
    done: Callable[[Reply | Unanswered], None]


class _Connection(Struct, eq=False):
    """An open connection: idle, or with one call under way."""

    wire: Wire
    call: _Call | None = None
    begun: float = 0.0
    among: dict[_Connection, None] | None = None
    """Those under way, or the slow of them."""
    is_kept: bool = False
    """Whether it has been idle: the other side may have closed it since."""
    hears_of_room: bool = False


class Switchboard:
    """The way to one endpoint, for one thread at a time. What it calls back is called on the thread that runs it."""

    def __init__(
        self,
        endpoint: Endpoint,
        pool: Executor,
        *,
        connections: int = CONNECTIONS,
        connect_timeout: float = CONNECT_TIMEOUT,
        read_timeout: float = READ_TIMEOUT,
        believing: Trust = trust,
    ) -> None:
        self._most = connections
        self._ahead = int(connections * AHEAD)
        self._endpoint = endpoint
        self._pool = pool
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._slow_after = min(SLOW, read_timeout)
        self._trust = believing
        self._running = threading.Lock()
        self._loop = Loop()
        self.later = self._loop.later
        self.soon = self._loop.soon
        self._idle: list[_Connection] = []
        self._busy: dict[_Connection, None] = {}
        self._slow: dict[_Connection, None] = {}
        """Both in the order in which their calls began."""
        self._opening = 0
        self._waiting: deque[_Call] = deque()
        self._again: deque[_Call] = deque()
        """Calls that a kept connection lost: fresh ones are theirs."""
        self._answered: deque[tuple[_Call, Reply | Unanswered]] = deque()

    def ask(self, sent: bytes, done: Callable[[Reply | Unanswered], None]) -> None:
        """Send a request, as its bytes are, when a connection is free; `done` is called with what came of it, never
        before this returns.
        """
        call = _Call(sent, done)
        if self._idle and not self._waiting:
            self._begin(self._idle.pop(), call)
        else:
            self._waiting.append(call)
            self._open_more()

    @property
    def room(self) -> int:
        """How many calls may be asked for and not answered, slow ones among them."""
        return self._most + (min(len(self._slow), MOST_SLOW) if self._slow else self._ahead)

    def run(self, turn: Callable[[], bool]) -> None:
        """Serve what is asked for. `turn`, called in each round, asks for more and says whether to go on; what is left
        at the end is let go.
        """
        with self._running:
            try:
                self._loop.go_round(0.0)  # before anything is sent: what was closed while this process was frozen
                while turn():
                    self._loop.go_round(self._patience())
                    self._look_at_the_time()
                    self._tell()
            finally:
                for connection in [*self._busy, *self._slow]:
                    self._close(connection)
                self._waiting.clear()
                self._again.clear()
                self._answered.clear()
                self._loop.drop_later()

    def close(self) -> None:
        """Let all connections go, those too that were opened meanwhile."""
        self._loop.go_round(0.0)
        for connection in [*self._idle, *self._busy, *self._slow]:
            self._close(connection)
        self._loop.close()

    def _tell(self) -> None:
        """Call back who has an answer: when all that came in is read and what waited is sent, not in between."""
        while self._answered:
            call, outcome = self._answered.popleft()
            call.done(outcome)

    def _patience(self) -> float:
        """Return how long there is nothing to do unless something is heard."""
        if self._answered:
            return 0.0
        now = time.monotonic()
        waits = [_LONGEST_WAIT]
        if self._busy:
            waits.append(next(iter(self._busy)).begun + self._slow_after - now)
        if self._slow:
            waits.append(next(iter(self._slow)).begun + self._read_timeout - now)
        return min(waits)

    def _look_at_the_time(self) -> None:
        now = time.monotonic()
        while self._busy and (connection := next(iter(self._busy))).begun + self._slow_after <= now:
            del self._busy[connection]
            connection.among = self._slow
            self._slow[connection] = None
            self._open_more()
        while self._slow and (connection := next(iter(self._slow))).begun + self._read_timeout <= now:
            if connection.call is not None:
                self._fail(connection, connection.call, TimeoutError())

    # Connections ---------------------------------------------------------------------------------------------------

    def _open_more(self) -> None:
        if not (self._waiting or self._again):
            return
        if self._again and self._idle and not self._opening and self._places() < 1:
            self._close(self._idle[0])  # what a kept one lost is a fresh one's
        wanted = len(self._waiting) + len(self._again) - self._opening
        for _ in range(min(wanted, self._places())):
            self._opening += 1
            self._pool.submit(self._open)

    def _places(self) -> int:
        """Return how many connections there may be more."""
        return self._most - self._opening - len(self._idle) - len(self._busy) - max(len(self._slow) - MOST_SLOW, 0)

    def _open(self) -> None:
        """Open one, on a thread of the pool."""
        try:
            opened: socket.socket | str = connected(self._endpoint, self._connect_timeout, self._trust)
        except Exception as error:  # noqa: BLE001  whatever it is, somebody waits to hear of it
            opened = type(error).__name__
        self.soon(lambda: self._opened(opened))

    def _opened(self, opened: socket.socket | str) -> None:
        self._opening -= 1
        if not isinstance(opened, str):
            connection = _Connection(Wire(opened))
            self._loop.listen(opened, partial(self._hear, connection))
            self._serve(connection)
        elif self._again:
            self._answered.append((self._again.popleft(), Unanswered(opened)))
        elif self._waiting and not self._busy and not self._opening:
            self._answered.append((self._waiting.popleft(), Unanswered(opened)))
        else:
            return  # nobody is in need, or has those that are open
        self._open_more()

    def _serve(self, connection: _Connection) -> None:
        """Give a connection the next call, or let it wait for one."""
        if self._again and not connection.is_kept:
            self._begin(connection, self._again.popleft())
        elif self._waiting:
            self._begin(connection, self._waiting.popleft())
        else:
            connection.is_kept = True
            self._idle.append(connection)

    def _begin(self, connection: _Connection, call: _Call) -> None:
        connection.call, connection.begun, connection.among = call, time.monotonic(), self._busy
        self._busy[connection] = None
        try:
            connection.wire.begin(call.sent)
        except (Lost, OSError) as error:
            self._fail(connection, call, error)
        else:
            self._hear_of_room(connection)

    def _hear(self, connection: _Connection) -> None:
        call = connection.call
        if call is None:
            if connection in self._idle and not connection.wire.is_silent():
                self._close(connection)
            return
        try:
            is_whole = connection.wire.go_on()
        except (Lost, Garbled, OSError) as error:
            self._fail(connection, call, error)
        else:
            self._hear_of_room(connection)
            if is_whole:
                self._finish(connection, call)

    def _hear_of_room(self, connection: _Connection) -> None:
        if connection.hears_of_room is not connection.wire.is_full:
            connection.hears_of_room = connection.wire.is_full
            self._loop.listen_for_room(
                connection.wire.opened, partial(self._hear, connection), too=connection.hears_of_room
            )

    def _finish(self, connection: _Connection, call: _Call) -> None:
        answer = connection.wire.answer
        if connection.wire.may_be_kept() and (connection.among is self._busy or self._places() > 0):
            self._leave(connection)
            connection.is_kept = True
            self._serve(connection)
        else:
            self._close(connection)
        self._answered.append((call, Reply(answer.status, answer.headers, answer.body)))
        self._open_more()

    def _fail(self, connection: _Connection, call: _Call, error: Exception) -> None:
        self._close(connection)
        if isinstance(error, Lost) and connection.is_kept:
            self._again.append(call)  # a fresh one sends it once more, and is not forgiven
        else:
            self._answered.append((call, unanswered(error)))
        self._open_more()

    def _leave(self, connection: _Connection) -> None:
        if connection.among is not None:
            del connection.among[connection]
            connection.call = connection.among = None

    def _close(self, connection: _Connection) -> None:
        if connection.among is None:
            self._idle.remove(connection)
        self._leave(connection)
        self._loop.forget(connection.wire.opened)
        connection.wire.opened.close()
