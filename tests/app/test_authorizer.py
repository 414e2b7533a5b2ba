"""The authorizer as Lambda calls it, with events that API Gateway would never send, or that somebody made up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import app as module

if TYPE_CHECKING:
    from tests.app.service import Service

ARN = "arn:aws:execute-api:us-east-1:123456789012:abcdefghij/api/GET/tokens/t1"
DENIED = {
    "principalId": "anonymous",
    "policyDocument": {
        "Version": "2012-10-17",
        "Statement": [{"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": ["*"]}],
    },
    "context": {},
}


def event(**changes: object) -> dict[str, object]:
    usual = {"type": "TOKEN", "authorizationToken": "{bearer}", "methodArn": ARN}
    return {name: value for name, value in {**usual, **changes}.items() if value is not ...}


def admin(service: Service) -> str:
    return f"Bearer {service.cloud.token('root', ['admin'])}"


@pytest.mark.parametrize("given", [{}, None, [], "event", 7, [event()], {"authorizationToken": {"a": 1}}])
def test_an_event_that_is_none_is_an_explicit_deny(service: Service, given: Any) -> None:
    assert module.authorize(given, None) == DENIED


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (..., "no_bearer"),
        (None, "no_bearer"),
        ("", "no_bearer"),
        (7, "no_bearer"),
        (["Bearer x"], "no_bearer"),
        ({"Bearer": "x"}, "no_bearer"),
        (b"Bearer x.y.z", "no_bearer"),
        ("Bearer x.y.z\r\nX: y", "malformed"),
        ("Bearer " + "x" * 6_000_000, "too_large"),
    ],
    ids=range(9),
)
def test_an_event_without_a_token_is_an_explicit_deny_with_its_code(
    service: Service, capsys: pytest.CaptureFixture[str], token: Any, code: str
) -> None:
    assert module.authorize(event(authorizationToken=token), None) == DENIED
    assert f'"code":"{code}"' in capsys.readouterr().out


@pytest.mark.parametrize(
    "arn",
    [
        *(..., None, "", 7, [], {}, "*", "arn:*", ARN.replace("abcdefghij", "*"), ARN.replace("/api/", "/*/")),
        *(ARN.replace("GET/", "*/"), ARN.replace("/GET/tokens/t1", ""), ARN.replace("execute-api", "lambda")),
        *(f"{ARN}".replace(":123456789012:", "::"), ARN.upper(), f" {ARN}", ARN.replace("/api/", "/api?/")),
        *(ARN.replace("/api/", "/a\npi/"), ARN.replace("us-east-1", "${aws:region}"), ARN.encode()),
    ],
    ids=ascii,
)
def test_an_event_whose_method_is_nowhere_is_an_explicit_deny_also_for_an_administrator(
    service: Service, arn: Any
) -> None:
    given = event(authorizationToken=admin(service), methodArn=arn)

    assert module.authorize(given, None) == DENIED


def test_what_else_an_event_holds_changes_nothing(service: Service) -> None:
    token = admin(service)
    plain = module.authorize(event(authorizationToken=token), None)

    odd = module.authorize(event(authorizationToken=token, type="REQUEST", headers={"Authorization": "x"}), None)

    assert plain["principalId"] == odd["principalId"] == "root"
    assert plain["policyDocument"] == odd["policyDocument"] != DENIED["policyDocument"]
