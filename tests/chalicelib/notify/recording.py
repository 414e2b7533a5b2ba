"""Sockets and a registry that write down what happens to them."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from msgspec.structs import replace

from chalicelib.model.access import Access
from chalicelib.notify.tell import GoneAway, NotDelivered
from tests.chalicelib.aws.scripted import says
from tests.chalicelib.examples import NOW

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

    from chalicelib.errors import CloakroomError, Unreadable
    from chalicelib.model.access import Epoch, Revocation
    from chalicelib.model.watch import Connection
    from chalicelib.store.connections import Connections


@dataclass
class Posts:
    """A list that records, and clients that are gone, slow or about to open."""

    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    at: dict[str, float] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    slow: dict[str, float] = field(default_factory=dict)
    opening: dict[str, int] = field(default_factory=dict)
    tries: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def __call__(self, connection_id: str, message: bytes) -> None:
        self.tries.append(connection_id)
        if connection_id in self.slow:
            time.sleep(self.slow[connection_id])
            self.at[connection_id] = time.monotonic()
            raise NotDelivered
        if self.opening.get(connection_id, 0) > 0:
            self.opening[connection_id] -= 1
            raise GoneAway
        if connection_id in self.gone:
            raise GoneAway
        self.sent.append((connection_id, json.loads(message)))
        self.at[connection_id] = time.monotonic()

    def hang_up(self, connection_id: str) -> None:
        self.closed.append(connection_id)
        if connection_id in self.gone:
            raise GoneAway

    def answer(self, headers: dict[str, str], body: bytes) -> Callable[[socket.socket], bool]:
        """Answer as `@connections` does: what a `Scripted` server goes `by`."""
        method, path, _ = headers[":line"].split(" ")
        connection_id = unquote(path.rpartition("/")[2])
        try:
            if method == "DELETE":
                self.hang_up(connection_id)
            else:
                self(connection_id, body)
        except GoneAway:
            return says(410, **{"x-amzn-errortype": "GoneException"})
        except NotDelivered:
            return says(403, **{"x-amzn-errortype": "ForbiddenException"})
        return says(200)

    def to(self, connection_id: str) -> list[str]:
        """Return what one client heard: snapshots, and jobs with their number."""
        heard = [message for to, message in self.sent if to == connection_id]
        return [message.get("id", message["type"]) for message in heard]


@dataclass
class KnownHere:
    """What is known of revocations: what a test says, then `later`; and since when the table was asked."""

    access: Access = field(default_factory=lambda: Access(known_at=NOW))
    fault: CloakroomError | None = None
    looks: list[int] = field(default_factory=list)
    later: Access | None = None

    def current(self) -> Access:
        if self.fault is not None:
            raise self.fault
        return self.access

    def since(self, moment: int) -> Access:
        self.looks.append(moment)
        if self.later is not None:
            self.access = self.later
        return self.current()

    def learn(self, *revocations: Revocation, epoch: Epoch | None = None) -> None:
        known = {one.id: one for one in revocations}
        self.access = replace(self.access, revoked=known, epoch=epoch or self.access.epoch)


@dataclass
class CountedRegistry:
    """Pass everything on to the registry, and write down whom it was asked for."""

    inner: Connections
    asked: list[str] = field(default_factory=list)

    def of(self, person: str, now: int) -> Iterable[Connection | Unreadable]:
        self.asked.append(person)
        return self.inner.of(person, now)

    def forget(self, connection: Connection) -> None:
        self.inner.forget(connection)
