"""No route, view or handler without what keeps it safe."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
from chalice.app import Response

import app as module
from chalicelib.model.decision import FAMILIES, UNPLACED
from chalicelib.web.openapi import document
from chalicelib.web.problems import answered, settled
from tests.guards.project import CONFIG, README, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

OPEN_TO_ALL = {"GET /health", "GET /openapi.json"}


def every_route() -> Iterator[tuple[str, Any]]:
    for path, methods in module.app.routes.items():
        for method, route in methods.items():
            if method != "OPTIONS":
                yield f"{method} {path}", route


ROUTES = dict(every_route())


def is_wrapped_by(wrapper: Any, view: Any) -> bool:
    return view.__code__ is wrapper(lambda: Response(body="")).__code__


PREFLIGHTS = {path: methods["OPTIONS"] for path, methods in module.app.routes.items()}
"""A page's browser asks before it sends; it asks without a bearer, and no list of routes mentions it."""


@pytest.mark.parametrize("path", PREFLIGHTS)
def test_every_path_answers_a_preflight_which_has_no_bearer(path: str) -> None:
    preflight = PREFLIGHTS[path]

    assert preflight.view_function is module.preflight
    assert is_wrapped_by(answered, preflight.view_function)
    assert (preflight.authorizer, preflight.api_key_required, preflight.content_types) == (None, False, ["*/*"])


def test_no_route_has_cors_of_chalices_own_which_knows_one_origin_for_all() -> None:
    assert not [path for path, methods in module.app.routes.items() for route in methods.values() if route.cors]


@pytest.mark.parametrize("route", ROUTES)
def test_the_requests_of_every_route_with_a_bearer_are_counted_by_client(route: str) -> None:
    assert ROUTES[route].api_key_required is (route not in OPEN_TO_ALL)


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_but_two_has_the_authorizer(route: str) -> None:
    authorizer = ROUTES[route].authorizer

    assert (authorizer is None) == (route in OPEN_TO_ALL)
    assert authorizer is None or authorizer.name == "authorize"


@pytest.mark.parametrize("route", sorted(set(ROUTES) - OPEN_TO_ALL))
def test_every_view_that_needs_a_bearer_decides_for_itself(route: str) -> None:
    """The gateway's policy may be coarse, and is up to 300 s old: no Allow of its goes unchecked."""
    view = ROUTES[route].view_function.__wrapped__
    tree = ast.parse(textwrap.dedent(inspect.getsource(view)))
    (function,) = tree.body
    assert isinstance(function, ast.FunctionDef)
    statements = [one for one in function.body[1:] if not isinstance(one, ast.ImportFrom)]

    called = {
        node.func.id for node in ast.walk(statements[0]) if isinstance(node, ast.Call) and hasattr(node.func, "id")
    }

    assert "_asked" in called


@pytest.mark.parametrize("route", sorted(set(ROUTES) - OPEN_TO_ALL))
def test_what_every_view_that_needs_a_bearer_refuses_is_written_down(route: str) -> None:
    assert is_wrapped_by(module.recorded, ROUTES[route].view_function.__wrapped__)


def test_every_family_of_routes_is_known_and_none_begins_with_another() -> None:
    families = {path.split("/")[1] for path in (route.split()[1] for route in set(ROUTES) - OPEN_TO_ALL)}

    assert families <= set(FAMILIES)
    assert not [(one, other) for one in FAMILIES for other in FAMILIES if one != other and one.startswith(other)]
    assert set(FAMILIES) >= UNPLACED


@pytest.mark.parametrize("route", ROUTES)
def test_every_view_turns_errors_into_problems(route: str) -> None:
    assert is_wrapped_by(answered, ROUTES[route].view_function)


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_takes_any_content_type_for_chalices_own_415_is_no_problem_document(route: str) -> None:
    assert ROUTES[route].content_types == ["*/*"]


@pytest.mark.parametrize("key", ["$connect", "$default", "$disconnect"])
def test_every_socket_handler_answers_a_status_whatever_it_meets(key: str) -> None:
    assert is_wrapped_by(settled, module.app.websocket_handlers[key].handler_function)


def test_there_are_no_other_socket_handlers() -> None:
    assert set(module.app.websocket_handlers) == {"$connect", "$default", "$disconnect"}


def test_every_function_has_a_policy_file_and_every_file_a_function() -> None:
    views = {route.view_function.__name__ for methods in module.app.routes.values() for route in methods.values()}
    functions = {"api_handler"} | (set(module.app.handler_map) - views)
    files = [CONFIG["lambda_functions"][name]["iam_policy_file"] for name in functions]

    assert set(CONFIG["lambda_functions"]) == functions
    assert sorted(files) == sorted(path.name for path in (ROOT / ".chalice").glob("policy-*.json"))
    assert CONFIG["autogen_policy"] is False


def test_the_contract_has_every_route_and_no_other() -> None:
    documented = {
        f"{method.upper()} {path}"
        for path, operations in document()["paths"].items()
        for method in operations
        if method != "parameters"
    }

    assert documented == set(ROUTES)


@pytest.mark.parametrize("route", ROUTES)
def test_the_contract_says_which_routes_need_no_token(route: str) -> None:
    method, path = route.split()

    operation = document()["paths"][path][method.lower()]

    assert (operation.get("security") == []) == (route in OPEN_TO_ALL)


def test_the_contract_names_the_parameters_of_every_path() -> None:
    for path, operations in document()["paths"].items():
        named = {parameter["name"] for parameter in operations.get("parameters", []) if parameter["in"] == "path"}

        assert {f"{{{name}}}" for name in named} == {part for part in path.split("/") if part.startswith("{")}


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_is_in_the_readme(route: str) -> None:
    assert f"`{route}" in README
