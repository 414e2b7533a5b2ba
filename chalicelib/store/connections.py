"""The connection registry: found by person in one Query, by connection id when API Gateway closes one.

Two items a connection: `$disconnect` and messages tell no more than the connection's id, and comes at best effort, so
both expire by time to live.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.errors import Unreadable
from chalicelib.model.access import Bearer
from chalicelib.model.clock import SECOND
from chalicelib.model.limits import reach_from_plain, reach_to_plain
from chalicelib.model.watch import LONGEST_CONNECTION, Connection, Scope, Watch
from chalicelib.store import keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chalicelib.store.table import Table

GRACE = 600
"""Seconds that an entry outlives the longest connection."""


class Connections:
    """The connections of one table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def join(self, connection: Connection) -> None:
        """Register a connection. The entry that pushes are found by is written last: its record starts the snapshot."""
        ttl = connection.since // SECOND + LONGEST_CONNECTION + GRACE
        shared = {
            **watch_attributes(connection.watch),
            "connection": connection.id,
            "since": connection.since,
            "ttl": ttl,
        }
        self._table.put({**keys.connection_key(connection.id), "kind": "connection", **shared})
        self._table.put({**keys.watch_key(connection.watch.person, connection.id), "kind": "watch", **shared})

    def leave(self, connection_id: str) -> Connection | None:
        """Forget a connection by its id and return it; None if it was not registered."""
        connection = self.find(connection_id)
        if connection is not None:
            self.forget(connection)
        return connection

    def forget(self, connection: Connection) -> None:
        """Forget a connection: first the entry that pushes find it by, so that what fails half-way can be repeated."""
        self._table.delete(keys.watch_key(connection.watch.person, connection.id))
        self._table.delete(keys.connection_key(connection.id))

    def find(self, connection_id: str) -> Connection | None:
        """Return a connection by its id."""
        item = self._table.get(keys.connection_key(connection_id))
        return None if item is None else connection_from_item(item)

    def of(self, person: str, now: int) -> Iterator[Connection | Unreadable]:
        """Yield the connections registered under a name; in place of one that does not parse, why. One Query a page.

        Read consistently: a connection that joined before a change must hear of it, or its snapshot and its first
        push would leave a gap between them.
        """
        start: dict[str, Any] = {}
        while True:
            items, more = self._table.query(
                KeyConditionExpression="pk = :pk",
                values={":pk": keys.watch_partition(person)},
                ConsistentRead=True,
                **start,
            )
            yield from (_connection_or_fault(item) for item in items if item.get("ttl", 0) * SECOND > now)
            if not more:
                return
            start = {"ExclusiveStartKey": more}


def connection_from_item(item: Mapping[str, Any]) -> Connection:
    """Read a connection from either of its items, or from a stream image. Raises Unreadable."""
    try:
        return Connection(id=item["connection"], watch=watch_from(item), since=item["since"])
    except KeyError as missing:
        raise Unreadable(f"a connection without {missing}") from None


def _connection_or_fault(item: Mapping[str, Any]) -> Connection | Unreadable:
    try:
        return connection_from_item(item)
    except Unreadable as fault:
        return fault


def watch_attributes(watch: Watch) -> dict[str, object]:
    """Write what a ticket or connection is good for."""
    return {
        "principal": watch.principal,
        "person": watch.person,
        "scope": watch.scope,
        "job_id": watch.job_id,
        "hands_in": watch.hands_in or None,
        "owns": watch.owns or None,
        # Left out where nothing is limited: what has none of them hears of all that it is about.
        "within": [reach_to_plain(reach) for reach in watch.within] or None,
        "asked_within": [reach_to_plain(reach) for reach in watch.asked_within] or None,
        "jti": watch.bearer.token_id or None,
        "iat": watch.bearer.issued_at,
        "exp": watch.bearer.expires_at,
        "epoch": watch.bearer.epoch,
    }


def watch_from(item: Mapping[str, Any]) -> Watch:
    """Read what a ticket or connection is good for. Raises Unreadable."""
    try:
        return Watch(
            principal=item["principal"],
            person=item["person"],
            scope=Scope(item["scope"]),
            job_id=item.get("job_id"),
            hands_in=item.get("hands_in", False),
            owns=item.get("owns", False),
            within=tuple(map(reach_from_plain, item.get("within", ()))),
            asked_within=tuple(map(reach_from_plain, item.get("asked_within", ()))),
            # Written by a version that kept none: its bearer counts as expired, and the client joins again.
            bearer=Bearer(
                token_id=item.get("jti", ""),
                issued_at=item.get("iat"),
                expires_at=item.get("exp", 0),
                epoch=item.get("epoch", 0),
            ),
        )
    except KeyError as missing:
        raise Unreadable(f"a watch without {missing}") from None
    except ValueError:  # its text quotes what was stored, and the log must not
        raise Unreadable("a watch with a scope or limits that this version does not know") from None
