"""The groups' policies, kept in memory for a minute, or until one changes: every new token asks for them.

What is stored is a contract: `policy` is the document of `parse_policy`, in which `limits` left out is no limit and
`acknowledges` left out is none. A policy's width is checked when it is written, not when it is read: a rule that comes
later must not take from its group what it has.

The epoch (`store/access.py`) rises with each change, in one transaction: a change that nobody hears of would wait for
the caches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from chalicelib.errors import Conflict, Unreadable
from chalicelib.model.clock import SECOND
from chalicelib.model.policy import Policy, PolicyRecord, parse_policy, policy_to_plain
from chalicelib.model.wide import check_width
from chalicelib.store import keys
from chalicelib.store.access import policies_changed
from chalicelib.store.attributes import to_attributes
from chalicelib.store.table import TransactionCancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from chalicelib.store.table import Table

KEEP_SECONDS = 60
MOST_KEPT = 1_000
"""Policies kept at the most. Tokens name groups: a process must not keep what they invent for ever."""

RACES: Final = 8
"""How often a policy is written against others who write the same one."""

NEW = "attribute_not_exists(pk)"
"""Nobody gave this group a policy meanwhile."""

AS_SEEN = "rev = :seen AND updated_at = :seen_at"
"""Nobody changed it since it was read, nor deleted it and wrote it anew, which begins with `rev` 1 once more."""


class Policies:
    """The policies of one table. `now` is in microseconds."""

    def __init__(self, table: Table, now: Callable[[], int], epoch: Callable[[], int] = lambda: 0) -> None:
        """`epoch` is that of the policies (see `store/access.py`): what was read in another one is not believed."""
        self._table = table
        self._now = now
        self._epoch_now = epoch
        self._kept: dict[str, tuple[Policy | None, int]] = {}
        self._epoch = 0

    def of(self, groups: Iterable[str]) -> list[Policy]:
        """Return the policies of the groups that have one, all of them: the one left out could be the Deny.

        One BatchGetItem for up to 100 groups that are not in memory. Raises Unreadable for one that does not parse.
        """
        epoch = self._epoch_now()
        if epoch != self._epoch:
            self._kept.clear()
            self._epoch = epoch
        wanted = list(dict.fromkeys(groups))
        found = {group: self._kept[group][0] for group in wanted if self._is_fresh(group)}
        found |= self._looked_up([group for group in wanted if group not in found])
        return [policy for group in wanted if (policy := found[group]) is not None]

    def read_again(self, groups: Iterable[str]) -> list[Policy]:
        """Return the policies of the groups that have one as the table has them now."""
        wanted = list(dict.fromkeys(groups))
        found = self._looked_up(wanted)
        return [policy for group in wanted if (policy := found[group]) is not None]

    def get(self, group: str) -> PolicyRecord | None:
        """Return a group's policy and who wrote it when, None if it has none. Raises Unreadable."""
        item = self._table.get(keys.policy_key(group))
        return None if item is None else _record(group, item)

    def page(self, *, limit: int, after: str | None) -> tuple[list[PolicyRecord], str | None]:
        """Return up to `limit` policies by group, behind the group `after`; and the next page's `after`. One Query."""
        start = {} if after is None else {"ExclusiveStartKey": to_attributes(keys.policy_key(after))}
        items, more = self._table.query(
            KeyConditionExpression="pk = :pk", values={":pk": keys.POLICIES}, Limit=limit, ConsistentRead=True, **start
        )
        found = [_record(keys.policy_group(item), item) for item in items]
        return found, found[-1].policy.group if more and found else None

    def put(self, raw: Mapping[str, object], *, by: str = "ops") -> PolicyRecord:
        """Keep a group's policy in place of the one before; the last writer wins, whole. The one place that writes one.

        Raises PolicyFault (a ValueError) for what does not parse or is too wide by accident, Conflict when others wrote
        it too often.
        """
        policy = parse_policy(raw)
        check_width(policy)
        key = keys.policy_key(policy.group)
        for _ in range(RACES):
            seen = self._table.get(key)
            rev = 1 if seen is None else seen["rev"] + 1
            record = PolicyRecord(policy=policy, rev=rev, updated_at=self._now(), updated_by=by)
            if self._wrote(self._table.put_operation({**key, **_item(record)}, **_as_seen(seen)), policy.group):
                return record
        raise Conflict("the policy changed too often while it was being written")

    def delete(self, group: str) -> PolicyRecord | None:
        """Take a group's policy away and return what it was, None if there was none. The one place that deletes one.

        Raises Conflict when others wrote it too often.
        """
        key = keys.policy_key(group)
        for _ in range(RACES):
            seen = self._table.get(key)
            if seen is None:
                return None
            if self._wrote(self._table.delete_operation(key, **_as_seen(seen)), group):
                return _record(group, seen)
        raise Conflict("the policy changed too often while it was being deleted")

    def _wrote(self, change: dict[str, Any], group: str) -> bool:
        """Change a policy and raise the epoch with it. False where somebody else changed it since it was read."""
        try:
            self._table.transact([change, policies_changed(self._table)])
        except TransactionCancelled:
            return False
        self._kept.pop(group, None)
        return True

    def _is_fresh(self, group: str) -> bool:
        since = self._kept.get(group, (None, 0))[1]
        return self._now() - since < KEEP_SECONDS * SECOND

    def _looked_up(self, groups: list[str]) -> dict[str, Policy | None]:
        wanted = [keys.policy_key(group) for group in groups]
        # Consistently, as the epoch was read: else an older policy would be kept under the newer number.
        items = {keys.policy_group(item): item for item in self._table.get_many(wanted, consistent=True)}
        found = {group: _parsed(group, items[group]["policy"]) if group in items else None for group in groups}
        if len(self._kept) + len(found) > MOST_KEPT:
            self._kept.clear()
        self._kept.update((group, (policy, self._now())) for group, policy in found.items())
        return found


def _as_seen(seen: Mapping[str, Any] | None) -> dict[str, Any]:
    if seen is None:
        return {"condition": NEW}
    return {"condition": AS_SEEN, "seen": seen["rev"], "seen_at": seen["updated_at"]}


def _item(record: PolicyRecord) -> dict[str, object]:
    return {
        "kind": "policy",
        "policy": policy_to_plain(record.policy),
        "rev": record.rev,
        "updated_at": record.updated_at,
        "updated_by": record.updated_by,
    }


def _record(group: str, item: Mapping[str, Any]) -> PolicyRecord:
    try:
        told = {name: item[name] for name in ("rev", "updated_at", "updated_by")}
        return PolicyRecord(policy=_parsed(group, item["policy"]), **told)
    except KeyError:
        raise Unreadable(f"the policy of group {group!r}: of a form that this version does not know") from None


def _parsed(group: str, raw: object) -> Policy:
    try:
        policy = parse_policy(raw)
    except ValueError as error:
        raise Unreadable(f"the policy of group {group!r}: {error}") from None
    if policy.group != group:
        raise Unreadable(f"the policy of group {group!r} names another group")
    return policy
