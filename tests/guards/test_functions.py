"""Every function that is deployed is made ready by a row of its own."""

from __future__ import annotations

from app import app
from chalicelib.wiring.initialise import READY
from tests.guards.project import CONFIG


def handlers() -> dict[str, str]:
    """Return what Lambda calls each function by, behind `app.`."""
    events = {source.name: source.handler_string for source in [*app.event_sources, *app.builtin_auth_handlers]}
    sockets = {source.name: source.handler_string for source in app.websocket_handlers.values()}
    named = {"api_handler": "app.app", **events, **sockets}
    return {name: handler.removeprefix("app.") for name, handler in named.items()}


def test_each_function_of_the_configuration_has_a_row_of_what_it_makes_ready() -> None:
    assert set(handlers()) == set(CONFIG["lambda_functions"])
    assert set(handlers().values()) == set(READY)
