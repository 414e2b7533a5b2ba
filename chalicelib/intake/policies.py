"""Set groups' policies, show them, take them away; never so that who does it saws off the branch that it sits on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec
from msgspec import Struct

from chalicelib.errors import InvalidBody, NotFound, WouldLockOut
from chalicelib.model.decision import allows, bound
from chalicelib.model.policy import PolicyFault, parse_policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from chalicelib.intake.bodies import PolicyIn
    from chalicelib.model.caller import Caller
    from chalicelib.model.policy import Policy, PolicyRecord


class Policies(Protocol):
    """Policies by group."""

    def get(self, group: str) -> PolicyRecord | None:
        """Return None if there is none."""

    def read_again(self, groups: Iterable[str]) -> list[Policy]:
        """Return the policies of groups as they are now."""

    def put(self, raw: Mapping[str, object], *, by: str) -> PolicyRecord:
        """Raise PolicyFault, or Conflict when others were first too often."""

    def delete(self, group: str) -> PolicyRecord | None:
        """Return what was deleted."""

    def page(self, *, limit: int, after: str | None) -> tuple[list[PolicyRecord], str | None]:
        """Return a page, and the group that the next begins behind."""


class Rulebook(Struct, frozen=True, kw_only=True):
    """The verbs of `/policies`. That only administrators reach them is the policies' work."""

    policies: Policies

    def put(self, caller: Caller, group: str, body: PolicyIn) -> PolicyRecord:
        """Give a group its policy, or put it in place of the one before; the last writer wins, whole.

        Raises InvalidBody naming the field and the rule, WouldLockOut, Conflict when others wrote it too often.
        """
        raw = {"group": group, **msgspec.to_builtins(body)}
        try:
            self._keep_right(caller, group, parse_policy(raw))
            return self.policies.put(raw, by=caller.principal)
        except PolicyFault as fault:
            raise InvalidBody(str(fault), field=fault.field or None, rule=fault.rule) from None

    def show(self, group: str) -> PolicyRecord:
        """Return a group's policy. Raises NotFound."""
        found = self.policies.get(group)
        if found is None:
            raise NotFound
        return found

    def page(self, *, limit: int, after: str | None) -> tuple[list[PolicyRecord], str | None]:
        """Return a page of policies by group, and the group that the next begins behind."""
        return self.policies.page(limit=limit, after=after)

    def delete(self, caller: Caller, group: str) -> PolicyRecord:
        """Take a group's policy away and return what it was: from then on the group may do nothing.

        Raises NotFound, WouldLockOut.
        """
        self._keep_right(caller, group, None)
        deleted = self.policies.delete(group)
        if deleted is None:
            raise NotFound
        return deleted

    def _keep_right(self, caller: Caller, group: str, changed: Policy | None) -> None:
        """Raise WouldLockOut where the caller can PUT this policy, and could not once it is `changed` (None: gone).

        Judged by the policies as they are now. Two administrators who take each other's right at the same moment are
        not kept from it: whoever has the table's credentials helps.
        """
        path = f"/policies/{group}"
        if not caller.may("PUT", path):
            return
        others = [one for one in self.policies.read_again(caller.groups) if one.group != group]
        left = [*others, changed] if changed is not None and group in caller.groups else others
        stored = [statement for policy in left for statement in policy.statements]
        statements = bound(stored, caller.principal, caller.claims)
        if not allows(statements, caller.principal, "PUT", path):
            raise WouldLockOut
