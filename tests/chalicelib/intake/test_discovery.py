from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from chalicelib.errors import AddressRefused, AnswerLost, CloakroomError, DiscoveryFailed, NotSent
from chalicelib.intake.discovery import discover, issuer_of
from chalicelib.model.provider import Discovered
from chalicelib.outbound.http import Answer

URL = "https://idp.example/.well-known/openid-configuration"
DOCUMENT = {"issuer": "https://idp.example", "token_endpoint": "https://idp.example/token", "jwks_uri": "ignored"}


@dataclass
class Web:
    """Answers, or fails, as it was told to; keeps what it was asked."""

    says: Answer | CloakroomError
    asked: list[str] = field(default_factory=list)

    def get(self, url: str, *, timeout: float) -> Answer:
        assert 0 < timeout <= 4
        self.asked.append(url)
        if isinstance(self.says, CloakroomError):
            raise self.says
        return self.says


def saying(document: object, status: int = 200) -> Web:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Web(Answer(status, {}, body))


def test_a_document_says_where_the_endpoints_are() -> None:
    web = saying(
        {**DOCUMENT, "revocation_endpoint": "https://r.example", "introspection_endpoint": "https://i.example"}
    )

    found = discover(web, URL, 7)

    assert found == Discovered(
        issuer="https://idp.example",
        at=7,
        token_endpoint="https://idp.example/token",
        revocation_endpoint="https://r.example",
        introspection_endpoint="https://i.example",
    )
    assert web.asked == [URL]


@pytest.mark.parametrize(
    ("url", "issuer"),
    [
        ("https://idp.example/.well-known/openid-configuration", "https://idp.example"),
        ("https://idp.example/tenant/.well-known/openid-configuration", "https://idp.example/tenant"),
        ("https://idp.example/.well-known/oauth-authorization-server", "https://idp.example"),
        ("https://idp.example/.well-known/oauth-authorization-server/tenant", "https://idp.example/tenant"),
        ("https://idp.example:8443/.well-known/openid-configuration/a/b", "https://idp.example:8443/a/b"),
    ],
)
def test_the_issuer_is_the_address_without_its_well_known_part(url: str, issuer: str) -> None:
    assert issuer_of(url) == issuer
    for spelt in (issuer, issuer + "/"):  # Auth0's ends with a slash
        assert discover(saying({**DOCUMENT, "issuer": spelt}), url, 7).issuer == spelt


@pytest.mark.parametrize(
    "url",
    [
        "https://idp.example/",
        "https://idp.example/.well-known/openid-configurations",
        "https://idp.example/.well-known/openid-configuration?p=policy",
        "https://idp.example/x?/.well-known/openid-configuration",
        "https://[/.well-known/openid-configuration",
    ],
)
def test_an_address_of_another_form_is_refused_before_it_is_called(url: str) -> None:
    web = saying(DOCUMENT)

    with pytest.raises(DiscoveryFailed) as refusal:
        discover(web, url, 7)

    assert refusal.value.facts["field"] == "discovery_url"
    assert web.asked == []


@pytest.mark.parametrize(
    "issuer", ["https://other.example", "http://idp.example", "https://idp.example/tenant", "https://IDP.example"]
)
def test_a_document_of_another_issuer_is_refused(issuer: str) -> None:
    with pytest.raises(DiscoveryFailed, match="issuer") as refusal:
        discover(saying({**DOCUMENT, "issuer": issuer}), URL, 7)

    assert issuer not in refusal.value.detail


MARKER = "MARKER-from-the-outside"


@pytest.mark.parametrize(
    ("web", "says"),
    [
        (saying(DOCUMENT, 404), "answered 404"),
        (saying(DOCUMENT, 302), "answered 302"),
        (saying(b"<html>" + MARKER.encode()), "JSON"),
        (saying(b"\xff"), "JSON"),
        (saying(b'{"a":' + b"[" * 100_000), "JSON"),
        (saying(b"[]"), "Expected `object`"),
        (saying({"issuer": "https://idp.example"}), "token_endpoint"),
        (saying({**DOCUMENT, "token_endpoint": 1}), "token_endpoint"),
        (saying({**DOCUMENT, "token_endpoint": "https://" + MARKER * 200}), "length"),
        (Web(NotSent("ConnectionRefusedError: Connection refused")), "Connection refused"),
        (Web(AnswerLost("the provider did not answer in time")), "in time"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason_and_without_what_came(web: Web, says: str) -> None:
    with pytest.raises(DiscoveryFailed, match=says) as refusal:
        discover(web, URL, 7)

    assert refusal.value.facts["field"] == "discovery_url"
    assert MARKER not in refusal.value.detail


def test_an_address_that_may_not_be_called_is_refused_as_that() -> None:
    with pytest.raises(AddressRefused) as refusal:
        discover(Web(AddressRefused("an address: no", rule="no")), URL, 7)

    assert refusal.value.facts == {"field": "discovery_url", "rule": "no"}
