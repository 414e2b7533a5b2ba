from __future__ import annotations

from typing import Any

import pytest

import app as module
from chalicelib.web.explaining import api_of


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-central-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("us-west-2", "aws")],
)
def test_the_api_is_named_as_the_authorizer_is_told_it(
    monkeypatch: pytest.MonkeyPatch, region: str, partition: str
) -> None:
    monkeypatch.setenv("AWS_REGION", region)
    context = {"accountId": "123456789012", "apiId": "abcdefghij", "stage": "prod"}

    api = api_of(context, {})

    assert api.arn_base == f"arn:{partition}:execute-api:{region}:123456789012:abcdefghij/prod"


def test_where_there_is_no_gateway_any_name_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)

    assert api_of({}, {}).arn_base == "arn:aws:execute-api:us-east-1:000000000000:local/api"


def test_the_routes_are_those_of_the_app() -> None:
    routes: Any = api_of({}, module.app.routes).routes

    assert routes["/tokens"] == {"POST": False, "OPTIONS": True}
    assert routes["/health"]["GET"] is True
    assert set(routes) == set(module.app.routes)
