"""The real client of the table, with a list that records its transactions and somebody who may spoil them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Operations = list[dict[str, Any]]


class Watched:
    """A client whose transactions are recorded. `before` and `after` each may raise: refused, or the answer is lost."""

    def __init__(
        self,
        inner: Any,
        *,
        before: Callable[[Operations], object] = lambda _: None,
        after: Callable[[Operations], object] = lambda _: None,
    ) -> None:
        self.inner, self.before, self.after = inner, before, after
        self.transactions: list[Operations] = []

    @property
    def sizes(self) -> list[int]:
        """How many operations each transaction had."""
        return [len(operations) for operations in self.transactions]

    def transact_write_items(self, **arguments: Any) -> Any:
        operations: Operations = arguments["TransactItems"]
        self.transactions.append(operations)
        self.before(operations)
        answer = self.inner.transact_write_items(**arguments)
        self.after(operations)
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def keys_of(operations: Operations) -> list[str]:
    """Return the partition key of each operation's item."""
    return [part.get("Key", part.get("Item"))["pk"]["S"] for operation in operations for part in operation.values()]


def cancelled(codes: Sequence[str | None]) -> ClientError:
    """Return DynamoDB's answer for a transaction, with a reason for each of its operations."""
    reasons = [{"Code": code or "None"} for code in codes]
    error = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
    return ClientError(error, "TransactWriteItems")  # type: ignore[arg-type]


def refusing(*partitions: str, code: str = "TransactionConflict", times: int = 1) -> Callable[[Operations], None]:
    """Return who refuses transactions that touch one of these partitions, so many times."""
    left = [times]

    def before(operations: Operations) -> None:
        touched = keys_of(operations)
        if left[0] and not set(partitions).isdisjoint(touched):
            left[0] -= 1
            raise cancelled([code if partition in partitions else None for partition in touched])

    return before
