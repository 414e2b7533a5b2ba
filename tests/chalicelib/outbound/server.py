"""An outsider for tests: a real server on loopback that does to each connection what the test says."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from pathlib import Path

    Behaviour = Callable[[socket.socket], None]


class Server:
    """Accept connections on 127.0.0.1; keep each request; answer as `behave` does."""

    def __init__(self, behave: Behaviour, *, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.names: list[str | None] = []
        self.answers: list[bytes] = []
        self.connections = 0
        self._behave = behave
        self._tls = tls
        if tls is not None:
            tls.sni_callback = lambda _, name, __: self.names.append(name)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._serve)

    def url(self, path: str = "/token", host: str = "127.0.0.1") -> str:
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # the test is over
            self.connections += 1
            thread = threading.Thread(target=self._one, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _one(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        with suppress(OSError):  # the client went away: what some tests are about
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            self._behave(connection)
        connection.close()

    def read_request(self, connection: socket.socket) -> bytes:
        """Read one request whole, and keep it."""
        received = b""
        while b"\r\n\r\n" not in received:
            received += (part := connection.recv(65_536))
            if not part:
                return received
        head, _, body = received.partition(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        while len(body) < int(lengths[0] if lengths else 0):
            body += connection.recv(65_536)
        self.requests.append(head + b"\r\n\r\n" + body)
        return self.requests[-1]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        for thread in self._threads:
            thread.join(10)


def answering(*answers: bytes) -> Server:
    """Return a server that reads each request and gives these answers in turn, the last one for ever."""

    def behave(connection: socket.socket) -> None:
        server.read_request(connection)
        left = server.answers
        connection.sendall(left.pop(0) if len(left) > 1 else left[0])

    server = Server(behave)
    server.answers = list(answers)
    return server


def ok(body: bytes = b"{}", *headers: str) -> bytes:
    return response("200 OK", body, *headers)


def response(status: str, body: bytes = b"", *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


def redirect(location: str, status: str = "302 Found") -> bytes:
    return response(status, b"", f"Location: {location}")


def certificate(folder: Path, name: str) -> Path:
    """Write a certificate for a name, or an address, that vouches for itself, with its key behind it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([_general_name(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
