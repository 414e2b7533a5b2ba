"""The clients: their methods are boto3's, as far as this service calls them."""

from __future__ import annotations

import os
from base64 import b64decode
from typing import TYPE_CHECKING, Any

from chalicelib.aws.json_service import TRIES, JsonService
from chalicelib.aws.line import READ_TIMEOUT, Line
from chalicelib.aws.signature import Signer

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.aws.endpoints import Endpoint, Surroundings


class DynamoDb:
    """One table's service. Binaries in answers are base64 text, as in the records of a stream."""

    works_meanwhile = True
    """Whether `put_item` takes `meanwhile`, which boto3's does not."""

    def __init__(
        self,
        endpoint: Endpoint,
        around: Surroundings,
        *,
        tries: int = TRIES,
        read_timeout: float = READ_TIMEOUT,
        line: Line | None = None,
    ) -> None:
        """`line` is one that is there already: its connections are shared, whatever else differs."""
        self._around = around
        self.line = line or Line(endpoint)
        signer = Signer(around.credentials, region=around.region, service="dynamodb")
        self._service = JsonService(
            self.line, signer, target="DynamoDB_20120810", version="1.0", tries=tries, read_timeout=read_timeout
        )

    def hurried(self, *, tries: int, read_timeout: float) -> DynamoDb:
        """Return a client over the same connections that gives up sooner."""
        return DynamoDb(self.line.endpoint, self._around, tries=tries, read_timeout=read_timeout, line=self.line)

    def put_item(self, *, meanwhile: Callable[[], None] | None = None, **arguments: object) -> dict[str, Any]:
        """Write an item. `meanwhile` is as in `JsonService.call`."""
        return self._service.call("PutItem", arguments, meanwhile)

    def update_item(self, **arguments: object) -> dict[str, Any]:
        """Change an item."""
        return self._service.call("UpdateItem", arguments)

    def delete_item(self, **arguments: object) -> dict[str, Any]:
        """Delete an item."""
        return self._service.call("DeleteItem", arguments)

    def transact_write_items(self, **arguments: object) -> dict[str, Any]:
        """Do all or none. By its token DynamoDB knows a request that comes again, and answers it as it did the first.

        The token is this call's: all its tries carry it, and no other call (botocore gives one in the same way).
        """
        return self._service.call("TransactWriteItems", {**arguments, "ClientRequestToken": os.urandom(16).hex()})

    def get_item(self, **arguments: object) -> dict[str, Any]:
        """Read an item."""
        return self._service.call("GetItem", arguments)

    def batch_get_item(self, **arguments: object) -> dict[str, Any]:
        """Read many items."""
        return self._service.call("BatchGetItem", arguments)

    def query(self, **arguments: object) -> dict[str, Any]:
        """Read the items of a partition."""
        return self._service.call("Query", arguments)

    def scan(self, **arguments: object) -> dict[str, Any]:
        """Read whatever items there are."""
        return self._service.call("Scan", arguments)

    def describe_table(self, **arguments: object) -> dict[str, Any]:
        """Read what the table is."""
        return self._service.call("DescribeTable", arguments)


class Sqs:
    """The queues: which one is meant stands in each request."""

    def __init__(self, endpoint: Endpoint, around: Surroundings) -> None:
        signer = Signer(around.credentials, region=around.region, service="sqs")
        self.line = Line(endpoint)
        self._service = JsonService(self.line, signer, target="AmazonSQS", version="1.0")

    def send_message(self, **arguments: object) -> dict[str, Any]:
        """Queue a message; after a lost answer perhaps twice."""
        return self._service.call("SendMessage", arguments)


class Kms:
    """What wraps and unwraps a branch key."""

    def __init__(self, endpoint: Endpoint, around: Surroundings) -> None:
        signer = Signer(around.credentials, region=around.region, service="kms")
        self.line = Line(endpoint)
        self._service = JsonService(self.line, signer, target="TrentService", version="1.1")

    def generate_data_key(self, **arguments: object) -> dict[str, Any]:
        """Make a key."""
        return _with_bytes(self._service.call("GenerateDataKey", arguments))

    def decrypt(self, **arguments: object) -> dict[str, Any]:
        """Unwrap a key."""
        return _with_bytes(self._service.call("Decrypt", arguments))


def _with_bytes(answer: dict[str, Any]) -> dict[str, Any]:
    binaries = ("Plaintext", "CiphertextBlob")
    return {name: b64decode(value) if name in binaries else value for name, value in answer.items()}
