"""Sockets of one person, a thousand of them if need be, read by one thread."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import TYPE_CHECKING, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bench.changes import ticket

if TYPE_CHECKING:
    from types import TracebackType

    from bench.client import Client

_JOINING = 8
"""Handshakes at the same time: the local cloud answers one after the other."""
_PATIENCE = 60.0


class Watchers:
    """A context manager, which closes them. Each frame that comes to any of them is counted, snapshots too."""

    def __init__(self, caller: Client) -> None:
        self._caller = caller
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="watchers")
        self._sockets: list[ClientConnection] = []
        self._readers: list[asyncio.Task[None]] = []
        self.heard = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def __len__(self) -> int:
        return len(self._sockets)

    def grow(self, count: int) -> None:
        """Open more, until there are `count`, and wait for their snapshots."""
        before, missing = self.heard, count - len(self)
        while len(self) < count:
            urls = [ticket(self._caller) for _ in range(min(_JOINING, count - len(self)))]
            asyncio.run_coroutine_threadsafe(self._open(urls), self._loop).result(_PATIENCE)
            self._caller.rest()
        self.wait_for(before + missing)

    def wait_for(self, heard: int) -> None:
        """Wait until so many frames have come in all. Raises TimeoutError."""
        deadline = time.monotonic() + _PATIENCE
        while self.heard < heard:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.heard} of {heard} frames came within {_PATIENCE:.0f} s")
            time.sleep(0.001)

    async def _open(self, urls: list[str]) -> None:
        # No pings: the service closes an idle socket after 10 minutes, the bench before.
        opening = (connect(url, proxy=None, ping_interval=None, open_timeout=_PATIENCE, max_queue=None) for url in urls)
        for socket in await asyncio.gather(*opening):
            self._sockets.append(socket)
            self._readers.append(self._loop.create_task(self._read(socket)))

    async def _read(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for _ in socket:
                self.heard += 1

    async def _close(self) -> None:
        for reader in self._readers:
            reader.cancel()
        for socket in self._sockets:
            socket.transport.abort()  # a polite farewell to a thousand takes a minute here
        await asyncio.gather(*self._readers, return_exceptions=True)
