"""Tell whether what the authorizer said of a caller still stands: API Gateway keeps it for up to 300 seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.errors import Unauthorized
from chalicelib.model.access import is_fresh
from chalicelib.model.decision import bound

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chalicelib.model.access import Access
    from chalicelib.model.caller import Caller
    from chalicelib.model.policy import Policy


class Standing(Struct, frozen=True, kw_only=True):
    """Look again at callers that were admitted a while ago. `because` notes for the log why one is refused.

    `access` tells what this process knows, `since` what the table says at a moment or later; each may raise
    AccessUnknown. `policies_of` gives the policies of those groups that have one, none older than the known epoch.

    What the authorizer knew is the caller's first two seconds: so a token that is handed in at once costs no read. From
    then on this process's own knowledge counts.
    """

    access: Callable[[], Access]
    since: Callable[[int], Access]
    policies_of: Callable[[Sequence[str]], Sequence[Policy]]
    now: Callable[[], int]
    because: Callable[[str], None]

    def of(self, caller: Caller) -> Caller:
        """Return the caller with what it may do now. Raises Unauthorized, or AccessUnknown."""
        now = self.now()
        if is_fresh(caller.known_at, now):
            return caller
        return self._looked_at(caller, self.access(), now)

    def by_now(self, caller: Caller) -> Caller:
        """Return the same by what the table says now: for what is given to the caller to keep."""
        now = self.now()
        return self._looked_at(caller, self.since(now), now)

    def _looked_at(self, caller: Caller, access: Access, now: int) -> Caller:
        if access.revocation_of(caller.principal, caller.bearer, now) is not None:
            self.because("revoked")
            raise Unauthorized
        return caller if caller.bearer.epoch == access.epoch.policies else self._resolved(caller, access)

    def _resolved(self, caller: Caller, access: Access) -> Caller:
        """Read the policies again, of all the caller's groups: one that had none may have its Deny now."""
        if caller.other_groups is None:
            self.because("policies_changed")
            raise Unauthorized
        groups = (*caller.groups, *caller.other_groups)
        found = self.policies_of(groups) if groups else ()
        if not found:
            self.because("no_policy")
            raise Unauthorized
        return replace(
            caller,
            statements=tuple(
                bound((one for policy in found for one in policy.statements), caller.principal, caller.claims)
            ),
            groups=tuple(policy.group for policy in found),
            other_groups=tuple(group for group in groups if group not in {policy.group for policy in found}),
            bearer=replace(caller.bearer, epoch=access.epoch.policies),
        )
