"""What API Gateway answers by itself reads like what we answer, and repeats nothing of what it was asked."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

import pytest

from chalicelib.web.cors import ANSWER_HEADERS
from chalicelib.web.openapi import document
from chalicelib.web.problems import SECURITY_HEADERS, phrase
from devtool import template
from tests.guards.project import TEMPLATE

# "Gateway response types for API Gateway" in AWS's developer guide.
TYPES = {
    *("ACCESS_DENIED", "API_CONFIGURATION_ERROR", "AUTHORIZER_CONFIGURATION_ERROR", "AUTHORIZER_FAILURE"),
    *("BAD_REQUEST_BODY", "BAD_REQUEST_PARAMETERS", "DEFAULT_4XX", "DEFAULT_5XX", "EXPIRED_TOKEN"),
    *("INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT", "INVALID_API_KEY", "INVALID_SIGNATURE"),
    *("MISSING_AUTHENTICATION_TOKEN", "QUOTA_EXCEEDED", "REQUEST_TOO_LARGE", "RESOURCE_NOT_FOUND", "THROTTLED"),
    *("UNAUTHORIZED", "UNSUPPORTED_MEDIA_TYPE", "WAF_FILTERED"),
}
PREFIX = "gatewayresponse.header."
PACKAGED = {
    **TEMPLATE,
    "Resources": {"RestAPI": {"Type": "AWS::Serverless::Api", **TEMPLATE["Resources"]["RestAPI"]}},
}


def responses(origins: str = "") -> dict[str, Any]:
    rendered = template.rest_document(PACKAGED, {"CorsOrigins": origins})
    found: dict[str, Any] = rendered["x-amazon-apigateway-gateway-responses"]
    return found


def headers_of(response: dict[str, Any]) -> dict[str, str]:
    """Return the headers, which must all be literal: within single quotes, and without one in between."""
    found = {}
    for name, value in response["responseParameters"].items():
        assert name.startswith(PREFIX)
        assert value[0] == value[-1] == "'"
        assert "'" not in value[1:-1], "what API Gateway makes of a quote within quotes is written nowhere"
        found[name.removeprefix(PREFIX)] = value[1:-1]
    return found


def body_of(response: dict[str, Any]) -> dict[str, Any]:
    ((kind, text),) = response["responseTemplates"].items()
    assert kind == "application/json", "the gateway uses this one where the caller accepts no other"
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def test_there_is_an_answer_for_each_kind_of_refusal() -> None:
    assert set(responses()) == TYPES


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_each_is_a_problem_document_as_ours(kind: str) -> None:
    response = responses()[kind]
    body = body_of(response)

    assert list(body) == ["type", "title", "status", "code", "detail"]
    assert body["status"] == int(response["statusCode"])
    assert body["title"] == phrase(HTTPStatus(body["status"]))
    assert headers_of(response)["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_none_repeats_anything_of_the_request(kind: str) -> None:
    text = json.dumps(responses("https://app.example")[kind])

    assert "$" not in text
    assert "method.request" not in text
    assert "context." not in text


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_each_has_the_security_headers_of_ours(kind: str) -> None:
    headers = headers_of(responses()[kind])

    ours = {name: value for name, value in SECURITY_HEADERS.items() if name != "Content-Security-Policy"}
    assert {name: headers.get(name) for name in ours} == ours
    # `'none'` has quotes. A document that is sandboxed may do nothing, and one that is denied frames is in none.
    assert (headers["Content-Security-Policy"], headers["X-Frame-Options"]) == ("sandbox", "DENY")


def test_who_may_come_again_is_told_when() -> None:
    told = {kind: headers_of(one).get("Retry-After") for kind, one in responses().items()}
    statuses = {kind: int(one["statusCode"]) for kind, one in responses().items()}

    assert all((told[kind] is not None) == (status in (429, 503)) for kind, status in statuses.items())
    assert (told["THROTTLED"], told["QUOTA_EXCEEDED"]) == ("1", "3600")
    assert [body_of(responses()[kind])["code"] for kind in ("THROTTLED", "QUOTA_EXCEEDED")] == [
        "too_many_requests",
        "quota_exceeded",
    ]


def test_every_status_of_the_gateways_is_in_the_contract_of_some_route() -> None:
    documented = {
        int(status)
        for operations in document()["paths"].values()
        for name, operation in operations.items()
        if name != "parameters"
        for status in operation["responses"]
    }

    assert {int(one["statusCode"]) for one in responses().values()} <= documented


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_without_origins_no_answer_has_a_cors_header_and_with_some_none_allows_credentials(kind: str) -> None:
    without, with_some = headers_of(responses()[kind]), headers_of(responses("https://app.example")[kind])

    assert not [name for name in without if name.startswith("Access-Control-")]
    assert {name: value for name, value in with_some.items() if name.startswith("Access-Control-")} == {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": ",".join(ANSWER_HEADERS),
    }
