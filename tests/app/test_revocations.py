"""Revocations over the routes, what they end, and what the looks for them cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from chalicelib import log
from chalicelib.errors import Throttled
from chalicelib.model.access import Access, Epoch
from chalicelib.model.clock import SECOND
from chalicelib.model.policy import parse_policy
from chalicelib.store.access import Revocations
from chalicelib.store.known_access import KnownAccess
from chalicelib.wiring import system
from tests.app.service import HOOK, ROOT, a_body, a_subject
from tests.chalicelib.aws.both import operations_of
from tests.chalicelib.examples import an_end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chalicelib.model.access import Revocation
    from chalicelib.model.policy import Policy
    from tests.app.service import Service


@pytest.fixture(autouse=True)
def empty(service: Service) -> Iterator[None]:
    yield
    revocations = Revocations(service.table)  # not the service's own: it is held to the policy of who spoke last
    for one in revocations.all():
        revocations.lift(one)
    service.wired.known_access.forget()


def made(service: Service, **body: Any) -> dict[str, Any]:
    answer = service.ask("POST", "/revocations", ROOT, body=body)
    assert answer.status == 201, answer.raw
    assert answer.headers["location"] == answer.body["links"]["self"]
    return dict(answer.body)


def admitted_long_ago(service: Service, monkeypatch: pytest.MonkeyPatch, access: Callable[[], Access]) -> None:
    """Let the authorizer's answers be ten seconds old, as from API Gateway's cache, and this be known since."""
    standing = replace(service.wired.standing, access=access, now=lambda: system.now() + 10 * SECOND)
    monkeypatch.setitem(vars(service.wired), "standing", standing)


def test_a_revocation_is_made_listed_and_lifted(service: Service) -> None:
    block = made(service, principal="auth0|jane", why="left the company")
    sessions = made(service, principal="auth0|jane", issued_before="2026-01-01T00:00:00Z")
    one = made(service, bearer="jti-1", until="2099-01-01T00:00:00Z")

    listed = service.ask("GET", "/revocations", ROOT).body

    assert listed == {"items": sorted([block, sessions, one], key=lambda item: item["id"]), "cursor": None}
    assert (block["principal"], block["bearer"], block["why"], block["by"]) == (
        "auth0|jane",
        None,
        "left the company",
        "root",
    )
    assert (one["principal"], one["bearer"], one["until"]) == (None, "jti-1", "2099-01-01T00:00:00.000Z")
    assert sessions["issued_before"] == "2026-01-01T00:00:00.000Z"
    for item in (block, sessions, one):
        assert service.ask("DELETE", item["links"]["self"], ROOT).body == item
        assert service.ask("DELETE", item["links"]["self"], ROOT).refusal == (404, "not_found")
    assert service.ask("GET", "/revocations", ROOT).body["items"] == []


def test_the_list_is_paged(service: Service) -> None:
    ids = sorted(made(service, principal=f"p{number}")["id"] for number in range(3))

    first = service.ask("GET", "/revocations?limit=2", ROOT).body
    second = service.ask("GET", f"/revocations?limit=2&cursor={first['cursor']}", ROOT).body

    assert [one["id"] for one in first["items"] + second["items"]] == ids
    assert second["cursor"] is None
    for cursor in ("x", "****", "Z29vZ2xl"):
        assert service.ask("GET", f"/revocations?cursor={cursor}", ROOT).refusal == (400, "invalid_parameter")


def test_asked_for_twice_it_is_one_and_as_wide_as_both(service: Service) -> None:
    first = made(service, principal="auth0|jane", until="2098-01-01T00:00:00Z")
    wider = made(service, principal="auth0|jane", until="2099-01-01T00:00:00Z")
    again = made(service, principal="auth0|jane", until="2098-01-01T00:00:00Z")

    assert first["id"] == wider["id"] == again["id"]
    assert wider == again
    assert wider["until"] == "2099-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "principal"),
        ({"principal": "a", "bearer": "b"}, "principal"),
        ({"principal": ""}, "principal"),
        ({"principal": "x" * 256}, "principal"),
        ({"bearer": 7}, "bearer"),
        ({"bearer": "b", "issued_before": "2026-01-01T00:00:00Z"}, "issued_before"),
        ({"principal": "a", "issued_before": "2099-01-01T00:00:00Z"}, "issued_before"),
        ({"principal": "a", "issued_before": "2026-01-01T00:00:00"}, "issued_before"),
        ({"principal": "a", "until": "2020-01-01T00:00:00Z"}, "until"),
        ({"principal": "a", "until": "soon"}, "until"),
        ({"principal": "a", "why": "x" * 1025}, "why"),
    ],
)
def test_a_revocation_that_makes_no_sense_is_refused_with_the_reason(
    service: Service, body: dict[str, Any], field: str
) -> None:
    answer = service.ask("POST", "/revocations", ROOT, body=body)

    assert answer.refusal == (400, "invalid_body")
    assert answer.body["field"] == field
    assert service.wired.revocations.all() == {}


@pytest.mark.parametrize(
    "body", [{"principal": "root"}, {"principal": "root", "issued_before": "2026-01-01T00:00:00Z"}]
)
def test_nobody_locks_itself_out(service: Service, body: dict[str, Any]) -> None:
    assert service.ask("POST", "/revocations", ROOT, body=body).refusal == (409, "would_lock_out")
    assert service.wired.revocations.all() == {}


@pytest.mark.parametrize("identifier", ["x", "principal-1", "team-" + "0" * 64, "principal-" + "0" * 64])
def test_what_was_never_made_cannot_be_lifted(service: Service, identifier: str) -> None:
    assert service.ask("DELETE", f"/revocations/{identifier}", ROOT).refusal == (404, "not_found")


@pytest.mark.parametrize("who", [HOOK, ("auth0|somebody", ("consumer",))])
def test_nobody_but_an_administrator_ends_access_or_sees_whose_was(service: Service, who: Any) -> None:
    block = made(service, principal="auth0|jane")

    for method, path, body in (
        ("POST", "/revocations", {"principal": "auth0|john"}),
        ("GET", "/revocations", None),
        ("DELETE", block["links"]["self"], None),
    ):
        assert service.ask(method, path, who, body=body).status == 403
    assert list(service.wired.revocations.all()) == [block["id"]]


def test_who_was_revoked_is_denied_at_once_where_it_was_done_and_served_again_when_it_is_lifted(
    service: Service,
) -> None:
    subject = a_subject()
    path, who = f"/subjects/{subject}/tokens", (subject, ("consumer",))
    assert service.ask("GET", path, who).status == 200

    block = made(service, principal=subject)
    assert service.ask("GET", path, who).status == 403

    service.ask("DELETE", block["links"]["self"], ROOT)
    assert service.ask("GET", path, who).status == 200


def asked_of(service: Service, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Write down what the process asks to know who was revoked."""
    asked: list[str] = []
    source = service.wired.revocations

    class Counted:
        def epoch(self) -> Epoch:
            asked.append("epoch")
            return source.epoch()

        def all(self) -> dict[str, Revocation]:
            asked.append("all")
            return source.all()

    monkeypatch.setattr(service.wired.known_access, "_source", Counted())
    service.wired.known_access.forget()
    return asked


def test_many_requests_within_two_seconds_cost_one_look(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asked_of(service, monkeypatch)
    moment = system.now()
    monkeypatch.setattr(service.wired.known_access, "_now", lambda: moment)

    for _ in range(10):
        assert service.ask("GET", f"/tokens/{'a' * 26}", ROOT).status == 404

    assert asked == ["epoch", "all"], "the authorizer's and the service's together"


def no_look(*_: object) -> Access:
    raise AssertionError("what the authorizer knew is young enough")


def test_a_token_that_is_handed_in_at_once_costs_its_one_write(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.hand_in(a_subject())  # the domain's key
    nobody = replace(service.wired.standing, access=no_look, since=no_look)
    monkeypatch.setitem(vars(service.wired), "standing", nobody)
    asked = operations_of(service.wired.table._client)

    assert service.ask("POST", "/tokens", HOOK, body=a_body(a_subject())).status == 202

    assert asked == ["PutItem"]


class Down:
    """A table that takes no more requests."""

    def epoch(self) -> Epoch:
        raise Throttled

    def all(self) -> dict[str, Revocation]:
        raise Throttled


def test_where_nobody_knows_who_was_revoked_the_authorizer_denies(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(vars(service.wired), "known_access", KnownAccess(Down(), system.now, log.fact))

    assert service.ask("GET", f"/tokens/{'a' * 26}", ROOT).status == 403
    assert '"code":"access_unknown"' in capsys.readouterr().out


def test_where_nobody_knows_who_was_revoked_the_service_answers_503(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    admitted_long_ago(service, monkeypatch, KnownAccess(Down(), system.now, log.fact).current)

    for method, path, body in (("GET", f"/tokens/{'a' * 26}", None), ("POST", "/tokens", a_body(a_subject()))):
        answer = service.ask(method, path, ROOT, body=body)

        assert answer.refusal == (503, "access_unknown")
        assert "retry-after" in answer.headers


def test_who_was_revoked_behind_the_gateways_cache_is_refused_and_only_the_log_says_why(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    end = an_end(name="root")
    admitted_long_ago(service, monkeypatch, lambda: Access(known_at=system.now(), revoked={end.id: end}))

    answer = service.ask("GET", f"/tokens/{'a' * 26}", ROOT)

    assert answer.refusal == (401, "unauthorized")
    assert b"revoked" not in answer.raw
    assert '"because":"revoked"' in capsys.readouterr().out


def test_a_policy_that_changed_behind_the_gateways_cache_is_read_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = a_subject()
    group = f"readers-{subject.rpartition('-')[2]}"
    who = (subject, (group,))
    read = {"effect": "Allow", "methods": ["GET"], "paths": ["/subjects/*"]}
    service.wired.policies.put({"group": group, "statements": [read], "acknowledges": ["every_secret"]})
    service.wired.known_access.forget()
    admitted = service.wired.known_access.current()
    assert service.ask("GET", f"/subjects/{subject}/tokens", who).status == 200
    later = replace(admitted, epoch=Epoch(rev=0, policies=admitted.epoch.policies + 1))
    admitted_long_ago(service, monkeypatch, lambda: later)

    assert service.ask("GET", f"/subjects/{subject}/tokens", who).status == 200
    only_jobs = replace(service.wired.standing, policies_of=Narrowed(group).of)
    monkeypatch.setitem(vars(service.wired), "standing", only_jobs)
    assert service.ask("GET", f"/subjects/{subject}/tokens", who).refusal == (403, "forbidden")


@dataclass
class Narrowed:
    """The policies as they are behind a change."""

    group: str

    def of(self, groups: Sequence[str]) -> list[Policy]:
        assert self.group in groups
        statement = {"effect": "Allow", "methods": ["GET"], "paths": ["/jobs/*"]}
        return [parse_policy({"group": self.group, "statements": [statement]})]
