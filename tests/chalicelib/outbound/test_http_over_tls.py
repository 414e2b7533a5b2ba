from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING

import pytest

from chalicelib.errors import AddressRefused, AnswerLost, NotSent
from chalicelib.outbound.http import Outside
from tests.chalicelib.outbound.server import Server, certificate, ok, redirect

if TYPE_CHECKING:
    import socket
    from pathlib import Path


def server_context(pem: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def trusting(pem: Path) -> Outside:
    """Return a way outside that takes 127.0.0.1 for every name and trusts one certificate."""
    return Outside(
        allow_private=True, resolve=lambda *_: ["127.0.0.1"], context=ssl.create_default_context(cafile=str(pem))
    )


def secure(pem: Path) -> Server:
    def behave(connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(ok(b"{}"))

    server = Server(behave, tls=server_context(pem))
    return server


def test_certificate_sni_and_host_are_for_the_name_though_the_connection_goes_to_an_address(tmp_path: Path) -> None:
    pem = certificate(tmp_path, "idp.example")
    with secure(pem) as server:
        answer = trusting(pem).post_form(server.url(host="idp.example"), {"a": "b"})

    assert answer.status == 200
    assert server.names == ["idp.example"]
    assert f"host: idp.example:{server.port}".encode() in server.requests[0].lower()


def test_a_certificate_for_another_name_is_not_sent_to(tmp_path: Path) -> None:
    pem = certificate(tmp_path, "other.example")
    with secure(pem) as server, pytest.raises(NotSent, match="SSLCertVerificationError: Hostname mismatch"):
        trusting(pem).post_form(server.url(host="idp.example"), {"a": "b"})

    assert server.requests == []


def test_a_certificate_for_the_address_is_none_for_the_name(tmp_path: Path) -> None:
    pem = certificate(tmp_path, "127.0.0.1")
    with secure(pem) as server:
        assert trusting(pem).get(server.url(host="127.0.0.1")).status == 200
        with pytest.raises(NotSent):
            trusting(pem).get(server.url(host="idp.example"))


def test_a_certificate_that_nobody_vouches_for_is_not_sent_to(tmp_path: Path) -> None:
    pem = certificate(tmp_path, "idp.example")
    outside = Outside(allow_private=True, resolve=lambda *_: ["127.0.0.1"])
    with secure(pem) as server, pytest.raises(NotSent, match="SSLCertVerificationError"):
        outside.post_form(server.url(host="idp.example"), {"a": "b"})

    assert server.requests == []


def test_a_redirect_must_stay_with_https_whatever_the_stage_allows(tmp_path: Path) -> None:
    pem = certificate(tmp_path, "idp.example")

    def behave(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(redirect("http://idp.example/"))

    with (
        Server(behave, tls=server_context(pem)) as server,
        pytest.raises(AddressRefused, match="must stay with https"),
    ):
        trusting(pem).get(server.url(host="idp.example"))


def plain(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def close_at_once(connection: socket.socket) -> None:
    connection.close()


@pytest.mark.parametrize("behave", [plain, close_at_once])
def test_a_server_that_breaks_the_handshake_off_was_not_sent_to(tmp_path: Path, behave: object) -> None:
    pem = certificate(tmp_path, "idp.example")
    with Server(behave) as server, pytest.raises(NotSent):
        trusting(pem).post_form(f"https://idp.example:{server.port}/", {"a": "b"})


def drip_a_handshake(connection: socket.socket) -> None:
    for byte in b"\x16\x03\x03\x40\x00" + b"\x02\x00\x3f\xfc" * 20:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


def test_a_handshake_that_drips_is_given_up_and_nothing_was_sent(tmp_path: Path) -> None:
    pem = certificate(tmp_path, "idp.example")
    with Server(drip_a_handshake) as server:
        begun = time.monotonic()
        with pytest.raises(NotSent):
            trusting(pem).post_form(f"https://idp.example:{server.port}/", {"a": "b"}, timeout=0.5)

        assert time.monotonic() - begun < 1.2


def test_a_server_that_closes_behind_the_handshake_may_have_carried_the_request_out(tmp_path: Path) -> None:
    pem = certificate(tmp_path, "idp.example")

    def behave(connection: socket.socket) -> None:
        connection.recv(65_536)

    with Server(behave, tls=server_context(pem)) as server, pytest.raises(AnswerLost):
        trusting(pem).post_form(server.url(host="idp.example"), {"a": "b"})


def test_an_answer_that_drips_over_tls_is_given_up(tmp_path: Path) -> None:
    pem = certificate(tmp_path, "idp.example")

    def behave(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(40):
            connection.sendall(b" ")
            time.sleep(0.05)

    with Server(behave, tls=server_context(pem)) as server:
        begun = time.monotonic()
        with pytest.raises(AnswerLost, match="in time"):
            trusting(pem).post_form(server.url(host="idp.example"), {"a": "b"}, timeout=0.5)

        assert time.monotonic() - begun < 1.2
