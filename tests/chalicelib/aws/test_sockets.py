"""What is sent to a socket, byte by byte: one message to many, each signed for itself."""

from __future__ import annotations

import email.parser
from functools import partial
from itertools import product
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.aws.endpoints import Endpoint, Surroundings
from chalicelib.aws.signature import Credentials
from chalicelib.aws.sockets import Sockets
from tests.chalicelib.aws.scripted import Scripted, says

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = "abc.execute-api.eu-central-1.amazonaws.com"
CONNECTION_IDS = st.text(min_size=1, max_size=30).filter(lambda text: text not in {".", ".."})
SECRETS = st.text(st.characters(codec="ascii", exclude_categories=("C", "Z")), min_size=1, max_size=60)


def sockets(path: str = "/api", session_token: str | None = "session") -> Sockets:
    known = Credentials(access_key="AKIDEXAMPLE", secret_key="secret", session_token=session_token)
    endpoint = Endpoint(is_secure=True, host=HOST, port=443, path=path)
    return Sockets(endpoint, Surroundings(credentials=known, region="eu-central-1"))


def read(request: bytes) -> tuple[str, dict[str, str], bytes]:
    """Return the first line, the headers and the body."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, _, lines = head.decode("ascii").partition("\r\n")
    return first, dict(email.parser.Parser().parsestr(lines).items()), body


def signed_by_botocore(method: str, path: str, body: bytes, session_token: str | None) -> dict[str, str]:
    headers = {"content-type": "application/octet-stream"} if method == "POST" else {}
    request = AWSRequest(method, f"https://{HOST}{path}", data=body, headers=headers)
    known = BotoCredentials("AKIDEXAMPLE", "secret", session_token)
    SigV4Auth(known, "execute-api", "eu-central-1").add_auth(request)
    return {"host": HOST, **{name.lower(): value for name, value in request.headers.items()}}


def in_one_second(ours: Callable[[], bytes], theirs: Callable[[], dict[str, str]]) -> tuple[bytes, dict[str, str]]:
    """Return both, signed at the same time."""
    for _ in range(9):  # a second may end in between
        expected, request = theirs(), ours()
        if f"x-amz-date: {expected['x-amz-date']}\r\n".encode() in request:
            break
    return request, expected


@settings(max_examples=300, deadline=None)
@given(
    ids=st.lists(CONNECTION_IDS, min_size=1, max_size=4),
    messages=st.lists(st.binary(max_size=300), min_size=1, max_size=3),
    path=st.sampled_from(["", "/api", "/a/b", "/_aws/execute-api/x1/api"]),
    token=st.none() | SECRETS,
)
def test_each_of_many_is_sent_what_botocore_would_sign_for_it_alone(
    ids: list[str], messages: list[bytes], path: str, token: str | None
) -> None:
    client = sockets(path, token)

    for connection_id, message in [*product(ids, messages), *product(ids, messages)]:
        sent_to = f"{path}/@connections/{quote(connection_id, safe='')}"
        request, expected = in_one_second(
            partial(client.posting, connection_id, message),
            partial(signed_by_botocore, "POST", sent_to, message, token),
        )

        start, headers, body = read(request)
        assert start == f"POST {sent_to} HTTP/1.1"
        assert headers == {**expected, "accept-encoding": "identity", "content-length": str(len(message))}
        assert body == message


def test_a_message_is_a_request_of_its_own() -> None:
    first, headers, body = read(sockets().posting("AbC=/ü", b'{"type":"pong"}'))

    assert first == "POST /api/@connections/AbC%3D%2F%C3%BC HTTP/1.1"
    assert list(headers) == [
        "host",
        "content-type",
        "x-amz-date",
        "x-amz-security-token",
        "authorization",
        "accept-encoding",
        "content-length",
    ]
    assert body == b'{"type":"pong"}'


def test_closing_is_signed_as_botocore_signs_it() -> None:
    request, expected = in_one_second(
        lambda: sockets().closing("AbC="),
        lambda: signed_by_botocore("DELETE", "/api/@connections/AbC%3D", b"", "session"),
    )

    first, headers, body = read(request)
    assert first == "DELETE /api/@connections/AbC%3D HTTP/1.1"
    assert headers == {**expected, "accept-encoding": "identity", "content-length": "0"}
    assert body == b""


def test_a_message_that_holds_what_a_head_holds_is_sent_as_it_is() -> None:
    client = sockets()
    _, headers, _ = read(client.posting("a", b""))
    message = f"POST /api/@connections/ HTTP/1.1\r\nauthorization: {headers['authorization']}\r\n\r\n".encode()

    _, _, body = read(client.posting("a", message))

    assert body == message


@pytest.mark.parametrize("connection_id", ["", ".", ".."])
def test_an_id_that_would_be_another_path_is_refused(connection_id: str) -> None:
    with pytest.raises(ValueError, match="path"):
        sockets().posting(connection_id, b"")


@pytest.mark.parametrize("path", ["/a b", "/a\r\nx: y", "/ä"])
def test_an_address_that_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="printable"):
        sockets(path).posting("a", b"")


def test_a_message_is_signed_anew_in_the_next_second(monkeypatch: pytest.MonkeyPatch) -> None:
    client, dates = sockets(), []

    for moment in (1_800_057_599.9, 1_800_057_600.0):
        monkeypatch.setattr("time.time", lambda moment=moment: moment)
        _, headers, _ = read(client.posting("a", b""))
        dates.append((headers["x-amz-date"], headers["authorization"].partition(",")[0].rpartition("Credential=")[2]))

    assert dates == [
        ("20270115T235959Z", "AKIDEXAMPLE/20270115/eu-central-1/execute-api/aws4_request"),
        ("20270116T000000Z", "AKIDEXAMPLE/20270116/eu-central-1/execute-api/aws4_request"),
    ]


def test_messages_are_sent_over_one_connection() -> None:
    known = Credentials(access_key="AKIDEXAMPLE", secret_key="secret")
    with Scripted([says(200), says(200)]) as server:
        client = Sockets(server.endpoint, Surroundings(credentials=known, region="eu-central-1"))
        client.post_to_connection(ConnectionId="a", Data=b"1")
        client.delete_connection(ConnectionId="a")

    assert [headers[":line"] for headers, _ in server.heard] == [
        "POST /@connections/a HTTP/1.1",
        "DELETE /@connections/a HTTP/1.1",
    ]
    assert server.opened == 1
