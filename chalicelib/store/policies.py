"""The groups' policies, kept in memory for a minute: the authorizer reads them for every new token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.errors import Unreadable
from chalicelib.model.clock import SECOND
from chalicelib.model.policy import Policy, parse_policy
from chalicelib.store import keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from chalicelib.store.table import Table

KEEP_SECONDS = 60
MOST_KEPT = 1_000
"""Policies kept at the most. Tokens name groups: a process must not keep what they invent for ever."""


class Policies:
    """The policies of one table."""

    def __init__(self, table: Table, now: Callable[[], int]) -> None:
        self._table = table
        self._now = now
        self._kept: dict[str, tuple[Policy | None, int]] = {}

    def of(self, groups: Iterable[str]) -> list[Policy]:
        """Return the policies of the groups that have one, all of them: the one left out could be the Deny.

        One BatchGetItem for up to 100 groups that are not in memory. Raises Unreadable for one that does not parse.
        """
        wanted = list(dict.fromkeys(groups))
        found = {group: self._kept[group][0] for group in wanted if self._is_fresh(group)}
        found |= self._looked_up([group for group in wanted if group not in found])
        return [policy for group in wanted if (policy := found[group]) is not None]

    def put(self, raw: Mapping[str, object]) -> Policy:
        """Keep a group's policy in place of the one before. Raises ValueError saying what does not parse."""
        policy = parse_policy(raw)
        self._table.put({**keys.policy_key(policy.group), "kind": "policy", "policy": dict(raw)})
        self._kept.pop(policy.group, None)
        return policy

    def _is_fresh(self, group: str) -> bool:
        since = self._kept.get(group, (None, 0))[1]
        return self._now() - since < KEEP_SECONDS * SECOND

    def _looked_up(self, groups: list[str]) -> dict[str, Policy | None]:
        key_of = {group: keys.policy_key(group) for group in groups}
        items = {item["pk"]: item for item in self._table.get_many(list(key_of.values()))}
        found = {
            group: _parsed(group, items[key["pk"]]["policy"]) if key["pk"] in items else None
            for group, key in key_of.items()
        }
        if len(self._kept) + len(found) > MOST_KEPT:
            self._kept.clear()
        self._kept.update((group, (policy, self._now())) for group, policy in found.items())
        return found


def _parsed(group: str, raw: object) -> Policy:
    try:
        return parse_policy(raw)
    except ValueError as error:
        raise Unreadable(f"the policy of group {group!r}: {error}") from None
