"""Pushes by boto3, as AWS's own examples for WebSocket APIs send them, but side by side: one client, and as many
threads as it keeps connections.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Sequence

THREADS = 32


class Pusher:
    """Sends one message to many connections."""

    def __init__(self, url: str, ca_file: str) -> None:
        self._client: Any = boto3.client(
            "apigatewaymanagementapi",
            endpoint_url=url,
            verify=ca_file,
            config=Config(max_pool_connections=THREADS, connect_timeout=1, read_timeout=2),
        )
        self._pool = ThreadPoolExecutor(THREADS)

    def push(self, connection_ids: Sequence[str], message: bytes) -> list[str]:
        """Send it, and return who is gone."""
        gone = self._pool.map(lambda connection_id: self._posted(connection_id, message), connection_ids)
        return [connection_id for connection_id in gone if connection_id is not None]

    def close(self) -> None:
        """End its threads and connections."""
        self._pool.shutdown()
        self._client.close()

    def _posted(self, connection_id: str, message: bytes) -> str | None:
        try:
            self._client.post_to_connection(ConnectionId=connection_id, Data=message)
        except self._client.exceptions.GoneException:
            return connection_id
        return None
