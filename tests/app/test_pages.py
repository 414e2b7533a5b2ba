"""Pages of other origins, by the setting; and what every answer of the service carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import app as module
from chalicelib.wiring import Wiring
from tests.app.service import ROOT

if TYPE_CHECKING:
    from tests.app.service import Service

PAGE = "https://app.example"


def cors_of(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.startswith("access-control-") or name == "vary"}


@pytest.fixture
def listing(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", f"{PAGE},http://localhost:5173")
    monkeypatch.setattr(module, "wired", Wiring())


def test_without_the_setting_no_answer_speaks_of_origins(service: Service) -> None:
    answers = [
        service.ask("GET", "/openapi.json", headers={"Origin": PAGE}),
        service.ask("GET", f"/jobs/{'a' * 26}", ROOT, headers={"Origin": PAGE}),
        service.ask("OPTIONS", "/tokens", headers={"Origin": PAGE, "Access-Control-Request-Method": "POST"}),
    ]

    assert [answer.status for answer in answers] == [200, 404, 404]
    assert [cors_of(answer.headers) for answer in answers] == [{}, {}, {}]


@pytest.mark.usefixtures("listing")
def test_with_the_setting_a_listed_origin_may_ask_and_read(service: Service) -> None:
    asked = service.ask("OPTIONS", "/providers/google", headers={"Origin": PAGE})
    read = service.ask("GET", f"/jobs/{'a' * 26}", ROOT, headers={"Origin": PAGE})

    assert (asked.status, asked.raw) == (204, b"")
    assert asked.headers["access-control-allow-methods"] == "DELETE, GET, PUT"
    assert (read.status, cors_of(read.headers)) == (
        404,
        {
            "vary": "Origin",
            "access-control-allow-origin": PAGE,
            "access-control-expose-headers": "Location, Retry-After, WWW-Authenticate",
        },
    )


@pytest.mark.usefixtures("listing")
def test_with_the_setting_another_origin_may_not(service: Service) -> None:
    asked = service.ask("OPTIONS", "/providers/google", headers={"Origin": "https://evil.example"})
    read = service.ask("GET", "/openapi.json", headers={"Origin": "https://evil.example"})

    assert (asked.refusal, cors_of(asked.headers)) == ((404, "not_found"), {"vary": "Origin"})
    assert (read.status, cors_of(read.headers)) == (200, {"vary": "Origin"})


def test_a_list_that_cannot_be_meant_lists_nobody_and_the_contract_is_still_served(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "*")
    monkeypatch.setattr(module, "wired", Wiring())

    read = service.ask("GET", "/openapi.json", headers={"Origin": PAGE})
    asked = service.ask("OPTIONS", "/tokens", headers={"Origin": PAGE})

    assert (read.status, cors_of(read.headers)) == (200, {})
    assert (asked.refusal, cors_of(asked.headers)) == ((503, "misconfigured"), {})


def test_too_large_a_head_is_refused_at_every_route(service: Service) -> None:
    for path in ("/health", "/openapi.json", f"/jobs/{'a' * 26}"):
        refused = service.ask("GET", path, ROOT, headers={"X-Junk": "j" * 12_289})

        assert (*refused.refusal, refused.body["limit"]) == (431, "headers_too_large", 12_288)


def test_what_is_not_a_page_may_do_nothing_as_one(service: Service) -> None:
    for path in ("/health", "/openapi.json", "/jobs?limit=x"):
        headers = service.ask("GET", path, ROOT).headers

        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["strict-transport-security"] == "max-age=63072000"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
