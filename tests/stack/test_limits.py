"""Limits at their edges, and everything that is no proper request. The client holds each answer to the contract."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.stack.http import Api, at, hand_in, unique

if TYPE_CHECKING:
    from devtool.testing import LiveCloud


def padded(body: dict[str, Any], size: int) -> bytes:
    raw = json.dumps(body).encode()
    return raw + b" " * (size - len(raw))


def handed_in(api: Api, **token: object) -> tuple[int, str | None]:
    answer = api.post("/tokens", api.producer, body=hand_in(unique("limit"), **token))
    return answer.status, answer.json.get("field")


def test_a_body_of_65536_bytes_is_taken_and_one_more_is_not(api: Api) -> None:
    subject = unique("body")
    full = hand_in(subject, access_token="a" * 16_384, refresh_token="r" * 16_384, id_token="i" * 16_384)

    taken = api.post("/tokens", api.producer, body=padded(full, 65_536))
    refused = api.post("/tokens", api.producer, body=padded(full, 65_537))

    assert taken.status == 202
    assert (refused.status, refused.code, refused.json["limit"]) == (413, "body_too_large", 65_536)
    secret = api.get(f"/tokens/{taken.json['id']}/secret", api.consumer(subject)).json
    assert {name: len(secret[name]) for name in ("access_token", "refresh_token", "id_token")} == {
        "access_token": 16_384,
        "refresh_token": 16_384,
        "id_token": 16_384,
    }


def test_a_body_of_megabytes_is_refused(api: Api) -> None:
    assert api.post("/tokens", api.producer, body=padded(hand_in("x"), 3_000_000)).status == 413
    assert api.post("/tickets", api.producer, body=padded({}, 65_537)).status == 413


@pytest.mark.parametrize("member", ["access_token", "refresh_token", "id_token"])
def test_a_token_of_16384_characters_is_taken_and_one_more_is_not(api: Api, member: str) -> None:
    assert handed_in(api, **{member: "t" * 8_192}) == (202, None)
    assert handed_in(api, **{member: "t" * 16_384}) == (202, None)
    raw = json.dumps(hand_in(unique("limit"), scope="ü" * 4_096), ensure_ascii=False).encode()
    assert api.post("/tokens", api.producer, body=raw).status == 202, "characters are counted, not bytes"
    assert handed_in(api, **{member: "t" * 16_385}) == (400, f"token.{member}")
    assert handed_in(api, **{member: ""}) == (400, f"token.{member}")


@pytest.mark.parametrize(
    ("member", "taken", "refused"),
    [
        ("scope", "s" * 4_096, "s" * 4_097),
        ("token_type", "t" * 64, "t" * 65),
        ("expires_in", 315_360_000, 315_360_001),
        ("expires_in", 0, -1),
        ("expires_in", "315360000", "315360001"),
        ("expires_in", "0", ""),
        ("expires_in", None, True),
        ("expires_in", 1, 1.5),
        ("expires_at", "2030-01-01T00:00:00+02:00", "2030-01-01T00:00:00"),
        ("expires_at", None, 1_900_000_000),
        ("extra", {"a": "x" * (8_192 - len('{"a":""}'))}, {"a": "x" * (8_193 - len('{"a":""}'))}),
        ("extra", {}, []),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_member_at_its_limit_is_taken_and_beyond_it_named(
    api: Api, member: str, taken: object, refused: object
) -> None:
    assert handed_in(api, **{member: taken}) == (202, None)
    assert handed_in(api, **{member: refused}) == (400, f"token.{member}")


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        ({f"n{number}": "v" for number in range(16)}, 202),
        ({f"n{number}": "v" for number in range(17)}, 400),
        ({"n" * 64: "v" * 256}, 202),
        ({"n" * 65: "v"}, 400),
        ({"n": "v" * 257}, 400),
        ({"": "v"}, 400),
        ({"n": 1}, 400),
        ({"n": None}, 400),
        ({"n": {"deep": "v"}}, 400),
        ({"n": "line\nbreak"}, 400),
        (None, 400),
    ],
    ids=range(11),
)
def test_metadata_is_small_flat_and_printable(api: Api, metadata: object, status: int) -> None:
    answer = api.post("/tokens", api.producer, body={**hand_in(unique("metadata")), "metadata": metadata})

    assert answer.status == status
    if status == 400:
        assert answer.json["field"].startswith("metadata")


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b" ", b"{", b"[]", b"null", b'"text"', b"1", b"{}", b"\x00", b"NaN", b"\xff\xfe", b"\xef\xbb\xbf{}"),
        *(b'{"subject":"a"}', b"{'subject': 'a'}", b"subject=a", b'{"subject":"\\ud800"}'),
        *(b"[" * 60_000, b'{"a":' * 12_000),
        b'{"subject":"a","provider":"b","token":null}',
        b'{"subject":"a","provider":"b","token":"t"}',
        b'{"subject":"a","provider":"B C","token":{"access_token":"t"}}',
    ],
    ids=range(21),
)
def test_a_body_that_is_not_the_documented_json_is_400(api: Api, raw: bytes) -> None:
    answer = api.post("/tokens", api.producer, body=raw)

    assert (answer.status, answer.code) == (400, "invalid_body")
    assert answer.json["rule"]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml", "json", "*/*"]
)
def test_another_media_type_is_415(api: Api, kind: str) -> None:
    for path in ("/tokens", "/tickets"):
        answer = api.post(path, api.producer, body=b"{}", headers={"Content-Type": kind})

        assert (answer.status, answer.code) == (415, "unsupported_media_type")


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=x"])
def test_json_is_known_by_its_media_type_alone(api: Api, kind: str) -> None:
    body = json.dumps(hand_in(unique("kind"))).encode()

    assert api.post("/tokens", api.producer, body=body, headers={"Content-Type": kind}).status == 202


def test_a_get_with_a_strange_media_type_is_answered_as_any_other(api: Api) -> None:
    strange = {"Content-Type": "text/plain", "Accept": "image/png"}

    assert api.get("/health", headers=strange).status == 200
    assert api.get("/jobs/" + "a" * 26, api.admin, headers=strange).status == 404
    assert api.get("/jobs/" + "a" * 26, api.admin, headers={"Content-Type": "application/octet-stream"}).status == 404


@pytest.mark.parametrize(
    "query",
    [
        *("min_tll=1", "MIN_TTL=1", "min_ttl=1&x=", "min_ttl=", "min_ttl=-1", "min_ttl=1.5", "min_ttl=31536001"),
        *("min_ttl=1e3", "min_ttl=%C2%B2", "min_ttl=%00", "min_ttl=+1"),
    ],
)
def test_a_query_that_the_route_does_not_know_is_400(api: Api, query: str) -> None:
    subject = unique("query")
    token_id = api.hand_in(subject)

    answer = api.get(f"/tokens/{token_id}/secret?{query}", api.consumer(subject))

    assert (answer.status, answer.code) == (400, "invalid_parameter")


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=51", "limit=x", "cursor=", "cursor=*", "cursor=%FF", "cursor=QUJD", "subject=x"),
        *("environment=A", "environment=", "environment=" + "e" * 33, "domain=a/b", "domain=" + "d" * 65),
    ],
)
def test_a_list_refuses_what_it_cannot_mean(api: Api, query: str) -> None:
    subject = unique("list")

    answer = api.get(f"{at(subject)}?{query}", api.consumer(subject))

    assert (answer.status, answer.code) == (400, "invalid_parameter")


@pytest.mark.parametrize("limit", [1, 50])
def test_a_list_takes_limits_from_1_to_50(api: Api, limit: int) -> None:
    subject = unique("list")

    assert api.get(f"{at(subject)}?limit={limit}", api.consumer(subject)).json == {"items": [], "cursor": None}


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/tokens/x/y/z", "/token", "/subjects", "/favicon.ico", "/api/tokens"]
)
def test_an_unknown_path_is_404(api: Api, path: str) -> None:
    answer = api.get(path, api.admin)

    assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "HEAD", "OPTIONS", "DELETE", "TRACE"])
def test_a_method_that_a_path_does_not_have_is_404(api: Api, method: str) -> None:
    for path in ("/tokens", "/tickets", "/health"):
        assert api.call(method, path, api.admin).status == 404


@pytest.mark.parametrize("identifier", ["a", "A" * 26, "a" * 27, "1" * 26, "..", "%2E%2E", "*", "é"])
def test_what_cannot_be_an_id_is_404(api: Api, cloud: LiveCloud, identifier: str) -> None:
    shown = identifier.replace("é", "%C3%A9")
    for path in (f"/tokens/{shown}", f"/tokens/{shown}/secret", f"/jobs/{shown}"):
        assert api.get(path, api.admin).status == 404, path
    assert api.delete(f"/tokens/{shown}", api.admin).status == 404
