"""The table's client: requests in, plain items out, and every foreign error translated here, once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

from chalicelib.aws.errors import answered, named
from chalicelib.errors import CloakroomError, Conflict, Misconfigured, Throttled, Unavailable
from chalicelib.model.values import Discreet
from chalicelib.store.attributes import from_attributes, to_attributes
from chalicelib.store.expressions import conditional, projection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Contended(Throttled):
    """Another transaction touches the same item at this moment."""

    code = "contended"


TRANSLATIONS: Mapping[str, type[CloakroomError]] = {
    "ProvisionedThroughputExceededException": Throttled,
    "RequestLimitExceeded": Throttled,
    "ThrottlingException": Throttled,
    "Throttling": Throttled,
    "LimitExceededException": Throttled,
    "TransactionInProgressException": Throttled,
    "TransactionConflictException": Contended,
    "ReplicatedWriteConflictException": Throttled,
    "InternalServerError": Unavailable,
    "InternalFailure": Unavailable,
    "ServiceUnavailable": Unavailable,
    "RequestTimeout": Unavailable,
    "ResourceNotFoundException": Misconfigured,
    "AccessDeniedException": Misconfigured,
    "UnrecognizedClientException": Misconfigured,
    "InvalidSignatureException": Misconfigured,
    "ExpiredTokenException": Unavailable,  # Lambda renews its credentials; the next try has new ones
    "ValidationException": Misconfigured,
    "ItemCollectionSizeLimitExceededException": Misconfigured,
    "IdempotentParameterMismatchException": Misconfigured,
}
"""DynamoDB's error codes as ours. A failed condition is not among them: each caller says what it means."""

CONTENDED_TRIES = 5
CONTENDED_PAUSE = 0.02
"""How often and how far apart (seconds, doubling, a random part of it) a write is tried that met another transaction.

DynamoDB refuses one of two that touch an item at the same time, and clients do not repeat that: to them the refusal is
an answer. Here it is weather: tokens of one place that are settled side by side all touch its current item."""

BATCH_GET = 100
"""Keys that one BatchGetItem takes."""

BATCH_TRIES = 3
"""How often what a BatchGetItem left out is asked for."""

CANCELLED = "TransactionCanceledException"
FAILED = "ConditionalCheckFailed"

_TRANSIENT_REASONS = frozenset(
    {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "TransactionInProgress"}
)


class ConditionFailed(Conflict):
    """A condition did not hold; `item` is what stood in its way, None where there was nothing."""

    def __init__(self, item: dict[str, Any] | None) -> None:
        super().__init__()
        self.item = item


class TransactionCancelled(Conflict):
    """One or more conditions of a transaction did not hold.

    `failed[i]` tells whether operation i's condition failed, `items[i]` what stood in its way.
    """

    def __init__(self, failed: list[bool], items: list[dict[str, Any] | None]) -> None:
        super().__init__()
        self.failed = failed
        self.items = items


class Obstacle(Discreet, frozen=True):
    """What was in the way of an operation: its condition failed on `item`, None where nothing stood there; or it was
    something else (another writer, a throttle), and its condition may hold.
    """

    HIDDEN: ClassVar[tuple[str, ...]] = ("item",)

    is_condition: bool
    item: dict[str, Any] | None


class Table:
    """One table. `client` is `aws.clients.DynamoDb` or boto3's low-level one; wiring sets its time-outs."""

    def __init__(self, client: Any, name: str, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._works_meanwhile = getattr(client, "works_meanwhile", False)  # boto3's waits and does nothing
        self._pause = pause
        self.name = name

    def get(self, key: Mapping[str, object], *, consistent: bool = True) -> dict[str, Any] | None:
        """Return the item, or None. One read unit per 4 KB, half if not `consistent`."""
        answer = self._ask("get_item", Key=to_attributes(key), ConsistentRead=consistent)
        return from_attributes(answer["Item"]) if "Item" in answer else None

    def get_many(
        self, wanted: Sequence[Mapping[str, object]], *, only: Sequence[str] = (), consistent: bool = False
    ) -> list[dict[str, Any]]:
        """Return those of the items that exist, in any order; of each, `only` these attributes if some are named.

        Half a read unit per 4 KB of each item, one if `consistent`, whatever comes back of it. Raises Throttled when
        the table will not give all of them.
        """
        items: list[dict[str, Any]] = []
        shown = {**projection(only), "ConsistentRead": consistent}
        for start in range(0, len(wanted), BATCH_GET):
            request = {self.name: {"Keys": [to_attributes(key) for key in wanted[start : start + BATCH_GET]], **shown}}
            for _ in range(BATCH_TRIES):
                answer = self._ask("batch_get_item", RequestItems=request)
                items += [from_attributes(item) for item in answer["Responses"].get(self.name, [])]
                request = answer.get("UnprocessedKeys") or {}
                if not request:
                    break
            else:
                raise Throttled("the table left part of a batch unread")
        return items

    def put(
        self,
        item: Mapping[str, object],
        *,
        condition: str = "",
        meanwhile: Callable[[], None] | None = None,
        **operands: object,
    ) -> None:
        """Write an item. Raises ConditionFailed with the item that was there.

        `meanwhile` is called while the answer is under way, in each try, never by boto3's client. It raises nothing.
        """
        arguments = conditional(condition, operands)
        if meanwhile is not None and self._works_meanwhile:
            arguments["meanwhile"] = meanwhile
        self._ask("put_item", Item=to_attributes(item), **arguments)

    def update(self, key: Mapping[str, object], change: str, *, condition: str = "", **operands: object) -> None:
        """Change an item by an update expression. Raises ConditionFailed."""
        arguments = {"UpdateExpression": change, **conditional(condition, operands)}
        self._ask("update_item", Key=to_attributes(key), **arguments)

    def update_returning(
        self, key: Mapping[str, object], change: str, *, condition: str = "", **operands: object
    ) -> dict[str, Any]:
        """Change an item, or make it, and return all of it as it is then. Raises ConditionFailed."""
        arguments = {"UpdateExpression": change, "ReturnValues": "ALL_NEW", **conditional(condition, operands)}
        answer = self._ask("update_item", Key=to_attributes(key), **arguments)
        return from_attributes(answer["Attributes"])

    def delete(self, key: Mapping[str, object], *, condition: str = "", **operands: object) -> dict[str, Any] | None:
        """Delete an item and return what it was, or None. Raises ConditionFailed."""
        arguments = {"ReturnValues": "ALL_OLD", **conditional(condition, operands)}
        answer = self._ask("delete_item", Key=to_attributes(key), **arguments)
        return from_attributes(answer["Attributes"]) if answer.get("Attributes") else None

    def query(self, **arguments: Any) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        """Return one page of a Query and the key that the next begins after. `values` are plain."""
        arguments["ExpressionAttributeValues"] = to_attributes(arguments.pop("values"))
        answer = self._ask("query", **arguments)
        return [from_attributes(item) for item in answer["Items"]], answer.get("LastEvaluatedKey")

    def scan(self, **arguments: Any) -> tuple[list[dict[str, Any]], int, dict[str, Any] | None]:
        """Return one page of a Scan, how many items it looked at, and the key that the next begins after.

        `values` are plain. For maintenance alone: what a request, a stream or a queue brings is found by its key.
        """
        arguments["ExpressionAttributeValues"] = to_attributes(arguments.pop("values"))
        answer = self._ask("scan", **arguments)
        items = [from_attributes(item) for item in answer["Items"]]
        return items, answer["ScannedCount"], answer.get("LastEvaluatedKey")

    def count_roughly(self) -> int:
        """Return how many items the table holds, as DynamoDB counted them in the last six hours."""
        count: int = self._ask("describe_table")["Table"]["ItemCount"]
        return count

    def put_operation(self, item: Mapping[str, object], *, condition: str = "", **operands: object) -> dict[str, Any]:
        """Return a write for `transact`."""
        return {"Put": {"TableName": self.name, "Item": to_attributes(item), **conditional(condition, operands)}}

    def update_operation(
        self, key: Mapping[str, object], change: str, *, condition: str = "", **operands: object
    ) -> dict[str, Any]:
        """Return a change for `transact`."""
        arguments = {"UpdateExpression": change, **conditional(condition, operands)}
        return {"Update": {"TableName": self.name, "Key": to_attributes(key), **arguments}}

    def delete_operation(self, key: Mapping[str, object], *, condition: str = "", **operands: object) -> dict[str, Any]:
        """Return a deletion for `transact`."""
        arguments = conditional(condition, operands)
        return {"Delete": {"TableName": self.name, "Key": to_attributes(key), **arguments}}

    def transact(self, operations: Sequence[dict[str, Any]]) -> None:
        """Do all `operations` or none. Two write units per KB of each item.

        Raises TransactionCancelled when a condition failed, Throttled when only other writers were in the way.
        """
        self._ask("transact_write_items", TransactItems=list(operations))

    def transact_apart(self, operations: Sequence[dict[str, Any]]) -> list[Obstacle | None]:
        """Do all `operations` or none, and return what was in the way of each: an empty list when all is done.

        For changes that have nothing to do with each other. Unlike `transact` it waits for no other writer: one of them
        that met somebody must not hold the rest up. Raises what the table says of the whole request.
        """
        try:
            self._send("transact_write_items", {"TransactItems": list(operations)})
        except _Answered as answer:
            if answer.code != CANCELLED:
                raise translate(answer.response) from None
            return [_obstacle(reason) for reason in answer.response.get("CancellationReasons", [])]
        return []

    def _ask(self, operation: str, **arguments: Any) -> dict[str, Any]:
        for attempt in range(CONTENDED_TRIES - 1):
            try:
                return self._ask_once(operation, **arguments)
            except Contended:
                import random  # noqa: PLC0415  what waits may load it

                self._pause(random.random() * CONTENDED_PAUSE * 2**attempt)  # noqa: S311  chance, not a secret
        return self._ask_once(operation, **arguments)

    def _ask_once(self, operation: str, **arguments: Any) -> dict[str, Any]:
        if operation not in ("transact_write_items", "batch_get_item"):
            arguments["TableName"] = self.name
        try:
            return self._send(operation, arguments)
        except _Answered as answer:
            raise translate(answer.response) from None

    def _send(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        try:
            done: dict[str, Any] = getattr(self._client, operation)(**arguments)
        except Exception as error:  # noqa: BLE001  `answered` raises again what is not about AWS
            response = answered(error)
            if response is None:
                raise Unavailable(f"the table did not answer: {named(error)}") from None
            raise _Answered(response) from None
        return done


class _Answered(Exception):
    """DynamoDB's own error, on its way to be translated."""

    def __init__(self, response: Mapping[str, Any]) -> None:
        super().__init__()
        self.response = response
        self.code = response.get("Error", {}).get("Code", "")


def translate(response: Mapping[str, Any]) -> CloakroomError:
    """Return our error for DynamoDB's answer. The message never repeats DynamoDB's, which may quote an item."""
    code = response.get("Error", {}).get("Code", "")
    if code == "ConditionalCheckFailedException":
        return ConditionFailed(_item(response))
    if code == CANCELLED:
        return _cancelled(response.get("CancellationReasons", []))
    if code in TRANSLATIONS:
        return TRANSLATIONS[code](f"the table answered {code}")
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    server_fault = 500
    kind = Unavailable if status >= server_fault else Misconfigured
    return kind(f"the table answered {code or status}")


def _cancelled(reasons: Sequence[Mapping[str, Any]]) -> CloakroomError:
    codes = [reason.get("Code", "None") for reason in reasons]
    failed = [code == FAILED for code in codes]
    if any(failed):
        return TransactionCancelled(failed, [_item(reason) for reason in reasons])
    if any(code in _TRANSIENT_REASONS for code in codes):
        kind = Contended if "TransactionConflict" in codes else Throttled
        return kind("another writer was in the way")
    return Misconfigured("the table cancelled a transaction: " + ", ".join(codes))


def _obstacle(reason: Mapping[str, Any]) -> Obstacle | None:
    code = reason.get("Code", "None")
    return None if code == "None" else Obstacle(code == FAILED, _item(reason))


def _item(holder: Mapping[str, Any]) -> dict[str, Any] | None:
    return from_attributes(holder["Item"]) if holder.get("Item") else None
