"""Who is asking, and what of the store is theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.model.policy import Statement, allows

if TYPE_CHECKING:
    from chalicelib.model.job import Job
    from chalicelib.model.token import Place


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """A principal with the statements that its groups grant it; times in seconds since 1970.

    `expires_at` and `token_id` (its `jti`) are the bearer token's; `client` is the application that the token was made
    for; `admitted_at` is when the authorizer looked at all of this; `address` is where the request came from, as API
    Gateway saw it. Text that is not known is empty.
    """

    principal: str
    statements: tuple[Statement, ...]
    expires_at: int
    groups: tuple[str, ...] = ()
    issuer: str = ""
    client: str = ""
    token_id: str = ""
    admitted_at: int = 0
    address: str = ""

    def may(self, method: str, path: str) -> bool:
        """Tell whether the caller's policies allow `method` on the decoded `path`."""
        return allows(self.statements, self.principal, method, path)

    def may_collect(self, place: Place) -> bool:
        """Tell whether the secrets of `place` are the caller's to read.

        A token's id is no key to it: whoever may not read the subject's path may not read by id either.
        """
        return self.may("GET", f"/subjects/{place.subject}/tokens/{place.provider}/secret")

    def may_see(self, place: Place, requester: str) -> bool:
        """Tell whether the caller may see a record: its own, or one of a subject that it may read."""
        return requester == self.principal or self.may("GET", f"/subjects/{place.subject}/tokens/{place.provider}")

    def may_see_job(self, job: Job) -> bool:
        """Tell whether the caller may see a job: of a token, as its record; else one that it asked for."""
        if job.place is not None:
            return self.may_see(job.place, job.requester)
        return job.requester == self.principal or self.may("GET", f"/subjects/{job.subject}/jobs")
