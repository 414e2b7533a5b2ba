"""What `POST /authz/explain` says, beside what the request itself is answered."""

from __future__ import annotations

import itertools
import json
import secrets
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.app.service import HOOK, ROOT, a_subject

if TYPE_CHECKING:
    from tests.app.service import Answer, Service

ROUTE = "/authz/explain"
READ = {"effect": "Allow", "methods": ["GET"], "paths": ["/jobs/*"]}

_numbers = itertools.count(1)


def explain(service: Service, method: str, path: str, **asked: Any) -> dict[str, Any]:
    answer = service.ask("POST", ROUTE, ROOT, body={"method": method, "path": path, **asked})
    assert answer.status == 200, answer.raw
    return dict(answer.body)


def refusal(explained: dict[str, Any]) -> tuple[bool, str | None, str]:
    return explained["allowed"], explained["stage"], explained["code"]


def a_group(service: Service, *statements: dict[str, Any], **members: Any) -> str:
    group = f"explained-{next(_numbers)}"
    assert service.ask("PUT", f"/policies/{group}", ROOT, body={"statements": statements, **members}).status == 200
    return group


def test_what_is_allowed_names_the_statement_that_allows_it(service: Service) -> None:
    jane = a_subject()

    found = explain(service, "GET", f"/subjects/{quote(jane)}/tokens", principal=jane, groups=["consumer", "nobody"])

    assert refusal(found) == (True, None, "allowed")
    assert found["groups"] == {"with_policy": ["consumer"], "without_policy": ["nobody"]}
    assert (found["route"], found["path"]) == ("/subjects/{subject}/tokens", f"/subjects/{jane}/tokens")
    assert (found["decided_by"]["group"], found["decided_by"]["index"]) == ("consumer", 0)
    assert "/subjects/${principal}/*" in found["decided_by"]["statement"]["paths"]
    assert found["gateway"]["resource"] == f"GET/subjects/{quote(jane)}/*"
    assert found["service"] == {"code": "allowed", "within": [{}]}


@pytest.mark.parametrize(
    ("groups", "method", "path", "expected"),
    [
        (["consumer"], "GET", "/nowhere", ("route", "no_such_route")),
        (["admin"], "PUT", "/tokens", ("route", "no_such_method")),
        (["admin"], "GET", "/tokens/", ("route", "no_such_route")),
        ([], "POST", "/tokens", ("policies", "no_policy")),
        (["nobody"], "POST", "/tokens", ("policies", "no_policy")),
        (["consumer"], "POST", "/tokens", ("gateway", "not_allowed")),
        (["producer", "admin"], "GET", f"/tokens/{'a' * 26}/secret", ("gateway", "explicit_deny")),
        (["consumer"], "GET", "/subjects/%6Aane/tokens", ("gateway", "spelling")),
        (["consumer"], "GET", f"/tokens/{'a' * 26}", ("resource", "not_found")),
        (["consumer"], "GET", "/jobs/x", ("resource", "not_found")),
        (["admin"], "GET", "/tokens/a%2Fb", ("service", "no_such_path")),
        (["consumer"], "GET", "/subjects/jane/tokens/google", ("resource", "not_found")),
        (["consumer"], "POST", ROUTE, ("gateway", "not_allowed")),
    ],
)
def test_a_refusal_says_who_refuses_and_why(
    service: Service, groups: list[str], method: str, path: str, expected: tuple[str, str]
) -> None:
    found = explain(service, method, path, principal="jane", groups=groups)

    assert refusal(found) == (False, *expected)
    assert found["says"]


def test_another_spelling_is_named(service: Service) -> None:
    found = explain(service, "GET", "/subjects/auth0%7cjane/tokens", principal="auth0|jane", groups=["consumer"])

    assert refusal(found) == (False, "gateway", "spelling")
    assert found["gateway"]["spellings"] == ["/subjects/auth0|jane/tokens", "/subjects/auth0%7Cjane/tokens"]
    assert found["service"]["code"] == "allowed"


def test_a_deny_names_its_group_and_itself(service: Service) -> None:
    found = explain(
        service, "GET", "/subjects/jane/tokens/google/secret", principal="jane", groups=["consumer", "producer"]
    )

    assert found["decided_by"] == {
        "group": "producer",
        "index": 2,
        "statement": {"effect": "Deny", "methods": ["*"], "paths": ["/tokens/*/secret", "/subjects/*/secret"]},
        "limits": {},
    }


@pytest.mark.parametrize("path", ["/health", "/openapi.json"])
def test_what_needs_no_bearer_is_open(service: Service, path: str) -> None:
    assert refusal(explain(service, "GET", path, principal="anybody")) == (True, None, "open")


def test_limits_count_where_a_hand_in_says_where_it_lies(service: Service) -> None:
    statement = {"effect": "Allow", "methods": ["POST"], "paths": ["/tokens"]}
    group = a_group(service, statement, limits={"domains": ["shop"], "providers": ["google"]})
    asked: dict[str, Any] = {"principal": "hook", "groups": [group]}

    unsaid = explain(service, "POST", "/tokens", **asked)
    within = explain(service, "POST", "/tokens", **asked, within={"domain": "shop", "provider": "google"})
    outside = explain(service, "POST", "/tokens", **asked, within={"provider": "google"})

    limits = {"domains": ["shop"], "providers": ["google"]}
    assert refusal(unsaid) == refusal(within) == (True, None, "allowed")
    assert unsaid["service"]["within"] == [limits]
    assert refusal(outside) == (False, "service", "outside_limits")
    assert outside["decided_by"] == {"group": group, "index": 0, "statement": statement, "limits": limits}


def test_an_id_is_explained_by_whose_it_is(service: Service) -> None:
    jane = a_subject()
    token_id = service.hand_in(jane)

    hers = explain(service, "GET", f"/tokens/{token_id}/secret", principal=jane, groups=["consumer"])
    another = explain(service, "GET", f"/tokens/{token_id}/secret", principal="joe", groups=["consumer"])
    hook = explain(service, "GET", f"/tokens/{token_id}", principal=HOOK[0], groups=["producer"])
    lines = explain(service, "GET", f"/imports/{token_id}/refusals", principal=HOOK[0], groups=["producer"])

    assert refusal(hers) == refusal(hook) == (True, None, "allowed")
    assert refusal(another) == (False, "resource", "not_yours")
    assert "whose secrets" in another["resource"]
    assert refusal(lines) == (False, "resource", "not_found")


def test_who_was_revoked_is_told_by_whom_and_why(service: Service) -> None:
    jane = a_subject()
    made = service.ask("POST", "/revocations", ROOT, body={"principal": jane, "why": "left"})

    found = explain(service, "GET", f"/subjects/{quote(jane)}/tokens", principal=jane, groups=["consumer"])
    lifted = service.ask("DELETE", f"/revocations/{made.body['id']}", ROOT)
    again = explain(service, "GET", f"/subjects/{quote(jane)}/tokens", principal=jane, groups=["consumer"])

    assert refusal(found) == (False, "revoked", "revoked")
    assert found["revocation"] == made.body
    assert lifted.status == 200
    assert refusal(again) == (True, None, "allowed")


def bearer(service: Service, subject: str = "jane", *groups: str, **claims: Any) -> str:
    return str(service.cloud.token(subject, groups or ["consumer"], **claims))


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (lambda _: "x", "malformed"),
        (lambda token: f"Bearer {token}", "malformed"),
        (lambda _: "", "malformed"),
        (lambda token: token.rpartition(".")[0] + "." + "A" * 342, "signature"),
        (lambda token: token + "A" * 9_000, "too_large"),
    ],
)
def test_a_bearer_that_is_not_believed_is_explained_by_its_code(service: Service, made: Any, code: str) -> None:
    service.ask("GET", "/subjects/jane/tokens", ROOT)  # so that the issuer's keys are known

    found = explain(service, "GET", "/subjects/jane/tokens", bearer=made(bearer(service)))

    assert refusal(found) == (False, "bearer", code)
    assert (found["principal"], found["gateway"], found["service"]) == (None, None, None)


def test_a_bearer_is_explained_as_the_authorizer_reads_it_and_appears_nowhere(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    jane, jti = a_subject(), secrets.token_hex(8)
    given = bearer(service, jane, jti=jti)
    path = f"/subjects/{quote(jane)}/tokens"
    service.ask("GET", path, ROOT)

    answer = service.ask("POST", ROUTE, ROOT, body={"method": "GET", "path": path, "bearer": given})
    (entry, *_) = service.ask("GET", f"/audit?subject={quote(jane)}", ROOT).body["items"]

    assert refusal(answer.body) == (True, None, "allowed")
    assert (answer.body["principal"], answer.body["bearer"]) == (jane, jti)
    assert (entry["event"], entry["what"], entry["principal"], entry["subject"]) == (
        "administered",
        f"{ROUTE}?bearer={jti}",
        "root",
        jane,
    )
    signature = given.rpartition(".")[2]
    said = (answer.raw.decode(), str(entry), capsys.readouterr().out)
    assert not [text for text in said if signature in text or given.split(".")[1] in text]


def test_an_expired_bearer_is_told_from_others(service: Service) -> None:
    service.ask("GET", "/jobs", ROOT)
    old = bearer(service, "jane", ttl=-60, iat=int(time.time()) - 120)

    assert refusal(explain(service, "GET", "/jobs", bearer=old)) == (False, "bearer", "expired")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "principal"),
        ({"principal": "jane", "bearer": "a.b.c"}, "principal"),
        ({"bearer": "a.b.c", "groups": ["admin"]}, "groups"),
        ({"bearer": "a.b.c", "claims": {"a": "b"}}, "claims"),
        ({"principal": "jane", "groups": ["a b"]}, "groups[0]"),
        ({"principal": "jane", "claims": {"a": "b/c"}}, "claims"),
        ({"principal": "jane", "claims": {"a.b": "c"}}, "claims"),
        ({"principal": "ja\nne"}, "principal"),
        ({"principal": "jane", "path": "/tokens?limit=1"}, "path"),
        ({"principal": "jane", "path": "tokens"}, "path"),
        ({"principal": "jane", "method": "get"}, "method"),
        ({"principal": "jane", "within": {"domain": "A"}}, "within.domain"),
        ({"principal": "jane", "within": {"subject": "a"}}, "within.subject"),
    ],
)
def test_a_question_that_is_none_is_refused(service: Service, body: dict[str, Any], field: str) -> None:
    answer = service.ask("POST", ROUTE, ROOT, body={"method": "GET", "path": "/jobs", **body})

    assert (answer.status, answer.body["code"], answer.body["field"]) == (400, "invalid_body", field)


@pytest.mark.parametrize("groups", [("consumer",), ("producer",), ("producer", "consumer")])
def test_it_is_for_administrators_alone(service: Service, groups: tuple[str, ...]) -> None:
    body = {"method": "GET", "path": "/jobs", "principal": "jane"}

    assert service.ask("POST", ROUTE, ("jane", groups), body=body).status == 403


def test_who_administers_within_limits_is_refused_and_told_why(service: Service) -> None:
    statement = {"effect": "Allow", "methods": ["*"], "paths": ["/*"]}
    group = a_group(service, statement, limits={"domains": ["shop"]}, acknowledges=["every_secret", "administration"])

    answered: Answer = service.ask("POST", ROUTE, ("deputy", (group,)), body={"method": "GET", "path": "/jobs"})
    found = explain(service, "POST", ROUTE, principal="deputy", groups=[group], within={"domain": "shop"})

    assert answered.status == 403
    assert refusal(found) == (False, "service", "outside_limits")


def test_the_log_tells_the_outcome_and_keeps_its_own_fields(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    explain(service, "GET", "/nowhere", principal="jane", groups=["consumer"])

    (line,) = [one for one in capsys.readouterr().out.splitlines() if "access.explained" in one]
    fact = json.loads(line)
    assert (fact["about"], fact["refused_at"], fact["code"]) == ("jane", "route", "no_such_route")
    assert (fact["principal"], fact["stage"] == "route") == ("root", False)
