"""What the stream tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from chalicelib.model.access import Revocation
    from chalicelib.model.job import Job
    from chalicelib.model.token import Token
    from chalicelib.model.watch import Connection


class JobChange(Struct, frozen=True, kw_only=True):
    """A job before (None: it is new) and after a write. `token` is there when the job stores one."""

    before: Job | None
    after: Job
    token: Token | None

    @property
    def is_visible(self) -> bool:
        """Whether a watcher would see a difference; the secret's erasure, say, changes no job."""
        return self.before is None or self.before.rev != self.after.rev


class Joined(Struct, frozen=True, kw_only=True):
    """A connection that was registered just now."""

    connection: Connection


class Revoked(Struct, frozen=True, kw_only=True):
    """A revocation that was made or widened just now."""

    revocation: Revocation


News = JobChange | Joined | Revoked
"""What watchers are told of, or feel."""
