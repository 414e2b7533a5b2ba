"""What is answered to what a browser says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from chalicelib.errors import CloakroomError
from chalicelib.model import notice
from chalicelib.notify.lasting import fault_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.model.watch import Connection, Watch
    from chalicelib.notify.lasting import Known
    from chalicelib.notify.tell import HangUp, OpenJobs, Post

LONGEST_MESSAGE = 4_096


class Registry(Protocol):
    """Which connections there are."""

    def find(self, connection_id: str) -> Connection | None:
        """Return one."""

    def forget(self, connection: Connection) -> None:
        """Forget one that was found."""


class Hearing(Struct, frozen=True, kw_only=True):
    """The verb of a message's handler."""

    registry: Registry
    open_jobs: OpenJobs
    known: Known
    post: Post
    hang_up: HangUp
    now: Callable[[], int]
    fact: Callable[..., None]

    def hear(self, connection_id: str, text: str | None) -> str:
        """Answer a client's message on its socket and return what it asked for.

        `{"action": "snapshot"}` sends what is open, `{"action": "ping"}` a pong, anything else an error. Who was
        revoked, or whose bearer has expired, is answered nothing: the socket is closed. Raises AccessUnknown.
        """
        action = _action(text)
        connection = self.registry.find(connection_id)
        if connection is None:
            self.post(
                connection_id, notice.fault("not_joined", "This connection is not known any more. Connect again.")
            )
        elif (fault := fault_of(connection, self.known, self.now())) is not None:
            self._close(connection, fault)
        else:
            self.post(connection_id, self._reply(action, connection.watch))
        return action

    def _reply(self, action: str, watch: Watch) -> bytes:
        match action:
            case "ping":
                return notice.pong()
            case "snapshot":
                jobs, more = self.open_jobs.heard_by(watch, limit=notice.MOST_JOBS)
                return notice.snapshot(jobs, more=more, now=self.now())
        return notice.fault("unknown_action", 'Send {"action": "snapshot"} or {"action": "ping"}.')

    def _close(self, connection: Connection, fault: str) -> None:
        try:
            self.hang_up(connection.id)
        except CloakroomError as error:  # forgotten all the same, it hears nothing more
            self.fact("connection.not_closed", connection=connection.id, code=error.code)
        self.registry.forget(connection)
        self.fact("connection.ended", connection=connection.id, code=fault, principal=connection.watch.principal)


def _action(text: str | None) -> str:
    """Return the known action that a message asks for, or `unknown`."""
    if not text or len(text) > LONGEST_MESSAGE:
        return "unknown"
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return "unknown"
    action = message.get("action") if isinstance(message, dict) else None
    return action if action in ("ping", "snapshot") else "unknown"
