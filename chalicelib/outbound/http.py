"""Call outsiders over HTTP: at checked addresses only, within one deadline, with a bounded answer.

    resolve ─► check every address ─► connect to a checked one ─► TLS handshake ─► write ─► read
    └────────── NotSent, or AddressRefused ───────────────────────────────────┘ └─ AnswerLost ─┘

The name is resolved once and the connection goes to the address that was checked, so DNS cannot change its mind in
between; certificate, SNI and `Host` are for the name. From the first attempt to write on, whatever goes wrong is
AnswerLost: the other side may have carried the request out. Nothing is tried again here, and no connection is kept.
"""

from __future__ import annotations

import http.client
import queue
import socket
import ssl
import threading
import time
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlencode, urljoin

from msgspec import Struct

from chalicelib.errors import AnswerLost, AnswerTooLarge, NotSent
from chalicelib.outbound.addresses import Endpoint, checked, parse_endpoint, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from io import BufferedIOBase

    from chalicelib.outbound.addresses import Address

    Resolve = Callable[[str, int], list[str]]
    """Return the addresses of a host as text. Raises OSError."""

TIMEOUT: Final = 10.0
LARGEST_ANSWER: Final = 256 * 1024
MOST_REDIRECTS: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class Answer(Struct, frozen=True):
    """What an outsider answered, whatever its status; header names in lower case, of repeated ones the last."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Request(Struct, frozen=True):
    method: str
    headers: Mapping[str, str]
    body: bytes | None = None


def resolve_by_system(host: str, port: int) -> list[str]:
    """Ask the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class Outside:
    """The way to outsiders; safe to share between threads."""

    def __init__(
        self,
        *,
        allow_private: bool,
        resolve: Resolve = resolve_by_system,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """`allow_private` allows private and loopback addresses and plain http: what the stage says."""
        self._allow_private = allow_private
        self._resolve = resolve
        self._given_context = context

    def check(self, url: str, *, timeout: float = TIMEOUT) -> None:
        """Say whether this address may be called now. Raises AddressRefused, or NotSent if its name is unknown."""
        self._addresses(parse_endpoint(url, allow_private=self._allow_private), time.monotonic() + timeout)

    def post_form(
        self,
        url: str,
        fields: Mapping[str, str],
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
    ) -> Answer:
        """Send a form once and return whatever comes back: a redirect too, for the form could hold a secret.

        `timeout` (seconds) bounds all of it. Raises AddressRefused, NotSent, AnswerLost.
        """
        given = {"accept": "application/json", **_lower(headers), "content-type": "application/x-www-form-urlencoded"}
        request = _Request("POST", given, urlencode(fields).encode("ascii"))
        return self._exchange(url, request, time.monotonic() + timeout)

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
        redirects: int = MOST_REDIRECTS,
    ) -> Answer:
        """Get a document, through at most `redirects` redirects, each address checked like the first.

        `timeout` (seconds) bounds all of it. What the caller's `headers` say is not told to another origin. Raises
        AddressRefused, NotSent, AnswerLost; the last redirect is an answer like any other.
        """
        ends_at = time.monotonic() + timeout
        request = _Request("GET", {"accept": "application/json", **_lower(headers)})
        for _ in range(redirects):
            answer = self._exchange(url, request, ends_at)
            location = answer.headers.get("location")
            if answer.status not in _REDIRECTS or location is None:
                return answer
            url, request = self._redirected(url, location, request)
        return self._exchange(url, request, ends_at)

    def _redirected(self, url: str, location: str, request: _Request) -> tuple[str, _Request]:
        try:
            target = urljoin(url, location).partition("#")[0]
        except ValueError:
            raise refused("a redirect to an address") from None
        before = parse_endpoint(url, allow_private=self._allow_private)
        after = parse_endpoint(target, allow_private=self._allow_private)
        if before.secure and not after.secure:
            raise refused("a redirect must stay with https")
        same = (before.secure, before.host, before.port) == (after.secure, after.host, after.port)
        return target, request if same else _Request("GET", {"accept": "application/json"})

    def _exchange(self, url: str, request: _Request, ends_at: float) -> Answer:
        endpoint = parse_endpoint(url, allow_private=self._allow_private)
        addresses = self._addresses(endpoint, ends_at)
        sock = _connected(addresses, endpoint.port, ends_at)
        try:
            if endpoint.secure:
                sock = self._context.wrap_socket(sock, server_hostname=endpoint.host, do_handshake_on_connect=False)
            with _Deadline(sock, ends_at) as deadline:
                _shake_hands(sock, deadline)
                return _asked(sock, endpoint, request, deadline)
        except OSError as error:
            raise NotSent(_described(error)) from None
        finally:
            sock.close()

    def _addresses(self, endpoint: Endpoint, ends_at: float) -> list[Address]:
        """Resolve in a thread of its own: the system's resolver takes no time-out."""
        results: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()

        def ask() -> None:
            try:
                results.put(self._resolve(endpoint.host, endpoint.port))
            except OSError as error:
                results.put(error)

        threading.Thread(target=ask, daemon=True, name="resolve").start()
        try:
            resolved = results.get(timeout=max(0.0, ends_at - time.monotonic()))
        except queue.Empty:
            raise NotSent("the provider's name was not resolved in time") from None
        if not isinstance(resolved, list):
            raise NotSent(f"the provider's name does not resolve: {type(resolved).__name__}")
        if not resolved:
            raise NotSent("the provider's name has no address")
        return checked(resolved, allow_private=self._allow_private)

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return self._given_context or ssl.create_default_context()


class _Response(http.client.HTTPResponse):
    """A response whose head must come whole: http.client takes a connection's end for the end of the headers."""

    def begin(self) -> None:
        """Read the head. Raises IncompleteRead besides what http.client raises."""
        source = self.fp
        self.fp = _Head(source)  # type: ignore[assignment]
        super().begin()
        self.fp = source


class _Head:
    """A file's lines, each with its end."""

    def __init__(self, source: BufferedIOBase) -> None:
        self._source = source
        self.close, self.flush = source.close, source.flush

    def readline(self, limit: int) -> bytes:
        line = self._source.readline(limit)
        if not line.endswith(b"\n") and len(line) < limit:
            raise http.client.IncompleteRead(b"")
        return line


class _Deadline:
    """Shut a socket down when its time is over: its own time-out counts from the last byte, so a server that drips
    could hold us for ever.
    """

    def __init__(self, sock: socket.socket, ends_at: float) -> None:
        self._sock = sock
        self._lock = threading.Lock()
        self._left = False
        self.passed = False
        self._timer = threading.Timer(max(0.0, ends_at - time.monotonic()), self._shut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:  # behind this the number of the socket may be another's
            self._left = True

    def _shut(self) -> None:
        with self._lock:
            if self._left:
                return
            self.passed = True
            # The plain socket's method: SSLSocket's own forgets its TLS state under the thread that reads.
            with suppress(OSError):  # closed by the other side already: there is nothing to end
                socket.socket.shutdown(self._sock, socket.SHUT_RDWR)


def _connected(addresses: list[Address], port: int, ends_at: float) -> socket.socket:
    """Connect to the first address that takes us; each may use its share of the time that is left."""
    fault = "no time was left to connect"
    for position, address in enumerate(addresses):
        left = ends_at - time.monotonic()
        if left <= 0:
            break
        try:
            sock = socket.create_connection((str(address), port), timeout=left / (len(addresses) - position))
        except OSError as error:
            fault = _described(error)
            continue
        sock.settimeout(max(0.001, ends_at - time.monotonic()))
        return sock
    raise NotSent(fault)


def _shake_hands(sock: socket.socket, deadline: _Deadline) -> None:
    if isinstance(sock, ssl.SSLSocket):
        sock.do_handshake()
    if deadline.passed:
        raise NotSent("the provider did not finish the handshake in time")


def _asked(sock: socket.socket, endpoint: Endpoint, request: _Request, deadline: _Deadline) -> Answer:
    """Write the request and read the answer. Raises AnswerLost for whatever goes wrong from here on."""
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port)
    connection.auto_open = 0  # never a connection of its own making: that would resolve the name again
    connection.response_class = _Response
    connection.sock = sock
    headers = {"Host": endpoint.authority, "Connection": "close", "User-Agent": "Cloakroom", **request.headers}
    try:
        connection.request(request.method, endpoint.target, body=request.body, headers=headers)
        with connection.getresponse() as response:  # closed, or it would hold the socket open
            body = response.read(LARGEST_ANSWER + 1)
            cut_off = bool(response.length) and len(body) <= LARGEST_ANSWER
            ended_by_closing = response.length is None and not response.chunked
    except (OSError, http.client.HTTPException, ValueError) as error:
        if deadline.passed or isinstance(error, TimeoutError):
            raise AnswerLost("the provider did not answer in time") from None
        raise AnswerLost(_described(error)) from None
    if deadline.passed and (cut_off or ended_by_closing):  # our shutting it down looks like its end
        raise AnswerLost("the provider did not answer in time")
    if len(body) > LARGEST_ANSWER:
        raise AnswerTooLarge(f"the provider's answer is larger than {LARGEST_ANSWER} bytes")
    if cut_off:
        raise AnswerLost("the provider's answer was cut off")
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


def _described(error: Exception) -> str:
    """Name what happened. Not its text where that may quote what was sent or came back."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{type(error).__name__}: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror and not isinstance(error, ssl.SSLError):
        return f"{type(error).__name__}: {error.strerror}"
    return type(error).__name__


def _lower(headers: Mapping[str, str] | None) -> dict[str, str]:
    return {name.lower(): value for name, value in (headers or {}).items()}
