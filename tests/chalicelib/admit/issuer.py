"""A token issuer for tests: real keys, real signatures, and a JWKS on a real HTTP server that counts."""

from __future__ import annotations

import http.server
import json
import threading
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from chalicelib.admit.bearer import Refused
from chalicelib.admit.issuer import Issuer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from chalicelib.admit.answer import Verifier

ISSUER = "https://issuer.example/"
AUDIENCE = "https://cloakroom.example"
NOW = 1_800_000_000

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Log:
    facts: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, outcome: str, **fields: object) -> None:
        self.facts.append({"outcome": outcome, **fields})


@cache
def rsa_key(name: str = "one", bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@cache
def ec_key(name: str = "one", curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve())


def an_issuer(**changes: Any) -> Issuer:
    whole = {"name": ISSUER, "audiences": (AUDIENCE,), "jwks_url": "https://issuer.example/jwks.json"}
    return Issuer(**{**whole, **changes})


def jwk(key: PrivateKey, kid: str, **members: object) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPrivateKey):
        public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    public.pop("key_ops", None)
    return {**public, "kid": kid, "use": "sig", **members}


def claims(**changes: object) -> dict[str, Any]:
    usual = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "auth0|5f7c8ec7c33c6c004bbafe82",
        "iat": NOW - 10,
        "exp": NOW + 600,
        "jti": "token-1",
        "groups": ["consumer"],
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not ...}


def sign(
    payload: dict[str, Any] | bytes,
    key: PrivateKey | None = None,
    *,
    kid: str | None = "rsa-1",
    alg: str | None = None,
    **header: object,
) -> str:
    key = key or rsa_key()
    used = alg or ("RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256")
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    named = {} if kid is None else {"kid": kid}
    return jwt.PyJWS().encode(body, key, algorithm=used, headers={**named, **header})


def assemble(header: dict[str, Any] | bytes, payload: dict[str, Any] | bytes, signature: bytes = b"") -> str:
    """Put a token together that no library would make."""

    def segment(part: dict[str, Any] | bytes) -> str:
        text = part if isinstance(part, bytes) else json.dumps(part).encode()
        return urlsafe_b64encode(text).decode().rstrip("=")

    return ".".join(map(segment, (header, payload, signature)))


def refused(verifier: Verifier, token: str) -> str:
    result = verifier.verify(f"Bearer {token}")
    assert isinstance(result, Refused), result
    return result.code


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that went away: that is what some tests are about."""


class JwksServer:
    """Serve a JWKS on loopback, and a discovery document if given; count; be slow, broken or away on demand."""

    def __init__(self, *keys: dict[str, Any], tls: ssl.SSLContext | None = None) -> None:
        self.body = json.dumps({"keys": keys}).encode()
        self.discovery: dict[str, Any] | bytes | None = None
        self.status = 200
        self.headers: dict[str, str] = {}
        self.delay = 0.0
        self.write: Callable[[http.server.BaseHTTPRequestHandler], None] | None = None
        self.paths: list[str] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.paths.append(self.path)
                time.sleep(outer.delay)
                try:
                    outer.write(self) if outer.write else outer._plain(self)
                except OSError:
                    self.close_connection = True  # the client went away: what the test is about

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002
                return

        self._server = _Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            # The handshake belongs to the request's thread: a client that breaks it off must not stop us.
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.origin = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.origin}/jwks.json"

    @property
    def fetches(self) -> int:
        return len(self.paths)

    def publish(self, *keys: dict[str, Any]) -> None:
        self.body = json.dumps({"keys": keys}).encode()

    def _plain(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        body = self.body
        if self.discovery is not None and handler.path == "/.well-known/openid-configuration":
            body = self.discovery if isinstance(self.discovery, bytes) else json.dumps(self.discovery).encode()
        handler.send_response(self.status)
        for name, value in self.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
