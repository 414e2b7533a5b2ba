"""Too much of anything, over the wire: each refused with what it may be, none of it taken for something else."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.stack.http import Api, hand_in, unique

if TYPE_CHECKING:
    from devtool.testing import LiveCloud

JOB = "/jobs/" + "a" * 26


@pytest.mark.parametrize("name", ["X-Junk", "Cookie", "User-Agent", "Accept"])
def test_headers_beyond_12288_bytes_are_refused_with_the_limit(api: Api, name: str) -> None:
    refused = api.get(JOB, api.admin, headers={name: "j" * 12_289})
    open_to_all = api.get("/health", headers={name: "j" * 12_289})

    assert (refused.status, refused.code, refused.json["limit"]) == (431, "headers_too_large", 12_288)
    assert open_to_all.status == 431


def test_headers_of_10240_bytes_are_taken_as_api_gateway_takes_them(api: Api) -> None:
    assert api.get("/health", headers={"X-Junk": "j" * 10_240}).status == 200


def test_many_small_headers_count_as_one_large(api: Api) -> None:
    many = {f"X-Junk-{number:04}": "j" * 90 for number in range(128)}

    assert api.get("/health", headers=many).status == 431


def test_what_the_server_itself_does_not_read_ends_in_a_4xx_and_never_at_a_route(cloud: LiveCloud) -> None:
    address = urlsplit(cloud.api_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    try:
        connection.request("GET", f"{address.path}/health", headers={"X-Junk": "j" * 20_480})
        status = connection.getresponse().status
    except ConnectionError:
        status = 431
    finally:
        connection.close()

    assert status in (400, 431)


@pytest.mark.parametrize("length", [8_193, 9_000])
def test_a_bearer_beyond_8192_characters_is_refused_like_any_other_bad_one(api: Api, length: int) -> None:
    answer = api.get(JOB, headers={"Authorization": "Bearer " + "a" * length})

    assert (answer.status, answer.code) == (403, "forbidden")


@pytest.mark.parametrize(("key", "status"), [("k" * 255, 202), ("k" * 256, 400), ("", 400)])
def test_an_idempotency_key_has_255_characters_at_the_most(api: Api, key: str, status: int) -> None:
    body = hand_in(unique("key"))
    unused = unique("")[-12:] + key[12:] if key else key

    answer = api.post("/tokens", api.producer, body=body, headers={"Idempotency-Key": unused})

    assert answer.status == status


@pytest.mark.parametrize("query", ["cursor=" + "A" * 2_000, "limit=" + "1" * 2_000, "status=" + "S" * 2_000])
def test_a_long_query_is_an_invalid_parameter(api: Api, query: str) -> None:
    answer = api.get(f"/jobs?{query}", api.admin)

    assert (answer.status, answer.code) == (400, "invalid_parameter")


def test_a_query_of_many_parameters_is_refused_at_the_first_that_is_unknown(api: Api) -> None:
    query = "&".join(f"p{number}=x" for number in range(500))

    answer = api.get(f"/jobs?{query}", api.admin)

    assert (answer.status, answer.code) == (400, "invalid_parameter")
    assert len(answer.body) < 1_000, "the query came back"


@pytest.mark.parametrize("length", [27, 129, 4_000])
def test_a_long_path_leads_nowhere(api: Api, length: int) -> None:
    for path in (f"/tokens/{'a' * length}", f"/jobs/{'a' * length}/retry"):
        assert api.get(path, api.admin).status == 404


@pytest.mark.parametrize("size", [65_537, 1_000_000, 6_500_000])
def test_a_body_between_our_limit_and_api_gateways_is_413(api: Api, size: int) -> None:
    answer = api.post("/tokens", api.producer, body=b" " * size)

    assert (answer.status, answer.code) == (413, "body_too_large")
