"""Providers over the routes: set up, shown, listed, taken away; and the credential in no place but its sealed one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.errors import Unavailable
from chalicelib.model.provider import Credential, sealed_under
from chalicelib.outbound.http import Outside
from chalicelib.store import keys
from tests.app.service import HOOK, ROOT, a_subject
from tests.chalicelib.intake.test_provider_rules import pem
from tests.chalicelib.outbound.server import answering, ok, redirect
from tests.stack.hunt import traces, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.app.service import Answer, Service

MARKER = "MARKER-Client-Secret-4711"


@pytest.fixture(autouse=True)
def empty(service: Service) -> Iterator[None]:
    yield
    for one in service.ask("GET", "/providers", ROOT).body["items"]:
        service.ask("DELETE", one["links"]["self"], ROOT)


def settings(**members: Any) -> dict[str, Any]:
    return {
        "client_id": "client",
        "auth_method": "client_secret_basic",
        "credential": {"secret": MARKER},
        "token_endpoint": "http://127.0.0.1:9/token",
        **members,
    }


def put(service: Service, name: str, **members: Any) -> Answer:
    given = {member: value for member, value in settings(**members).items() if value is not ...}
    return service.ask("PUT", f"/providers/{name}", ROOT, body=given)


def credential_of(service: Service, name: str) -> Credential | None:
    item = service.table.get(keys.provider_key(name)) or {}
    return (
        Credential.from_bytes(service.wired.sealer.open(item["sealed"], *sealed_under(name)))
        if "sealed" in item
        else None
    )


def test_a_provider_is_set_up_shown_listed_and_taken_away(service: Service) -> None:
    made = put(service, "google", rotates=True, leeway=10, parameters={"audience": "shop"})
    shown = service.ask("GET", "/providers/google", ROOT)
    listed = service.ask("GET", "/providers", ROOT)
    deleted = service.ask("DELETE", "/providers/google", ROOT)

    assert (made.status, made.body["rev"], made.body["updated_by"]) == (200, 1, "root")
    assert (made.body["rotates"], made.body["leeway"], made.body["has_credential"]) == (True, 10, True)
    assert shown.body == made.body == deleted.body
    assert listed.body == {"items": [made.body], "cursor": None}
    assert service.ask("GET", "/providers/google", ROOT).refusal == (404, "not_found")
    assert service.ask("DELETE", "/providers/google", ROOT).refusal == (404, "not_found")
    assert service.table.get(keys.provider_key("google")) is None


def test_the_credential_is_sealed_kept_replaced_and_removed(service: Service) -> None:
    put(service, "google")
    assert credential_of(service, "google") == Credential(secret=MARKER)

    assert put(service, "google", credential=..., client_id="other").body["rev"] == 2
    assert credential_of(service, "google") == Credential(secret=MARKER)

    put(service, "google", auth_method="private_key_jwt", credential={"private_key": pem("rsa")})
    assert credential_of(service, "google") == Credential(private_key=pem("rsa"))

    assert put(service, "google", auth_method="none", credential=None).body["has_credential"] is False
    assert credential_of(service, "google") is None


def test_a_credential_copied_to_another_provider_does_not_open(service: Service) -> None:
    put(service, "google")
    item = service.table.get(keys.provider_key("google")) or {}
    service.table.put({**item, **keys.provider_key("evil")})

    with pytest.raises(Exception, match="does not open"):
        credential_of(service, "evil")


def test_the_credential_is_in_no_answer_no_log_and_in_the_clear_in_no_item(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = [
        put(service, "google"),
        put(service, "google", credential=..., client_id="other"),
        service.ask("GET", "/providers/google", ROOT),
        service.ask("GET", "/providers", ROOT),
        put(service, "google", client_id=MARKER),
        put(service, "google", token_endpoint=f"http://127.0.0.1/{MARKER}"),
        put(service, "google", credential={"secret": MARKER, "private_key": MARKER}),
        put(service, "google", credential={MARKER: MARKER}),
        put(service, "google", credential=MARKER),
        put(service, "google", auth_method="private_key_jwt", credential={"private_key": MARKER}),
        put(service, "google", token_endpoint="http://169.254.169.254/"),
        service.ask("PUT", "/providers/google", ROOT, body=json.dumps(settings()).encode()[:-1]),
    ]
    item = service.table._client.scan(TableName=service.table.name)["Items"]

    assert [answer.status for answer in answers] == [200] * 4 + [400] * 8
    assert traces(MARKER, [answer.raw for answer in answers]) == []
    assert traces(MARKER, [capsys.readouterr().out]) == []
    assert traces(MARKER, [written(one) for one in item]) == []


@pytest.mark.parametrize("who", [HOOK, ("auth0|somebody", ("consumer",)), ("auth0|somebody", ("producer", "consumer"))])
def test_nobody_but_an_administrator_comes_near_a_provider(service: Service, who: Any) -> None:
    put(service, "google")

    for method, path, body in (
        ("GET", "/providers", None),
        ("GET", "/providers/google", None),
        ("GET", "/providers/nothing", None),
        ("PUT", "/providers/google", settings()),
        ("DELETE", "/providers/google", None),
    ):
        assert service.ask(method, path, who, body=body).status == 403

    assert service.ask("GET", "/providers/google", ROOT).body["rev"] == 1


def test_the_list_is_paged_by_name(service: Service) -> None:
    for name in ("c", "a", "b"):
        put(service, name)

    first = service.ask("GET", "/providers?limit=2", ROOT).body
    second = service.ask("GET", f"/providers?limit=2&cursor={first['cursor']}", ROOT).body

    assert [one["name"] for one in first["items"]] == ["a", "b"]
    assert [one["name"] for one in second["items"]] == ["c"]
    assert second["cursor"] is None


@pytest.mark.parametrize("name", ["Google", "-google", "a%20b", "a" * 65])
def test_a_name_that_no_provider_can_have_is_refused(service: Service, name: str) -> None:
    assert put(service, name).status in (400, 404)


def test_a_provider_is_read_from_its_own_document(service: Service) -> None:
    with answering(b"") as server:
        issuer = server.url("")
        document = {"issuer": issuer, "token_endpoint": f"{issuer}/t", "revocation_endpoint": f"{issuer}/r"}
        server.answers[:] = [redirect("/moved"), ok(json.dumps(document).encode())]
        made = put(service, "idp", token_endpoint=None, discovery_url=server.url("/.well-known/openid-configuration"))

    assert made.status == 200, made.raw
    assert made.body["token_endpoint"] is None
    found = made.body["discovered"]
    assert (found["issuer"], found["token_endpoint"], found["revocation_endpoint"]) == (
        issuer,
        f"{issuer}/t",
        f"{issuer}/r",
    )
    assert service.ask("GET", "/providers/idp", ROOT).body == made.body
    assert server.connections == 2, "showing it asks nobody"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"<html>", "JSON"),
        (b'{"issuer": "https://other.example", "token_endpoint": "https://other.example/t"}', "issuer"),
    ],
)
def test_a_document_that_cannot_be_used_is_refused_with_the_reason(service: Service, body: bytes, says: str) -> None:
    with answering(ok(body)) as server:
        answer = put(service, "idp", token_endpoint=None, discovery_url=server.url("/.well-known/openid-configuration"))

    assert answer.refusal == (400, "discovery_failed")
    assert answer.body["field"] == "discovery_url"
    assert says in answer.body["rule"]


@pytest.mark.parametrize("field", ["token_endpoint", "revocation_endpoint", "introspection_endpoint"])
@pytest.mark.parametrize(
    "url",
    [
        "http://idp.example/token",
        "https://127.0.0.1/token",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::ffff:169.254.169.254]/",
        "https://localhost/",
        "https://a@1.1.1.1/",
    ],
)
def test_where_the_stage_refuses_it_no_endpoint_lies_inside(
    service: Service, monkeypatch: pytest.MonkeyPatch, field: str, url: str
) -> None:
    monkeypatch.delitem(vars(service.wired), "registrar", raising=False)
    monkeypatch.setitem(vars(service.wired), "outside", Outside(allow_private=False))

    answer = put(service, "google", **{"token_endpoint": "https://1.1.1.1/token", field: url})

    monkeypatch.delitem(vars(service.wired), "registrar")
    assert answer.refusal == (400, "address_refused")
    assert answer.body["field"] == field
    assert url not in answer.body["detail"]


def test_a_discovery_address_inside_is_refused_too(service: Service) -> None:
    answer = put(
        service, "google", token_endpoint=None, discovery_url="http://169.254.169.254/.well-known/openid-configuration"
    )

    assert answer.refusal == (400, "address_refused")
    assert answer.body["field"] == "discovery_url"


def test_without_the_table_nothing_is_written_and_the_answer_says_so(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent:
        def get(self, _: str) -> None:
            raise Unavailable

    monkeypatch.delitem(vars(service.wired), "registrar", raising=False)
    monkeypatch.setitem(vars(service.wired), "providers", Silent())

    assert put(service, "google").refusal == (503, "unavailable")

    monkeypatch.delitem(vars(service.wired), "registrar")


def test_tokens_of_a_deleted_provider_stay(service: Service) -> None:
    subject = a_subject()
    put(service, "google")
    token_id = service.hand_in(subject)

    service.ask("DELETE", "/providers/google", ROOT)

    assert service.ask("GET", f"/tokens/{token_id}/secret", (subject, ("consumer",))).status == 200
