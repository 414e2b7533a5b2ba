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
MOST_GROUPS = 20
"""How many of a caller's groups are looked up. A token names them, and a token may name thousands."""


class Policies:
    """The policies of one table."""

    def __init__(self, table: Table, now: Callable[[], int]) -> None:
        self._table = table
        self._now = now
        self._kept: dict[str, tuple[Policy | None, int]] = {}

    def of(self, groups: Iterable[str]) -> list[Policy]:
        """Return the policies of the groups that have one. Raises Unreadable for one that does not parse."""
        found = (self._policy(group) for group in list(dict.fromkeys(groups))[:MOST_GROUPS])
        return [policy for policy in found if policy is not None]

    def put(self, raw: Mapping[str, object]) -> Policy:
        """Keep a group's policy in place of the one before. Raises ValueError saying what does not parse."""
        policy = parse_policy(raw)
        self._table.put({**keys.policy_key(policy.group), "kind": "policy", "policy": dict(raw)})
        self._kept.pop(policy.group, None)
        return policy

    def _policy(self, group: str) -> Policy | None:
        kept, since = self._kept.get(group, (None, 0))
        if since and self._now() - since < KEEP_SECONDS * SECOND:
            return kept
        item = self._table.get(keys.policy_key(group), consistent=False)
        policy = _parsed(group, item["policy"]) if item else None
        if len(self._kept) > 1_000:  # noqa: PLR2004  tokens name groups: a process must not keep what they invent for ever
            self._kept.clear()
        self._kept[group] = (policy, self._now())
        return policy


def _parsed(group: str, raw: object) -> Policy:
    try:
        return parse_policy(raw)
    except ValueError as error:
        raise Unreadable(f"the policy of group {group!r}: {error}") from None
