from __future__ import annotations

import pytest
from chalice.app import Response

from chalicelib.errors import NotFound
from chalicelib.web.cors import preflight, shared
from chalicelib.web.problems import SECURITY_HEADERS

LISTED = ("https://app.example", "http://localhost:5173")
STRANGERS = (
    None,
    "",
    "null",
    "*",
    "https://evil.example",
    "http://app.example",
    "https://app.example.evil.example",
    "https://evil.example/https://app.example",
    "https://app.example:8443",
    "https://APP.example",
    "https://app.example,http://localhost:5173",
)


def answer() -> Response:
    return Response(body={}, headers={"Cache-Control": "no-store"})


@pytest.mark.parametrize("origin", LISTED)
def test_a_listed_origin_may_read_the_answer_and_what_it_needs_of_its_headers(origin: str) -> None:
    assert shared(answer(), origin, LISTED).headers == {
        "Cache-Control": "no-store",
        "Vary": "Origin",
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "Location, Retry-After, WWW-Authenticate",
    }


@pytest.mark.parametrize("origin", STRANGERS)
def test_no_other_may_and_no_cache_gives_it_one_that_another_might(origin: str | None) -> None:
    assert shared(answer(), origin, LISTED).headers == {"Cache-Control": "no-store", "Vary": "Origin"}


@pytest.mark.parametrize("origin", [*LISTED, *STRANGERS])
def test_with_an_empty_list_no_answer_is_changed(origin: str | None) -> None:
    assert shared(answer(), origin, ()).headers == {"Cache-Control": "no-store"}


def test_a_preflight_of_a_listed_origin_is_told_what_the_path_takes() -> None:
    told = preflight(LISTED[0], LISTED, {"POST", "GET"})

    assert (told.status_code, told.body) == (204, "")
    assert told.headers == {
        **SECURITY_HEADERS,
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key",
        "Access-Control-Max-Age": "7200",
    }


@pytest.mark.parametrize("origin", STRANGERS)
@pytest.mark.parametrize("listed", [LISTED, ()])
def test_every_other_preflight_finds_nothing(origin: str | None, listed: tuple[str, ...]) -> None:
    with pytest.raises(NotFound):
        preflight(origin, listed, {"GET"})


def test_credentials_are_never_allowed() -> None:
    headers = [
        *shared(answer(), LISTED[0], LISTED).headers,
        *preflight(LISTED[0], LISTED, {"GET"}).headers,
    ]

    assert "Access-Control-Allow-Credentials" not in headers
