"""Read what a provider says of itself: an OpenID Connect discovery document, or OAuth metadata (RFC 8414)."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Final, Protocol
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from chalicelib.errors import AddressRefused, DiscoveryFailed, Unavailable
from chalicelib.intake.bodies import LONGEST_URL
from chalicelib.model.provider import Discovered

if TYPE_CHECKING:
    from chalicelib.outbound.http import Answer

TIMEOUT: Final = 4.0
"""Seconds for the document, its redirects included: the request that asks for it has 15 in all."""

_WELL_KNOWN: Final = re.compile(r"/\.well-known/(?:openid-configuration|oauth-authorization-server)(?=/|$)")
_Url = Annotated[str, Meta(min_length=1, max_length=LONGEST_URL)]


class Document(msgspec.Struct, frozen=True):
    """The members that are read; the rest of a document is nothing to us."""

    issuer: _Url
    token_endpoint: _Url
    revocation_endpoint: _Url | None = None
    introspection_endpoint: _Url | None = None


class Web(Protocol):
    """How a document is fetched."""

    def get(self, url: str, *, timeout: float) -> Answer:
        """Raise AddressRefused, NotSent, AnswerLost."""


def discover(web: Web, url: str, now: int) -> Discovered:
    """Fetch a discovery document and return what it says; its endpoints are not looked at yet.

    Raises AddressRefused, or DiscoveryFailed naming why without repeating what came.
    """
    expected = issuer_of(url)
    try:
        answer = web.get(url, timeout=TIMEOUT)
    except AddressRefused as refusal:  # of this address, or of one that it redirects to
        rule = str(refusal.facts["rule"])
        raise AddressRefused(f"discovery_url: {rule}", field="discovery_url", rule=rule) from None
    except Unavailable as error:
        raise failed(f"a document that can be read: {error.detail}") from None
    if answer.status != HTTPStatus.OK:
        raise failed(f"a document that can be read: it was answered {answer.status}")
    document = parse(answer.body)
    if document.issuer.rstrip("/") != expected:
        raise failed("a document whose `issuer` is what its address says (OpenID Connect Discovery section 4.3)")
    return Discovered(
        issuer=document.issuer,
        at=now,
        token_endpoint=document.token_endpoint,
        revocation_endpoint=document.revocation_endpoint,
        introspection_endpoint=document.introspection_endpoint,
    )


def issuer_of(url: str) -> str:
    """Return whose document stands at an address, without a slash at its end. Raises DiscoveryFailed.

    OpenID Connect appends the well-known part to the issuer, RFC 8414 puts it before the issuer's path: either way the
    issuer is the address without it.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise failed("an address") from None
    if parts.query or not _WELL_KNOWN.search(parts.path):
        raise failed("an address with /.well-known/openid-configuration or /.well-known/oauth-authorization-server")
    return f"{parts.scheme}://{parts.netloc}{_WELL_KNOWN.sub('', parts.path, count=1)}".rstrip("/")


def parse(body: bytes) -> Document:
    """Read a document. Raises DiscoveryFailed."""
    try:
        return msgspec.json.decode(body, type=Document)
    except msgspec.ValidationError as error:  # its text names a member of ours and a type, never a value
        raise failed(f"a document with what it needs: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise failed("a document that is JSON") from None


def failed(rule: str) -> DiscoveryFailed:
    """Return the refusal of a discovery address."""
    return DiscoveryFailed(f"discovery_url: {rule}", field="discovery_url", rule=rule)
