"""Post to a socket through API Gateway's `@connections`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from chalicelib.aws.errors import answered, named
from chalicelib.notify.tell import GoneAway, NotDelivered

if TYPE_CHECKING:
    from chalicelib.errors import CloakroomError

_GONE = frozenset({"GoneException", "410"})
_TOO_MANY: Final = 429
_THEIR_FAULT: Final = 500
PAUSE = 0.05
"""Seconds before the one repetition of a post that API Gateway turned away for lack of capacity."""


class Overloaded(NotDelivered):
    """API Gateway has no capacity for this message at this moment."""

    code = "overloaded"


class ConnectionsApi:
    """`client` is `aws.sockets.Sockets` or boto3's apigatewaymanagementapi: its endpoint is a setting, where Chalice's
    insists on https.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def __call__(self, connection_id: str, message: bytes) -> None:
        """Post one message. Raises GoneAway, or NotDelivered after the client's time-outs."""
        try:
            self._ask("post_to_connection", ConnectionId=connection_id, Data=message)
        except Overloaded:
            time.sleep(PAUSE)
            self._ask("post_to_connection", ConnectionId=connection_id, Data=message)

    def hang_up(self, connection_id: str) -> None:
        """Close a socket. Raises GoneAway if it is closed already, or NotDelivered after the client's time-outs."""
        self._ask("delete_connection", ConnectionId=connection_id)

    def _ask(self, operation: str, **arguments: object) -> None:
        try:
            getattr(self._client, operation)(**arguments)
        except Exception as error:  # noqa: BLE001  `understood` raises again what is not about AWS
            raise understood(error) from None


def understood(error: Exception) -> CloakroomError:
    """Return what a client's error says of a message: GoneAway, or NotDelivered. Raises what is not about AWS."""
    response = answered(error)
    if response is None:
        return NotDelivered(f"@connections did not answer: {named(error)}")
    code = response.get("Error", {}).get("Code", "")
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _GONE:
        return GoneAway()
    is_full = status >= _THEIR_FAULT or status == _TOO_MANY
    return (Overloaded if is_full else NotDelivered)(f"@connections answered {code}")
