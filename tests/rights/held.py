"""Hold code that runs in a test's own process to the policy of the function that it is, as AWS would.

The local cloud enforces actions and resources where functions are deployed; here the leading key and KMS's encryption
context are enforced, on each request before it is sent, whatever goes wrong around it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib import log
from tests.rights.evaluate import allows
from tests.rights.files import statements
from tests.rights.requests import of_the_table, under, with_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from chalicelib.aws.json_service import JsonService
    from tests.rights.evaluate import Asked

_DEPLOYED_AS = {
    "api": "api_handler",
    "connect": "websocket_connect",
    "message": "websocket_message",
    "disconnect": "websocket_disconnect",
}


@dataclass
class _Named:
    name: str


class Held:
    """Refuses what the policy of the function that runs now does not allow."""

    def __init__(self) -> None:
        self.function: str | None = None
        """The function as app.py names it in its log; None for the test itself, which may do all."""
        self._policies: dict[str, list[dict[str, Any]]] = {}

    def register(self, events: Any) -> None:
        """Listen to all clients that a boto3 session makes from now on."""
        events.register("before-call.dynamodb", self._table)
        events.register("before-call.kms", self._keys)

    def wrap(self, call: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        """Return `JsonService.call` as our own clients are to make it: they have no events to listen to."""

        checks = {"DynamoDB_20120810": self._table, "TrentService": self._keys}

        def checked(service: JsonService, operation: str, arguments: Mapping[str, Any], *more: Any) -> dict[str, Any]:
            if check := checks.get(service._target):
                check(_Named(operation), {"body": json.dumps(arguments, default=lambda content: content.hex())})
            return call(service, operation, arguments, *more)

        return checked

    def listening(self, begin: Callable[..., None] = log.begin) -> Callable[..., None]:
        """Return a `log.begin` that tells which function begins."""

        def told(**fields: object) -> None:
            self.function = str(fields["function"])
            begin(**fields)

        return told

    def _table(self, model: Any, params: dict[str, Any], **_: Any) -> None:
        parts = of_the_table(model.name, json.loads(params["body"]))
        self._check(model.name, (with_keys(*part) for part in parts))

    def _keys(self, model: Any, params: dict[str, Any], **_: Any) -> None:
        self._check(model.name, [under(f"kms:{model.name}", json.loads(params["body"])["EncryptionContext"])])

    def _check(self, operation: str, wanted: Iterable[Asked]) -> None:
        if self.function is None:
            return
        name = _DEPLOYED_AS.get(self.function, self.function)
        policy = self._policies.setdefault(name, statements(name))
        for asked in wanted:
            if not allows(policy, asked):
                refusal = {"Code": "AccessDeniedException", "Message": f"{name} may not {asked}"}
                raise ClientError({"Error": refusal, "ResponseMetadata": {"HTTPStatusCode": 400}}, operation)
