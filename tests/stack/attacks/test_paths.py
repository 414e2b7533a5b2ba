"""Requests whose path, method or headers mean one thing to the gateway and another to us; sent byte by byte."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.stack.contract import DOCUMENT
from tests.stack.http import Api, unique

if TYPE_CHECKING:
    from devtool.testing import LiveCloud
    from tests.stack.attacks.gate import Gate, Heard

VICTIM = "auth0|victim-of-paths"
SECRET = "the-victims-own-secret"
REFUSED = (401, 403, 404)
BY_THE_SERVER = 400
"""What a server answers to bytes that are no HTTP; nothing of ours has seen them."""


@pytest.fixture(scope="module")
def victims(api: Api, cloud: LiveCloud) -> str:
    token_id = api.hand_in(VICTIM, access_token=SECRET)
    assert cloud.settle()
    return token_id


def check(heard: Heard, token_id: str) -> None:
    assert heard.status in (*REFUSED, BY_THE_SERVER), heard
    assert SECRET.encode() not in heard.body
    assert token_id.encode() not in heard.body
    if heard.status in REFUSED:
        assert set(heard.json) == {"type", "title", "status", "code", "detail"}, heard


def below(subject: str) -> tuple[str, ...]:
    """Return paths that end at a victim's secret for some reader, as somebody else of this name may ask for them."""
    whole, own = quote(VICTIM, safe=""), quote(subject, safe="")
    twice, thrice = whole.replace("%", "%25"), whole.replace("%", "%2525")
    secret = "tokens/google/secret"
    return (
        *(f"/subjects/{twice}/{secret}", f"/subjects/{thrice}/{secret}", f"/subjects/{own}%2F..%2F{whole}/{secret}"),
        *(f"/subjects/{own}/../{whole}/{secret}", f"/subjects/{own}/%2e%2e/{whole}/{secret}"),
        *(f"/subjects/{own}/%252e%252e/{whole}/{secret}", f"/subjects/{own}/..%2f{whole}/{secret}"),
        *(f"/subjects/{own}/..%252f{whole}/{secret}", f"/subjects/{own}/..;/{whole}/{secret}"),
        *(f"/subjects/{own}/.%00./{whole}/{secret}", f"/subjects/{own}/%c0%ae%c0%ae/{whole}/{secret}"),
        *(f"/subjects/{own}/..%c0%af{whole}/{secret}", f"/subjects/{own}/..%5c{whole}/{secret}"),
        *(f"/subjects/{own}/..\\{whole}/{secret}", f"/subjects//{whole}/{secret}", f"//subjects/{whole}/{secret}"),
        *(f"/./subjects/{whole}/{secret}", f"/subjects/./{whole}/{secret}", f"/subjects/{whole}/{secret}/"),
        *(f"/subjects/{whole}/{secret}//", f"/subjects/{whole}/{secret}/.", f"/subjects/{whole}/{secret}."),
        *(f"/subjects/{whole}/{secret}%2f", f"/subjects/{whole}/{secret};x=1", f"/subjects/{whole};/{secret}"),
        *(f"/subjects;x=1/{whole}/{secret}", f"/subjects/{whole}%00/{secret}", f"/subjects/{own}%00{whole}/{secret}"),
        *(f"/subjects/{whole}/{secret}%00", f"/subjects/{whole}/{secret}%20", f"/subjects/{whole}/{secret}%0a"),
        *(f"/subjects/{whole}/{secret}.json", f"/subjects/{whole}/{secret}%3Fx", f"/subjects/{whole}/{secret}%23"),
        *(f"/SUBJECTS/{whole}/{secret}", f"/Subjects/{whole}/{secret}", f"/subjects/{whole}/Tokens/google/secret"),
        *(f"/subjects/{whole}/tokens/GOOGLE/secret", f"/subjects/{whole}/tokens/google/Secret"),
        *(
            f"/%73ubjects/{whole}/{secret}",
            f"/subjects/{whole}/tokens/google/%73ecret",
            f"/api/subjects/{whole}/{secret}",
        ),
        *(
            f"/subjects/{whole}%0d%0aX-Injected:%201/{secret}",
            f"/subjects/*/{secret}",
            f"/subjects/{own[:-1]}*/{secret}",
        ),
        *(
            f"/subjects/{{subject}}/{secret}",
            f"/subjects/%7Bsubject%7D/{secret}",
            f"/subjects/$%7Bprincipal%7D/{secret}",
        ),
        *(
            f"/subjects/{own},{whole}/{secret}",
            f"/subjects/{own}|{whole}/{secret}",
            f"/subjects/{own}/{secret}/../../{whole}",
        ),
        f"/subjects/{quote(VICTIM.replace('|', chr(0xFF5C)))}/{secret}",
    )


@pytest.mark.parametrize("number", range(len(below("x"))))
def test_no_spelling_of_a_path_leads_a_consumer_to_anothers_secret(
    gate: Gate, api: Api, victims: str, number: int
) -> None:
    other = unique("other")

    check(gate.ask("GET", below(other)[number], api.consumer(other)), victims)


@pytest.mark.parametrize("number", range(len(below("x"))))
def test_no_spelling_of_a_path_dodges_a_producers_deny_of_secrets(
    gate: Gate, api: Api, victims: str, number: int
) -> None:
    check(gate.ask("GET", below(VICTIM)[number], api.bearer(VICTIM, "producer", "consumer")), victims)


@pytest.mark.parametrize(
    "ending",
    [
        *(
            "/secret/",
            "/secret//",
            "/secret/.",
            "/secret/..",
            "/secret/x/..",
            "/secret.",
            "/secret..",
            "/secret;",
            "/secret;a=b",
        ),
        *(
            "/secret%00",
            "/secret%2f",
            "/secret%252f",
            "/secret%20",
            "/secret%09",
            "/secret%0a",
            "/secret%3f",
            "//secret",
        ),
        *("/./secret", "/%2e/secret", "/x/../secret", "/%73%65%63%72%65%74", "/SECRET", "/secre%74", "/secret%ff"),
        *(
            "/secret%c0%80",
            "/secret%e2%80%8b",
            "/secret\\",
            "%2fsecret",
            "%252fsecret",
            ";/secret",
            "%00/secret",
            "/secret/secret",
        ),
    ],
)
def test_a_tokens_secret_has_one_path(gate: Gate, api: Api, victims: str, ending: str) -> None:
    for bearer in (api.consumer(unique("other")), api.producer, api.bearer(VICTIM, "producer", "consumer")):
        check(gate.ask("GET", f"/tokens/{victims}{ending}", bearer), victims)


@pytest.mark.parametrize(
    "raw",
    [
        b"/tokens/\xff\xfe/secret",
        b"/tokens/\xc0\xaf/secret",
        b"/tokens/\x00/secret",
        b"/tokens/ /secret",
        b"tokens",
        b"*",
        b"",
    ],
    ids=ascii,
)
def test_bytes_that_are_no_path_reach_nothing(gate: Gate, api: Api, victims: str, raw: bytes) -> None:
    target = gate.base.encode() + raw if raw.startswith(b"/") else raw

    heard = gate.send("GET", target, [("Authorization", f"Bearer {api.admin}")])

    assert heard.status in (400, 403, 404), heard
    assert SECRET.encode() not in heard.body


def test_a_whole_address_as_the_target_is_no_way_round_the_authorizer(gate: Gate, api: Api, victims: str) -> None:
    path = f"{gate.base}/tokens/{victims}/secret"
    for origin in (gate.origin, "http://attacker.example", "https://169.254.169.254"):
        for sent in ([("Authorization", f"Bearer {api.producer}")], []):
            heard = gate.send("GET", f"{origin}{path}", sent)
            assert heard.status in (400, *REFUSED), heard
            assert SECRET.encode() not in heard.body


METHODS = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-Method", "_method")
PATHS = ("X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Path", "X-Forwarded-Prefix", "X-Original-URI", "Forwarded")


@pytest.mark.parametrize("name", [*METHODS, *(name.lower() for name in METHODS), *(name.upper() for name in METHODS)])
def test_no_header_makes_another_method_of_a_request(gate: Gate, api: Api, victims: str, name: str) -> None:
    owner = api.consumer(VICTIM)
    for method in ("DELETE", "PUT", "delete"):
        heard = gate.ask("GET", f"/tokens/{victims}", owner, (name, method))
        asked = gate.ask("GET", f"/tokens/{victims}?_method={method}", owner)
        assert (heard.status, heard.json["id"]) == (200, victims)
        assert asked.status == 400  # no parameter of ours

    # A producer may POST and not GET secrets: the other way round.
    check(gate.ask("POST", f"/tokens/{victims}/secret", api.producer, (name, "GET")), victims)
    check(gate.ask("POST", f"/tokens/{victims}", owner, (name, "DELETE")), victims)
    assert gate.ask("GET", f"/tokens/{victims}", owner).status == 200


@pytest.mark.parametrize("name", PATHS)
def test_no_header_makes_another_path_of_a_request(gate: Gate, api: Api, victims: str, name: str) -> None:
    for value in (f"/tokens/{victims}/secret", f"{gate.base}/tokens/{victims}/secret"):
        heard = gate.ask("GET", "/health", None, (name, value))
        assert SECRET.encode() not in heard.body
        check(gate.ask("GET", f"/tokens/{'a' * 26}", api.producer, (name, value)), victims)


@pytest.mark.parametrize(
    "method", ["HEAD", "PATCH", "TRACE", "CONNECT", "PROPFIND", "GET\t", "SECRET", "DELETE", "PUT", "ANY", "*"]
)
def test_a_method_that_a_route_does_not_know_reaches_nothing(gate: Gate, api: Api, victims: str, method: str) -> None:
    heard = gate.ask(method, f"/tokens/{victims}/secret", api.consumer(VICTIM))

    assert heard.status in (400, 403, 404, 405), heard
    assert SECRET.encode() not in heard.body


def test_a_method_in_small_letters_is_no_way_round_a_deny(gate: Gate, api: Api, victims: str) -> None:
    for method in ("get", "Get", "gET"):
        check(gate.ask(method, f"/tokens/{victims}/secret", api.bearer(VICTIM, "producer", "consumer")), victims)


HEADERS_OF_THE_GATEWAY = (
    *("X-Amzn-Principal", "X-Principal", "Principal", "X-Amzn-Authorizer-Principal", "requestContext", "X-User"),
    *("X-Forwarded-User", "X-Remote-User", "REMOTE_USER", "X-Authenticated-UserId", "X-Amz-Invocation-Type", "grants"),
)


@pytest.mark.parametrize("name", HEADERS_OF_THE_GATEWAY)
def test_no_header_says_who_is_asking(gate: Gate, api: Api, victims: str, name: str) -> None:
    grants = json.dumps([["+", "*", "/*"]])
    other = api.consumer(unique("other"))
    for value in (VICTIM, "operator", grants, json.dumps({"authorizer": {"principal": VICTIM, "grants": grants}})):
        check(gate.ask("GET", f"/tokens/{victims}/secret", other, (name, value)), victims)
        check(gate.ask("GET", f"/tokens/{victims}/secret", None, (name, value)), victims)


def everything(subject: str, token_id: str) -> list[tuple[str, str]]:
    """Return each method and path of the document, of somebody's things."""
    named = {
        "subject": quote(subject, safe=""),
        "provider": "google",
        "name": "google",
        "group": "admin",
        "revocation": f"principal-{'0' * 64}",
    }
    found = []
    for template, operations in DOCUMENT["paths"].items():
        path = template
        for parameter in (*named, "token_id", "job_id"):
            path = path.replace("{" + parameter + "}", named.get(parameter, token_id))
        assert "{" not in path, f"a parameter that this test does not fill: {path}"
        found += [
            (method.upper(), path) for method in operations if method in ("get", "put", "post", "delete", "patch")
        ]
    return found


OPEN = {("GET", "/health"), ("GET", "/openapi.json")}
TICKET = ("POST", "/tickets")
KEYS = ("GET", "/receipts/jwks.json")
PRODUCERS = {
    ("POST", "/tokens"),
    TICKET,
    KEYS,
    ("POST", "/imports"),
    ("POST", "/uploads"),
    ("POST", "/receipts/verify"),
}


@pytest.mark.parametrize(("group", "allowed"), [("producer", PRODUCERS), ("consumer", {TICKET, KEYS})])
def test_an_answer_that_is_cached_for_one_route_opens_no_other(
    gate: Gate, cloud: LiveCloud, victims: str, group: str, allowed: set[tuple[str, str]]
) -> None:
    principal = unique("warm")
    bearer = cloud.token(principal, [group])
    assert gate.ask(*TICKET, bearer).status == 201
    asked = cloud.logs("authorize").count(principal)

    heard = {route: gate.ask(*route, bearer, body=b'{"generation": 1}') for route in everything(VICTIM, victims)}
    again = gate.ask(*TICKET, bearer)

    assert cloud.logs("authorize").count(principal) == asked == 1, "the gateway asked again: this tried nothing"
    for route, answer in heard.items():
        if route not in OPEN | allowed:
            check(answer, victims)
            assert answer.status in REFUSED, (route, answer)
        assert SECRET.encode() not in answer.body
    assert again.status == 201
