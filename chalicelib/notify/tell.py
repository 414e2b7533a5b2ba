"""Tell connected browsers of what changed. A push costs a job nothing: what cannot be delivered is let go."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from chalicelib.errors import CloakroomError, Unreadable
from chalicelib.model import notice
from chalicelib.model.change import JobChange, Joined, Revoked
from chalicelib.model.clock import SECOND
from chalicelib.model.watch import HANDSHAKE_SECONDS, persons_of
from chalicelib.notify.lasting import fault_of
from chalicelib.notify.talks import Aside, End, Say, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from concurrent.futures import Executor

    from chalicelib.model.change import News
    from chalicelib.model.job import Job
    from chalicelib.model.watch import Connection, Watch
    from chalicelib.notify.lasting import Known
    from chalicelib.notify.talks import Talk, Talks

HANDSHAKE_TRIES = 10
HANDSHAKE_PAUSE = 0.1
"""How a first push waits for API Gateway to count a connection as open: a second at the most."""


class GoneAway(CloakroomError):
    """The connection is closed."""

    code = "connection_gone"


class NotDelivered(CloakroomError):
    """The connection took no message in time."""

    code = "not_delivered"


class Post(Protocol):
    """How a message reaches a socket."""

    def __call__(self, connection_id: str, message: bytes) -> None:
        """Raise GoneAway, or NotDelivered, within seconds."""


class HangUp(Protocol):
    """How a socket is closed from our side."""

    def __call__(self, connection_id: str) -> None:
        """Raise GoneAway if it is closed already, or NotDelivered, within seconds."""


class Registry(Protocol):
    """Which connections there are."""

    def of(self, person: str, now: int) -> Iterable[Connection | Unreadable]:
        """Return those registered under a name; in place of one that does not parse, why."""

    def forget(self, connection: Connection) -> None:
        """Forget one."""


class OpenJobs(Protocol):
    """Which jobs are open."""

    def heard_by(self, watch: Watch, *, limit: int) -> tuple[list[Job], bool]:
        """Return those that a watch may hear of, and whether there are more than `limit`."""


class Teller(Struct, frozen=True, kw_only=True):
    """The verb of the notifying stream handler. `now` is in microseconds; `fact` logs an outcome."""

    registry: Registry
    open_jobs: OpenJobs
    known: Known
    talks: Talks
    pool: Executor
    now: Callable[[], int]
    fact: Callable[..., None]

    def tell(self, news: Sequence[News]) -> None:
        """Push each change to whoever may hear of it, a snapshot to whoever has just joined; close what was revoked.

        Connections are served side by side, each in the order of the stream. The registry is asked once per name and
        batch, so that a busy client's name is no hot key. Raises Unavailable when it does not answer, or when nobody
        knows who was revoked, before anything was pushed.
        """
        changes = [item for item in news if isinstance(item, JobChange) and item.is_visible]
        joined = [item.connection for item in news if isinstance(item, Joined)]
        revoked = {item.revocation.principal for item in news if isinstance(item, Revoked)} - {None}
        if revoked:
            self.known.since(self.now())  # what was known before this batch does not hold its revocations
        registered = self._registered(changes, sorted(filter(None, revoked)))
        messages = self._addressed(registered, changes)
        newcomers = {connection.id for connection in joined}
        for connection in joined:
            messages.setdefault(connection.id, (connection, []))
        if messages:
            self.known.current()
        for connection in registered.values():
            if connection.watch.principal in revoked:  # with nothing to tell, it is looked at all the same
                messages.setdefault(connection.id, (connection, []))
        written: dict[str, bytes] = {}
        self.talks(
            self._talk(connection, [_update(job, written) for job in jobs], connection.id in newcomers)
            for connection, jobs in messages.values()
        )
        self.fact("batch.told", changes=len(changes), connections=len(messages))

    def _registered(self, changes: Sequence[JobChange], others: Sequence[str]) -> dict[str, Connection]:
        now = self.now()
        persons = sorted({person for change in changes for person in persons_of(change.after)} | set(others))
        registered: dict[str, Connection] = {}
        for found in self.pool.map(lambda person: list(self.registry.of(person, now)), persons):
            for connection in found:
                if isinstance(connection, Unreadable):  # written by a later version, say: it stops nobody else
                    self.fact("connection.unreadable", reason=connection.detail)
                else:
                    registered[connection.id] = connection
        return registered

    @staticmethod
    def _addressed(
        registered: Mapping[str, Connection], changes: Sequence[JobChange]
    ) -> dict[str, tuple[Connection, list[Job]]]:
        addressed: dict[str, tuple[Connection, list[Job]]] = {}
        for connection in registered.values():
            jobs = [change.after for change in changes if connection.watch.hears_of(change.after)]
            if jobs:
                addressed[connection.id] = (connection, jobs)
        return addressed

    def _talk(self, connection: Connection, updates: Sequence[bytes], is_new: bool) -> Talk:  # noqa: FBT001
        try:
            # Each for itself, and now: behind slow clients a batch may take longer than access lasts.
            if (fault := fault_of(connection, self.known, self.now())) is not None:
                yield from self._close(connection)
                self.fact(
                    "connection.ended", connection=connection.id, code=fault, principal=connection.watch.principal
                )
                return
            if is_new:
                found, more = yield Aside(partial(self.open_jobs.heard_by, connection.watch, limit=notice.MOST_JOBS))
                yield from self._send(connection, notice.snapshot(found, more=more, now=self.now()))
            for update in updates:
                yield from self._send(connection, update)
        except GoneAway:
            yield from self._forget(connection)
            self.fact("connection.gone", connection=connection.id, principal=connection.watch.principal)
        except CloakroomError as error:
            # One slow client: trying again would hold up everybody else's messages, and going on would leave a gap that
            # it cannot see. So its socket is closed: it joins again, and the snapshot fills the gap.
            yield from self._close(connection)
            self.fact("push.dropped", connection=connection.id, code=error.code, messages=len(updates))
        else:
            if updates or is_new:
                self.fact("push.sent", connection=connection.id, messages=len(updates) + is_new)

    def _close(self, connection: Connection) -> Talk:
        try:
            yield End(connection.id)
        except CloakroomError as error:
            self.fact("connection.not_closed", connection=connection.id, code=error.code)
        yield from self._forget(connection)

    def _forget(self, connection: Connection) -> Talk:
        try:
            yield Aside(partial(self.registry.forget, connection))
        except CloakroomError as error:  # the next push meets it again; its time to live ends it at the latest
            self.fact("connection.kept", connection=connection.id, code=error.code)

    def _send(self, connection: Connection, message: bytes) -> Talk:
        for left in reversed(range(HANDSHAKE_TRIES + 1)):
            try:
                yield Say(connection.id, message)
            except GoneAway:
                # Until `$connect` has answered, API Gateway says "gone" of a connection that is about to open.
                if not left or self.now() - connection.since > HANDSHAKE_SECONDS * SECOND:
                    raise
            else:
                return
            yield Wait(HANDSHAKE_PAUSE)


def _update(job: Job, written: dict[str, bytes]) -> bytes:
    """Return what is told of a job, written once for all who hear of it."""
    change = f"{job.id}:{job.rev}"
    if change not in written:
        written[change] = notice.job_updated(job)
    return written[change]
