"""Who is asking, and what of the store is theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from chalicelib.errors import OutsideLimits
from chalicelib.model.access import Bearer
from chalicelib.model.decision import allows, reach
from chalicelib.model.limits import EVERYTHING, NOWHERE, Reach, Somewhere, is_too_large

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.model.job import Job
    from chalicelib.model.limits import Whereabouts
    from chalicelib.model.policy import Statement
    from chalicelib.model.token import Place


class Caller(Struct, frozen=True, kw_only=True):
    """A principal with the statements that its groups grant it; times in seconds since 1970.

    `expires_at` and `token_id` (its `jti`) are the bearer token's, which `bearer` holds with what else its end depends
    on; `client` is the application that the token was made for; `known_at` (microseconds) is of when what the
    authorizer knew of revocations and policies was; `address` is where the request came from, as API Gateway saw it.
    `claims` are those that its policies name. Text that is not known is empty.
    `groups` have policies, `other_groups` have none; None where they were too many to be told. `reach` is where the
    request at hand may reach (`asking`): whatever it touches must lie within.
    """

    principal: str
    statements: tuple[Statement, ...]
    expires_at: int
    groups: tuple[str, ...] = ()
    issuer: str = ""
    client: str = ""
    token_id: str = ""
    address: str = ""
    claims: Mapping[str, str] = field(default_factory=dict)
    reach: Reach = EVERYTHING
    bearer: Bearer = field(default_factory=Bearer)
    known_at: int = 0
    other_groups: tuple[str, ...] | None = None

    def asking(self, method: str, path: str) -> Caller:
        """Return the caller as of a request: its reach is what the statements that allow the request are limited to."""
        return replace(self, reach=reach(self.statements, self.principal, method, path))

    def may(self, method: str, path: str, within: Whereabouts | None = None) -> bool:
        """Tell whether the caller's policies allow `method` on the decoded `path`, for a thing that lies `within`."""
        return allows(self.statements, self.principal, method, path, within)

    def may_collect(self, place: Place) -> bool:
        """Tell whether the secrets of `place` are the caller's to read.

        A token's id is no key to it: whoever may not read the subject's path may not read by id either.
        """
        path = f"/subjects/{place.subject}/tokens/{place.provider}/secret"
        return self.reach.holds(place) and self.may("GET", path, place)

    def may_see(self, place: Place, requester: str) -> bool:
        """Tell whether the caller may see a record: its own, or a subject's that it may read; within limits."""
        if not self.reach.holds(place):
            return False
        path = f"/subjects/{place.subject}/tokens/{place.provider}"
        return requester == self.principal or self.may("GET", path, place)

    def may_see_job(self, job: Job) -> bool:
        """Tell whether the caller may see a job: of a token, as its record; else one that it asked for.

        Somebody else's job that is about no token (an import, a re-sealing) lies in no place: what is limited does not
        reach it.
        """
        if job.place is not None:
            return self.may_see(job.place, job.requester)
        if job.requester == self.principal:
            return True
        return self.reach.holds(NOWHERE) and self.may("GET", f"/subjects/{job.subject}/jobs", NOWHERE)

    def may_touch_provider(self, name: str) -> bool:
        """Tell whether the request reaches a provider's settings.

        They count in each environment and domain, so a policy that is limited to some of those reaches none.
        """
        return self.reach.holds(Somewhere(provider=name))

    def check(self, thing: Whereabouts) -> None:
        """Raise OutsideLimits, naming the field, for a thing of the caller's own making that lies outside."""
        check_within(self.reach, thing)

    def kept_reach(self) -> Reach:
        """Return the reach, to be kept with what is done later. Raises OutsideLimits where that takes too much room."""
        if is_too_large(self.reach):
            raise OutsideLimits("your groups' policies name more limits than can be kept with this; use fewer groups")
        return self.reach


def check_within(limits: Reach, thing: Whereabouts) -> None:
    """Raise OutsideLimits, naming the field, for a thing that lies outside."""
    where = limits.fault(thing)
    if where is not None:
        rule = "outside what your groups' policies are limited to"
        raise OutsideLimits(f"{where}: {rule}", field=where, rule=rule)
