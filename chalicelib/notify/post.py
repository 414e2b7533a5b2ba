"""Post to a socket through API Gateway's `@connections`."""

from __future__ import annotations

from typing import Any

from chalicelib.notify.tell import GoneAway, NotDelivered

_GONE = frozenset({"GoneException", "410"})


class ConnectionsApi:
    """`client` is boto3's apigatewaymanagementapi: its endpoint is a setting, where Chalice's insists on https."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __call__(self, connection_id: str, message: bytes) -> None:
        """Post one message. Raises GoneAway, or NotDelivered after the client's time-outs."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  cold starts pay for it

        try:
            self._client.post_to_connection(ConnectionId=connection_id, Data=message)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in _GONE:
                raise GoneAway from None
            raise NotDelivered(f"@connections answered {code}") from None
        except BotoCoreError as error:
            raise NotDelivered(f"@connections did not answer: {type(error).__name__}") from None
