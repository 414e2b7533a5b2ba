"""A connection is opened, and how it says that it was closed."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from chalicelib.aws.endpoints import Endpoint
    from chalicelib.aws.trust import Trust

CONNECT_TIMEOUT: Final = 1.0

BROKEN: Final = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""What a connection says that the other side has closed; before the first byte of an answer, on a kept one, it is no
fault."""


class Lost(Exception):
    """A connection ended before an answer began."""


def connected(endpoint: Endpoint, timeout: float, believing: Trust) -> socket.socket:
    """Return an open connection; `timeout` seconds bound each step. Raises OSError."""
    context = believing.context() if endpoint.is_secure else None
    try:
        return _opened(endpoint, timeout, context)
    except ssl.SSLCertVerificationError:
        # Of several that are opened side by side one widens; the others find it done.
        if not believing.widen() and believing.context() is context:
            raise
        return _opened(endpoint, timeout, believing.context())


def _opened(endpoint: Endpoint, timeout: float, context: ssl.SSLContext | None) -> socket.socket:
    host = _as_bytes(endpoint.host)
    opened = socket.create_connection((host, endpoint.port), timeout)  # type: ignore[arg-type]  # it takes bytes
    try:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is None:
            return opened
        # An end that is not said in TLS's own words may be anybody's: no answer ends with it.
        return context.wrap_socket(opened, server_hostname=host, suppress_ragged_eofs=False)
    except BaseException:
        opened.close()
        raise


def _as_bytes(host: str) -> bytes | str:
    """Write a host so that Python does not load its tables of all Unicode to find that it is ASCII: 3 ms of a start."""
    return host.encode("ascii") if host.isascii() else host
