"""Tickets, health, the contract, and what the authorizer says before any view runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import app as module
from chalicelib.admit.answer import SignInAgain
from chalicelib.errors import Unavailable
from chalicelib.web.openapi import document
from chalicelib.wiring import Wiring
from tests.app.service import HOOK, ROOT, a_subject

if TYPE_CHECKING:
    from tests.app.service import Service


@pytest.mark.parametrize("body", [None, {}])
def test_a_ticket_is_issued_for_all_that_is_the_callers(service: Service, body: Any) -> None:
    answer = service.ask("POST", "/tickets", (a_subject(), ("consumer",)), body=body)

    assert answer.status == 201
    assert answer.body["url"] == f"ws://browsers.example/api?ticket={answer.body['ticket']}"


def test_a_ticket_is_issued_for_a_subject_or_a_job_that_the_caller_may_see(service: Service) -> None:
    subject = a_subject()
    me, stranger = (subject, ("consumer",)), (a_subject(), ("consumer",))
    job_id = service.hand_in(subject)

    for body in ({"subject": subject}, {"job": job_id}):
        assert service.ask("POST", "/tickets", me, body=body).status == 201
        assert service.ask("POST", "/tickets", stranger, body=body).refusal == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "headers", "refusal"),
    [
        ({"subject": "a", "job": "a" * 26}, {}, (400, "invalid_body")),
        ({"everything": True}, {}, (400, "invalid_body")),
        (b"[]", {}, (400, "invalid_body")),
        ({}, {"Content-Type": "text/plain"}, (415, "unsupported_media_type")),
    ],
)
def test_a_bad_ticket_is_refused_by_a_problem(
    service: Service, body: Any, headers: dict[str, str], refusal: tuple[int, str]
) -> None:
    assert service.ask("POST", "/tickets", ROOT, body=body, headers=headers).refusal == refusal


def test_health_needs_no_token_and_asks_the_table(service: Service) -> None:
    answer = service.ask("GET", "/health")

    assert (answer.status, answer.body) == (200, {"status": "ok", "checks": {"table": "ok"}})


def test_without_its_table_the_service_is_not_healthy(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        def get(self, *_: object, **__: object) -> None:
            raise Unavailable

    monkeypatch.setitem(vars(service.wired), "table", Silent())

    answer = service.ask("GET", "/health")

    assert answer.refusal == (503, "unavailable")
    assert answer.headers["retry-after"] == "2"


def test_the_contract_needs_no_token_and_may_be_kept(service: Service) -> None:
    answer = service.ask("GET", "/openapi.json")

    assert (answer.status, answer.body) == (200, document())
    assert answer.headers["cache-control"] == "public, max-age=300"


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, 401),
        ("", 403),
        ("Bearer", 403),
        ("Bearer not.a.token", 403),
        ("Basic dXNlcjpwYXNz", 403),
    ],
)
def test_without_a_good_bearer_no_view_runs(service: Service, header: str | None, status: int) -> None:
    headers = {} if header is None else {"Authorization": header}

    answer = service.ask("POST", "/tickets", body={}, headers=headers)

    assert answer.status == status
    assert "x-amzn-errortype" in answer.headers


@pytest.mark.parametrize("groups", [(), ("nobody-made-this-group",)])
def test_a_bearer_without_a_policy_may_do_nothing(service: Service, groups: tuple[str, ...]) -> None:
    assert service.ask("POST", "/tickets", (a_subject(), groups), body={}).status == 403


def test_an_expired_bearer_may_do_nothing(service: Service) -> None:
    token = service.cloud.token("root", ("admin",), ttl=-60)

    with pytest.raises(SignInAgain):  # API Gateway makes a 401 of it; Chalice's own gateway lets it through
        service.ask("POST", "/tickets", body={}, headers={"Authorization": f"Bearer {token}"})


def test_a_setting_that_is_missing_denies_and_says_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "wired", Wiring())
    monkeypatch.delenv("JWT_ISSUER")

    assert service.ask("POST", "/tickets", ROOT, body={}).status == 403

    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["event"], line["error"], line["code"]) == ("denied", "Misconfigured", "error")


def test_what_breaks_in_a_view_is_a_problem_that_says_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(vars(service.wired), "counter", "no counter at all")

    answer = service.ask("GET", f"/tokens/{'a' * 26}", ROOT)

    assert answer.refusal == (500, "error")
    assert b"counter" not in answer.raw
    assert '"event":"request.failed"' in capsys.readouterr().out


def test_each_request_logs_one_fact_with_its_caller_and_route(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    token_id = service.hand_in(a_subject())
    capsys.readouterr()

    service.ask("GET", f"/jobs/{token_id}", HOOK)

    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (fact,) = [line for line in logged if line["function"] == "api"]
    assert (fact["event"], fact["principal"], fact["route"]) == ("job.shown", "login-hook", "/jobs/{job_id}")
    assert (fact["method"], fact["job"]) == ("GET", token_id)


def test_outside_a_request_there_is_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.app, "current_request", None)

    with pytest.raises(RuntimeError, match="outside a request"):
        module._request()
