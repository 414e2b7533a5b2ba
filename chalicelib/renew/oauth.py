"""Speak OAuth to a provider: refresh (RFC 6749 section 6), revoke (RFC 7009), introspect (RFC 7662)."""

from __future__ import annotations

import base64
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote_plus

from msgspec import Struct

from chalicelib.errors import Unavailable
from chalicelib.model.clock import SECOND
from chalicelib.model.provider import AuthMethod
from chalicelib.model.renewal import CALL_SECONDS
from chalicelib.renew.answers import Meaning, read_introspection, read_refresh, retry_after

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.model.provider import Credential, Provider

ASSERTION_SECONDS = 60
"""How long a client assertion is good (RFC 7523 section 3 wants it short)."""

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Answer(Protocol):
    """An answer from outside; header names in lower case."""

    @property
    def status(self) -> int: ...  # noqa: D102
    @property
    def headers(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def body(self) -> bytes: ...  # noqa: D102


class Outside(Protocol):
    """The way out."""

    def post_form(self, url: str, fields: Mapping[str, str], *, headers: Mapping[str, str], timeout: float) -> Answer:
        """Raise NotSent, AnswerLost, AddressRefused. `timeout` in seconds, for all of it."""


class OAuth(Struct, frozen=True, kw_only=True):
    """A provider's endpoints, asked as the provider wants to be asked. `now` in microseconds."""

    outside: Outside
    now: Callable[[], int]
    new_id: Callable[[], str]

    def refresh(self, provider: Provider, credential: Credential | None, refresh_token: str) -> Meaning:
        """Ask for new tokens. Raises NotSent, AnswerLost, AddressRefused."""
        fields = {**provider.parameters, "grant_type": "refresh_token", "refresh_token": refresh_token}
        answer = self._post(str(provider.token_url), fields, provider, credential)
        return read_refresh(answer.status, answer.headers, answer.body, self.now())

    def is_active(self, provider: Provider, credential: Credential | None, refresh_token: str) -> bool | None:
        """Tell whether a refresh token was not used and not revoked; None where the provider does not say."""
        fields = {"token": refresh_token, "token_type_hint": "refresh_token"}
        answer = self._post(str(provider.introspection_url), fields, provider, credential)
        return read_introspection(answer.status, answer.body)

    def revoke(self, provider: Provider, credential: Credential | None, token: str, hint: str) -> bool:
        """Revoke a token; False when the provider refuses for good. Raises Unavailable when it may be tried again.

        RFC 7009 section 2.2: a token that is not valid any more is answered like one that was revoked.
        """
        fields = {"token": token, "token_type_hint": hint}
        answer = self._post(str(provider.revocation_url), fields, provider, credential)
        busy = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT)
        if answer.status in busy or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            wait = retry_after(answer.headers.get("retry-after"), self.now())
            raise Unavailable(f"the provider answered {answer.status}", retry_after=wait)
        return HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES

    def _post(self, url: str, fields: Mapping[str, str], provider: Provider, credential: Credential | None) -> Answer:
        more, headers = self._authentication(provider, credential)
        headers["Accept"] = "application/json"
        return self.outside.post_form(url, {**fields, **more}, headers=headers, timeout=float(CALL_SECONDS))

    def _authentication(
        self, provider: Provider, credential: Credential | None
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return the fields and headers that say who we are (RFC 6749 section 2.3, RFC 7523 section 2.2)."""
        secret = (credential.secret if credential else None) or ""
        match provider.auth_method:
            case AuthMethod.BASIC:
                # Both are form-encoded first: a secret may hold a colon or be no ASCII.
                pair = f"{quote_plus(provider.client_id)}:{quote_plus(secret)}"
                return {}, {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
            case AuthMethod.POST:
                return {"client_id": provider.client_id, "client_secret": secret}, {}
            case AuthMethod.PRIVATE_KEY_JWT:
                assertion = self._assertion(provider, (credential.private_key if credential else None) or "")
                return {
                    "client_id": provider.client_id,
                    "client_assertion_type": ASSERTION_TYPE,
                    "client_assertion": assertion,
                }, {}
            case AuthMethod.NONE:
                return {"client_id": provider.client_id}, {}

    def _assertion(self, provider: Provider, key: str) -> str:
        import jwt  # noqa: PLC0415  who authenticates otherwise need not load it

        seconds = self.now() // SECOND
        claims = {
            "iss": provider.client_id,
            "sub": provider.client_id,
            "aud": provider.token_url,
            "jti": self.new_id(),
            "iat": seconds,
            "exp": seconds + ASSERTION_SECONDS,
        }
        headers = None if provider.key_id is None else {"kid": provider.key_id}
        return jwt.encode(claims, key, algorithm=provider.algorithm, headers=headers)
