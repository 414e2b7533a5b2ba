"""Talks with connections, as the steps that they want taken; who takes the steps carries many talks on side by side.

A talk is a generator: it yields a step, and is sent what came of it or has its error thrown in. So the rules of a talk
stand in one place (`tell`), and whether threads or one thread carry it on is decided where the clients are known.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Executor

    from chalicelib.notify.tell import HangUp, Post


class Say(Struct, frozen=True):
    """Post a message. GoneAway or NotDelivered is thrown in."""

    connection_id: str
    message: bytes


class End(Struct, frozen=True):
    """Close the socket. GoneAway or NotDelivered is thrown in."""

    connection_id: str


class Wait(Struct, frozen=True):
    """Go on in so many seconds; others go on meanwhile."""

    seconds: float


class Aside(Struct, frozen=True):
    """Ask somebody else than the socket, and wait for the answer; others go on meanwhile."""

    work: Callable[[], Any]


Step = Say | End | Wait | Aside
Talk = Generator[Step, Any, None]


class Talks(Protocol):
    """How talks are carried on."""

    def __call__(self, talks: Iterable[Talk]) -> None:
        """Carry each on to its end, begun when its turn comes; then raise the first error that one did not catch."""


class InThreads(Struct, frozen=True, kw_only=True):
    """A thread for each talk, of a pool: for a client that blocks."""

    post: Post
    hang_up: HangUp
    pool: Executor

    def __call__(self, talks: Iterable[Talk]) -> None:
        """Carry them on."""
        faults = [fault for fault in self.pool.map(self._carried, talks) if fault is not None]
        if faults:
            raise faults[0]

    def _carried(self, talk: Talk) -> Exception | None:
        try:
            step = next(talk)
            while True:
                try:
                    outcome = self._taken(step)
                except Exception as error:  # noqa: BLE001  the talk knows what it expects
                    step = talk.throw(error)
                else:
                    step = talk.send(outcome)
        except StopIteration:
            return None
        except Exception as error:  # noqa: BLE001  raised when the others have ended
            return error

    def _taken(self, step: Step) -> Any:
        match step:
            case Say(connection_id, message):
                self.post(connection_id, message)
            case End(connection_id):
                self.hang_up(connection_id)
            case Wait(seconds):
                time.sleep(seconds)
            case Aside(work):
                return work()
        return None
