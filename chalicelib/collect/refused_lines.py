"""Hand out an import's refused lines, a page at a time, to whom the import may be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from chalicelib.errors import NotFound
from chalicelib.model.job import Job, Type

if TYPE_CHECKING:
    from chalicelib.model.caller import Caller
    from chalicelib.model.imports import Refusal


class Jobs(Protocol):
    """Jobs by id."""

    def job(self, job_id: str) -> Job:
        """Raise NotFound if there is none."""


class Imports(Protocol):
    """Refused lines by import."""

    def refusals(self, job_id: str, *, after: int, limit: int) -> tuple[list[Refusal], int | None]:
        """Return a page, and the line that the next begins behind."""


class RefusedLines(Struct, frozen=True, kw_only=True):
    """The verb behind `GET /imports/{id}/refusals`."""

    jobs: Jobs
    imports: Imports

    def page(self, caller: Caller, job_id: str, *, limit: int, after: int) -> tuple[list[Refusal], int | None]:
        """Return up to `limit` refused lines behind line `after`. Raises NotFound."""
        job = self.jobs.job(job_id)
        if job.type is not Type.IMPORT or not caller.may_see_job(job):
            raise NotFound
        return self.imports.refusals(job_id, after=after, limit=limit)
