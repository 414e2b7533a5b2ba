"""Tickets, and a socket that records what is done to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chalicelib.model.access import Kind
from chalicelib.notify.tell import GoneAway
from tests.chalicelib.examples import an_end

if TYPE_CHECKING:
    from chalicelib.model.caller import Caller
    from chalicelib.notify.door import Usher


class Replies:
    """A list that records."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.closed: list[str] = []
        self.gone = False

    def __call__(self, connection_id: str, message: bytes) -> None:
        self.sent.append((connection_id, json.loads(message)))

    def hang_up(self, connection_id: str) -> None:
        self.closed.append(connection_id)
        if self.gone:
            raise GoneAway


def ticket(usher: Usher, who: Caller, *, subject: str | None = None, job_id: str | None = None) -> str:
    return usher.ticket(who, subject=subject, job_id=job_id)[0]


REVOKED = [an_end(), an_end(Kind.BEARER, "token-1")]
