"""Run MiniStack with what API Gateway does where the authorizer names a request's API key (`usageIdentifierKey`).

MiniStack 1.5.33 looks for the key in `x-api-key` alone; everything behind that (plans, throttles, quotas) is its own.
An API whose key source is HEADER is served as before. Run as a script by MiniStack's own interpreter: the standard
library and MiniStack are all there is.
"""

from __future__ import annotations

import runpy
from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

# Beside the context that the authorizer itself gives, so that MiniStack's cache keeps the key with the answer.
_CARRIED = "usageIdentifierKey of the answer"

_named: ContextVar[str | None] = ContextVar("named", default=None)


def meter(gateway: Any) -> None:
    """Let MiniStack's REST gateway take API keys from authorizers' answers, where the API says so."""
    gateway._invoke_authorizer_lambda = _carrying(gateway._invoke_authorizer_lambda)  # noqa: SLF001
    gateway._authorize_request_v1 = _naming(gateway, gateway._authorize_request_v1)  # noqa: SLF001
    gateway._api_key_from_request = _named_or_sent(gateway._api_key_from_request)  # noqa: SLF001


def _carrying(invoke: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def carrying(*arguments: Any) -> Any:
        result = await invoke(*arguments)
        body = (result or {}).get("body")
        if isinstance(body, dict) and body.get("usageIdentifierKey"):
            body["context"] = {**(body.get("context") or {}), _CARRIED: body["usageIdentifierKey"]}
        return result

    return carrying


def _naming(gateway: Any, authorize: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def naming(api_id: str, *arguments: Any) -> Any:
        error, context = await authorize(api_id, *arguments)
        context = dict(context) if context else context
        key = context.pop(_CARRIED, None) if context else None
        by_authorizer = gateway._rest_apis[api_id].get("apiKeySource") == "AUTHORIZER"  # noqa: SLF001
        _named.set((key or "") if by_authorizer else None)
        return error, context

    return naming


def _named_or_sent(sent: Callable[[Any], str]) -> Callable[[Any], str]:
    def key_of(headers: Any) -> str:
        named = _named.get()
        return sent(headers) if named is None else named

    return key_of


if __name__ == "__main__":
    meter(import_module("ministack.services.apigateway_v1"))
    runpy.run_module("ministack", run_name="__main__", alter_sys=True)
