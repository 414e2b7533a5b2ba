"""API keys that an authorizer names, over a gateway that is asked as MiniStack asks its own."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from devtool.metered import meter


def gateway(source: str, answered: dict[str, Any] | None) -> SimpleNamespace:
    """Return what of MiniStack's gateway is concerned: its authorizer is asked once and its answer kept."""
    made = SimpleNamespace(_rest_apis={"api": {"apiKeySource": source}}, kept=[])

    async def invoke(*_: Any) -> Any:
        return {"body": answered}

    async def authorize(api_id: str, *_: Any) -> Any:
        if not made.kept:
            result = await made._invoke_authorizer_lambda(api_id)
            made.kept.append((result["body"] or {}).get("context"))
        return None, made.kept[0]

    made._invoke_authorizer_lambda, made._authorize_request_v1 = invoke, authorize
    made._api_key_from_request = lambda headers: headers.get("x-api-key", "")
    meter(made)
    return made


def key_and_context(made: SimpleNamespace) -> tuple[str, Any]:
    async def ask() -> tuple[str, Any]:
        _, context = await made._authorize_request_v1("api")
        return made._api_key_from_request({"x-api-key": "sent"}), context

    return asyncio.run(ask())


NAMED = {"context": {"principal": "p"}, "usageIdentifierKey": "named"}


def test_the_authorizers_key_counts_also_from_its_kept_answer_and_no_handler_sees_it() -> None:
    made = gateway("AUTHORIZER", NAMED)

    assert [key_and_context(made) for _ in range(2)] == [("named", {"principal": "p"})] * 2


@pytest.mark.parametrize("answered", [{"context": {"principal": "p"}}, {"context": None}, None])
def test_without_one_the_key_that_was_sent_does_not_count(answered: dict[str, Any] | None) -> None:
    assert key_and_context(gateway("AUTHORIZER", answered))[0] == ""


def test_an_api_that_takes_keys_from_headers_is_left_as_it_is() -> None:
    assert key_and_context(gateway("HEADER", NAMED)) == ("sent", {"principal": "p"})
