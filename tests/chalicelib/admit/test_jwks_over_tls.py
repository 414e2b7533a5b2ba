from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import time
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from chalicelib.admit import jwks
from chalicelib.admit.jwks import Keys, KeysUnavailable
from tests.chalicelib.admit.issuer import Clock, JwksServer, Log, ec_key, jwk, rsa_key
from tests.chalicelib.outbound.shelf import Alone

if TYPE_CHECKING:
    import http.server
    from collections.abc import Iterator
    from pathlib import Path


def certificate(folder: Path) -> Path:
    """Write a certificate for 127.0.0.1 that vouches for itself, and its key."""
    key = ec_key("tls")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    return certificate(tmp_path)


@pytest.fixture
def server(pem: Path) -> Iterator[JwksServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with JwksServer(jwk(rsa_key(), "rsa-1"), tls=context) as running:
        yield running


def test_keys_come_over_tls_from_a_server_that_is_vouched_for(
    monkeypatch: pytest.MonkeyPatch, server: JwksServer, pem: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))

    assert Keys(server.url, Alone(), clock=Clock(), pause=time.sleep, log=Log()).key("rsa-1") is not None


def test_a_server_that_nobody_vouches_for_is_an_outage(server: JwksServer) -> None:
    log = Log()

    with pytest.raises(KeysUnavailable):
        Keys(server.url, Alone(), clock=Clock(), pause=time.sleep, log=log).key("rsa-1")

    assert server.fetches == 0
    assert log.facts[0]["reason"].startswith("SSLCertVerificationError")


def test_a_server_that_drips_over_tls_is_given_up(
    monkeypatch: pytest.MonkeyPatch, server: JwksServer, pem: Path
) -> None:
    def drip(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(30):
            handler.wfile.write(b" ")
            time.sleep(0.1)

    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    monkeypatch.setattr(jwks, "TIMEOUT", 0.5)
    server.write = drip
    begun = time.monotonic()

    with pytest.raises(KeysUnavailable):
        Keys(server.url, Alone(), clock=Clock(), pause=time.sleep, log=Log()).key("rsa-1")

    assert 0.4 < time.monotonic() - begun < 1.2
