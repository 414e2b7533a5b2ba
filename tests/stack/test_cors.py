"""Pages of other origins: those of the list collect tokens and read refusals, all others read nothing."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from devtool import environment
from devtool.testing import require_program
from devtool.workspace import PROJECT
from tests.npm import PATIENCE, installed
from tests.stack.http import Api, at, hand_in, unique
from tests.stack.test_browser import BROWSERS, served
from tests.stack.test_throttling import bearer_of, limited, refill, usage_plans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devtool.testing import LiveCloud

LISTED = "http://localhost:5173"
UNLISTED = "http://localhost:5174"
PAGES = PROJECT / "tests" / "browser"
CORS = "access-control-"
PREFLIGHT = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}


def cors_of(headers: dict[str, str]) -> dict[str, str]:
    return {name.removeprefix(CORS): value for name, value in headers.items() if name.startswith(CORS)}


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/tokens", "POST"),
        (f"/tokens/{'a' * 26}", "DELETE, GET"),
        (f"/tokens/{'a' * 26}/secret", "GET"),
        ("/subjects/auth0%7Cjane/tokens/google/secret", "GET"),
        ("/tickets", "POST"),
        ("/providers/google", "DELETE, GET, PUT"),
        ("/health", "GET"),
    ],
)
def test_a_preflight_needs_no_bearer_and_is_answered_for_a_listed_origin_alone(
    api: Api, path: str, methods: str
) -> None:
    allowed = api.call("OPTIONS", path, headers={"Origin": LISTED, **PREFLIGHT})
    strangers = [api.call("OPTIONS", path, headers={**PREFLIGHT, **sent}) for sent in ({"Origin": UNLISTED}, {})]

    assert (allowed.status, allowed.headers["vary"]) == (204, "Origin")
    assert cors_of(allowed.headers) == {
        "allow-origin": LISTED,
        "allow-methods": methods,
        "allow-headers": "Authorization, Content-Type, Idempotency-Key",
        "max-age": "7200",
        "expose-headers": "Location, Retry-After, WWW-Authenticate",
    }
    assert [(answer.status, answer.code, cors_of(answer.headers)) for answer in strangers] == [
        (404, "not_found", {}),
        (404, "not_found", {}),
    ]


@pytest.mark.parametrize("origin", [LISTED, UNLISTED, "null", "http://localhost:5173.evil.example"])
def test_an_answer_of_ours_reflects_a_listed_origin_and_no_other(api: Api, origin: str) -> None:
    for path in ("/jobs/" + "a" * 26, "/jobs?limit=x", "/health", "/openapi.json"):
        answer = api.get(path, api.admin, headers={"Origin": origin})

        assert answer.headers["vary"] == "Origin"
        assert cors_of(answer.headers).get("allow-origin") == (LISTED if origin == LISTED else None)


def test_a_gateways_refusal_may_be_read_by_anybody_for_it_is_the_same_for_all(api: Api) -> None:
    unauthorized = api.get("/jobs/" + "a" * 26, headers={"Origin": UNLISTED})

    assert (unauthorized.status, unauthorized.code) == (401, "unauthorized")
    assert cors_of(unauthorized.headers) == {
        "allow-origin": "*",
        "expose-headers": "Location,Retry-After,WWW-Authenticate",
    }


@pytest.mark.parametrize("path", ["/health", "/openapi.json", "/jobs", "/nowhere"])
def test_every_answer_has_the_security_headers(api: Api, path: str) -> None:
    for bearer in (None, api.admin, api.producer):
        headers = api.get(path, bearer).headers

        assert headers["x-content-type-options"] == "nosniff"
        assert headers["strict-transport-security"] == "max-age=63072000"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["content-security-policy"] in ("default-src 'none'; frame-ancestors 'none'", "sandbox")
        kept = path == "/openapi.json"
        assert headers["cache-control"] == ("public, max-age=300" if kept else "no-store")


def read_by(origin: str, requests: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what a page of an origin can read of the answers to its requests, in a real browser."""
    packages, browser = installed(PAGES), require_program(*BROWSERS)
    with served(PAGES) as server:
        done = subprocess.run(
            ["node", str(PAGES / "collect.mjs"), str(packages), browser, origin, server],
            input=json.dumps(requests),
            env=environment.for_child(None),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-2_000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def fetching(api: Api, cloud: LiveCloud, subject: str) -> list[dict[str, Any]]:
    """Return what a page asks for: its token, another's, something that is refused, and to hand one in."""

    def with_bearer(bearer: str, path: str, **options: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {bearer}", **options.pop("headers", {})}
        return {"url": f"{cloud.api_url}{path}", "headers": headers, **options}

    mine = api.consumer(subject)
    sent = {"Content-Type": "application/json", "Idempotency-Key": unique("key")[-16:]}
    return [
        with_bearer(mine, at(subject, "google", "secret")),
        with_bearer(mine, at(unique("another"), "google", "secret")),
        with_bearer(mine, f"/tokens/{'a' * 26}"),
        with_bearer(
            api.producer, "/tokens", method="POST", headers=sent, body=json.dumps(hand_in(subject, "salesforce"))
        ),
    ]


def test_a_page_of_a_listed_origin_collects_its_token_and_reads_why_not(api: Api, cloud: LiveCloud) -> None:
    subject = unique("page")
    api.hand_in(subject, access_token="read by a page")
    assert cloud.settle()

    token, foreign, missing, handed_in = read_by(LISTED, fetching(api, cloud, subject))

    assert (token["status"], json.loads(token["body"])["access_token"]) == (200, "read by a page")
    assert (foreign["status"], json.loads(foreign["body"])["code"]) == (403, "forbidden")
    assert (missing["status"], json.loads(missing["body"])["code"]) == (404, "not_found")
    assert handed_in["status"] == 202
    assert handed_in["headers"]["location"].startswith("/jobs/")


def test_a_page_that_asks_too_often_reads_when_to_come_again(api: Api, cloud: LiveCloud) -> None:
    bearer = bearer_of(cloud, azp="storefront")
    again = {"url": f"{cloud.api_url}/jobs/{'a' * 26}", "headers": {"Authorization": f"Bearer {bearer}"}}
    refill(api, bearer)

    with limited(cloud, usage_plans(cloud)["named"], rate="0.01", burst="1"):
        answers = read_by(LISTED, [again, again])

    assert [answer["status"] for answer in answers] == [404, 429]
    assert json.loads(answers[1]["body"])["code"] == "too_many_requests"
    assert answers[1]["headers"]["retry-after"] == "1"


def test_a_page_of_another_origin_reads_nothing_and_hands_nothing_in(api: Api, cloud: LiveCloud) -> None:
    subject = unique("page")
    api.hand_in(subject)
    assert cloud.settle()

    answers = read_by(UNLISTED, fetching(api, cloud, subject))

    assert answers == [{"error": "TypeError"}] * 4
    assert api.get(at(subject, "salesforce"), api.consumer(subject)).status == 404, "it was carried out unread"
