from __future__ import annotations

import importlib
import json
import pkgutil
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest
from chalice.app import Response

import chalicelib
from chalicelib import errors
from chalicelib.errors import CloakroomError
from chalicelib.web.problems import STATUSES, answered, problem, settled, status_of

if TYPE_CHECKING:
    from collections.abc import Iterator

MARKER = "MARKER-7f3a"


def every_error() -> Iterator[type[CloakroomError]]:
    """Yield every class of the tree, wherever in chalicelib it is made."""
    for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
        importlib.import_module(module.name)
    pending: list[type[CloakroomError]] = [CloakroomError]
    while pending:
        kind = pending.pop()
        yield kind
        pending += kind.__subclasses__()


def test_the_statuses_of_the_contract_are_these() -> None:
    public = [kind for kind in every_error() if kind.__module__ == "chalicelib.errors"]

    assert {kind.code: int(status_of(kind())) for kind in public} == {
        "error": 500,
        "refused": 400,
        "invalid_body": 400,
        "invalid_parameter": 400,
        "body_too_large": 413,
        "headers_too_large": 431,
        "unsupported_media_type": 415,
        "idempotency_key_reused": 422,
        "not_found": 404,
        "file_missing": 404,
        "file_changed": 400,
        "too_many_lines": 400,
        "unauthorized": 401,
        "forbidden": 403,
        "outside_limits": 403,
        "would_lock_out": 409,
        "token_too_short_lived": 409,
        "illegal_transition": 409,
        "not_refreshable": 409,
        "token_needs_reauth": 410,
        "provider_limit": 503,
        "gone": 410,
        "token_expired": 410,
        "token_revoked": 410,
        "address_refused": 400,
        "discovery_failed": 400,
        "bad_ticket": 403,
        "unavailable": 503,
        "access_unknown": 503,
        "throttled": 503,
        "not_sent": 503,
        "answer_lost": 503,
        "answer_too_large": 503,
        "lease_lost": 500,
        "no_socket_yet": 503,
        "conflict": 503,
        "seal_broken": 500,
        "key_gone": 410,
        "misconfigured": 503,
        "unreadable": 500,
    }


def test_every_error_of_the_service_has_a_status_through_its_ancestors() -> None:
    for kind in every_error():
        assert any(ancestor in STATUSES for ancestor in kind.__mro__), kind


def test_every_error_that_a_caller_can_meet_has_a_code_and_a_sentence_of_its_own() -> None:
    public = [kind for kind in every_error() if kind.__module__ == "chalicelib.errors"]

    assert len({kind.code for kind in public}) == len(public)
    assert all("code" in vars(kind) for kind in public)
    assert all((kind.__doc__ or "").endswith(".") for kind in public)


def test_an_error_made_elsewhere_has_a_code_of_its_own_or_its_parents() -> None:
    codes = {kind.code for kind in every_error() if kind.__module__ == "chalicelib.errors"}
    elsewhere = [kind for kind in every_error() if kind.__module__ != "chalicelib.errors"]

    own = [kind.code for kind in elsewhere if "code" in vars(kind)]
    assert not codes & set(own)
    assert len(set(own)) == len(own)


def test_a_problem_is_a_document_with_a_stable_code() -> None:
    answer = problem(errors.InvalidBody("subject: required", field="subject", rule="required", nothing=None))

    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert json.loads(answer.body) == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "code": "invalid_body",
        "detail": "subject: required",
        "field": "subject",
        "rule": "required",
    }


def test_without_a_detail_the_docstring_is_the_sentence() -> None:
    assert json.loads(problem(errors.TokenExpired()).body)["detail"] == "The token has expired."


@pytest.mark.parametrize(
    "kind", [kind for kind in every_error() if status_of(kind.__new__(kind)) == HTTPStatus.INTERNAL_SERVER_ERROR]
)
def test_our_own_failures_say_nothing_of_our_inside(kind: type[CloakroomError]) -> None:
    error = kind.__new__(kind)
    CloakroomError.__init__(error, f"the table answered {MARKER}", item=MARKER)

    answer = problem(error)

    assert answer.status_code == 500
    assert MARKER not in answer.body
    assert json.loads(answer.body)["detail"] == "Something went wrong on our side."


def test_what_is_unavailable_says_when_to_try_again() -> None:
    assert problem(errors.Throttled()).headers["Retry-After"] == "2"
    assert "Retry-After" not in problem(errors.NotFound()).headers


def test_what_somebody_else_asked_for_is_passed_on_but_never_less_than_ours() -> None:
    assert problem(errors.Unavailable("busy", retry_after=30)).headers["Retry-After"] == "30"
    assert problem(errors.Unavailable("busy", retry_after=1)).headers["Retry-After"] == "2"


def test_what_is_unauthorized_says_how_to_authorize() -> None:
    assert problem(errors.Unauthorized()).headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_a_view_that_answers_is_left_alone() -> None:
    answer = Response(body={"a": 1})

    assert answered(lambda: answer)() is answer


def test_a_view_that_refuses_answers_a_problem_and_logs_the_field_only(capsys: pytest.CaptureFixture[str]) -> None:
    def view() -> Response:
        raise errors.InvalidBody(f"metadata: {MARKER}", field="metadata", rule=MARKER)

    assert answered(view)().status_code == 400

    (line,) = capsys.readouterr().out.splitlines()
    logged = json.loads(line)
    assert (logged["event"], logged["status"], logged["code"]) == ("request.refused", 400, "invalid_body")
    assert (logged["reason"], "level" in logged) == ("metadata", False)
    assert MARKER not in line


def test_our_own_failure_is_logged_with_its_detail_as_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    def view() -> Response:
        raise errors.Misconfigured("missing settings: TABLE_NAME")

    answer = answered(view)()

    logged = json.loads(capsys.readouterr().out)
    assert (answer.status_code, "TABLE_NAME" in answer.body) == (503, False)
    assert (logged["level"], logged["reason"]) == ("error", "missing settings: TABLE_NAME")


def test_a_view_that_breaks_answers_500_and_logs_where_but_not_what(capsys: pytest.CaptureFixture[str]) -> None:
    def view() -> Response:
        raise KeyError(MARKER)

    answer = answered(view)()

    line = capsys.readouterr().out
    assert (answer.status_code, json.loads(answer.body)["code"]) == (500, "error")
    assert json.loads(line)["error"] == "KeyError"
    assert MARKER not in line + answer.body


@pytest.mark.parametrize(
    ("error", "status"),
    [(None, 200), (errors.BadTicket(), 403), (errors.Unavailable(), 503), (KeyError(MARKER), 500)],
)
def test_a_socket_handler_answers_a_status_and_raises_nothing(
    capsys: pytest.CaptureFixture[str], error: Exception | None, status: int
) -> None:
    def handler(event: object) -> None:
        if error is not None:
            raise error

    assert settled(handler)({}) == {"statusCode": status}
    assert MARKER not in capsys.readouterr().out
