"""Many talks on one thread: as many messages under way as the switchboard has connections."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib.aws.json_service import Refused
from chalicelib.aws.line import Unanswered
from chalicelib.notify.post import PAUSE, Overloaded, understood
from chalicelib.notify.talks import Aside, End, Say, Wait

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Executor, Future

    from chalicelib.aws.line import Reply
    from chalicelib.aws.sockets import Sockets
    from chalicelib.aws.switchboard import Switchboard
    from chalicelib.notify.talks import Step, Talk


class SideBySide:
    """Carry talks on by `board`, to the sockets of `client`; `pool` is for what they ask others."""

    def __init__(self, client: Sockets, board: Switchboard, pool: Executor) -> None:
        self._client = client
        self._board = board
        self._pool = pool

    def __call__(self, talks: Iterable[Talk]) -> None:
        """Carry them on. So many are begun at a time as there are connections, those not counted that wait."""
        _Round(talks, self._client, self._board, self._pool).run()

    def close(self) -> None:
        """Let all connections go."""
        self._board.close()


class _Round:
    """The talks of one call. What comes back behind its end goes nowhere."""

    def __init__(self, talks: Iterable[Talk], client: Sockets, board: Switchboard, pool: Executor) -> None:
        self._talks = iter(talks)
        self._client = client
        self._board = board
        self._pool = pool
        self._under_way = 0
        self._waiting = 0
        self._is_over = False
        self._fault: Exception | None = None

    def run(self) -> None:
        """Carry them on. Raises the first error that none of them caught."""
        try:
            self._board.run(self._turn)
        finally:
            self._is_over = True
        if self._fault is not None:
            raise self._fault

    def _turn(self) -> bool:
        """Begin as many as there is room for. Return whether any is under way."""
        while self._under_way < self._board.room and (talk := next(self._talks, None)) is not None:
            self._under_way += 1
            self._go_on(talk, None)
        return bool(self._under_way or self._waiting)

    def _go_on(self, talk: Talk, outcome: Any) -> None:
        try:
            step = talk.throw(outcome) if isinstance(outcome, Exception) else talk.send(outcome)
            self._take(talk, step)
        except StopIteration:
            self._under_way -= 1
        except Exception as error:  # noqa: BLE001  raised when the others have ended
            self._fault = self._fault or error
            self._under_way -= 1

    def _take(self, talk: Talk, step: Step) -> None:
        match step:
            case Say() | End():
                self._ask(talk, step)
            case Wait(seconds):
                self._under_way -= 1
                self._waiting += 1
                self._board.later(seconds, partial(self._waited, talk))
            case Aside(work):
                future = self._pool.submit(work)
                future.add_done_callback(lambda done: self._board.soon(partial(self._answered, talk, done)))

    def _waited(self, talk: Talk) -> None:
        self._waiting -= 1
        self._under_way += 1
        self._resume(talk, None)

    def _answered(self, talk: Talk, done: Future[Any]) -> None:
        self._resume(talk, done.exception() or done.result())

    def _resume(self, talk: Talk, outcome: Any) -> None:
        if not self._is_over:
            self._go_on(talk, outcome)

    def _ask(self, talk: Talk, step: Say | End, *, is_again: bool = False) -> None:
        if isinstance(step, Say):
            request = self._client.posting(step.connection_id, step.message)
        else:
            request = self._client.closing(step.connection_id)
        self._board.ask(request, partial(self._replied, talk, step, is_again))

    def _replied(self, talk: Talk, step: Say | End, is_again: bool, reply: Reply | Unanswered) -> None:  # noqa: FBT001
        fault = None
        try:
            if isinstance(reply, Unanswered):
                raise reply
            self._client.check(reply)
        except (Refused, Unanswered) as error:
            fault = understood(error)
        if isinstance(fault, Overloaded) and isinstance(step, Say) and not is_again:
            self._board.later(PAUSE, partial(self._ask, talk, step, is_again=True))
        else:
            self._resume(talk, fault)
