"""A provider: where its tokens are refreshed and revoked, how we say who we are there, and how much it bears.

The credential is not part of it: it is sealed beside it, like any secret, and opened only by who calls the provider.
"""

from __future__ import annotations

import enum
import json
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from msgspec import Struct, field

from chalicelib.model.clock import rfc3339
from chalicelib.model.token import DEFAULT_SCOPE_NAME, Place
from chalicelib.model.values import Discreet

if TYPE_CHECKING:
    from collections.abc import Mapping

Algorithm = Literal["RS256", "ES256"]

_NOBODY: Final = "-"
_CREDENTIAL_ID: Final = "provider"


class AuthMethod(enum.StrEnum):
    """How a client says who it is at the token endpoint (RFC 7591 section 2, OpenID Connect Core section 9)."""

    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    PRIVATE_KEY_JWT = "private_key_jwt"
    NONE = "none"


class Credential(Discreet, frozen=True, kw_only=True):
    """What proves that we are the client: a secret, or a private key in PEM; never both, absent from every `repr`."""

    HIDDEN: ClassVar[tuple[str, ...]] = ("secret", "private_key")

    secret: str | None = None
    private_key: str | None = None

    def to_bytes(self) -> bytes:
        """Write the credential for sealing. The form outlives this version: add members, never rename."""
        members = {"secret": self.secret, "private_key": self.private_key}
        given = {name: value for name, value in members.items() if value is not None}
        return json.dumps(given, separators=(",", ":"), ensure_ascii=False).encode()

    @classmethod
    def from_bytes(cls, plaintext: bytes) -> Credential:
        """Read what `to_bytes` wrote, here or in a later version: members that this one does not know are left out."""
        members = json.loads(plaintext)
        known = ("secret", "private_key")
        return cls(**{name: members[name] for name in known if name in members})


class Discovered(Struct, frozen=True, kw_only=True):
    """What a provider's own document says of it, read at `at` (microseconds since the epoch) and kept."""

    issuer: str
    at: int
    token_endpoint: str
    revocation_endpoint: str | None = None
    introspection_endpoint: str | None = None


class Provider(Struct, frozen=True, kw_only=True):
    """A provider as an administrator set it up. Times of day are microseconds since the epoch, durations seconds.

    Who calls it asks for `token_url` and its like: an endpoint that was given comes before one that was discovered.
    """

    name: str
    client_id: str
    auth_method: AuthMethod
    token_endpoint: str | None = None
    revocation_endpoint: str | None = None
    introspection_endpoint: str | None = None
    discovery_url: str | None = None
    discovered: Discovered | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)  # further members of each token request
    rotates: bool = False  # a refresh gives a new refresh token, and the old one is spent
    leeway: int = 0  # for so long the provider bears the old one once more
    margin: int = 300  # so long before its expiry a token is to be refreshed
    spread: int = 0  # scheduled refreshes are spread over this; 0: over half of the token's life
    default_expires_in: int | None = None  # for answers that do not say
    revoke_replaced: bool = False  # whether the old token is revoked when a newer one takes its place
    per_second: int = 5
    at_once: int = 2
    key_id: str | None = None  # the `kid` of a private key's assertions
    algorithm: Algorithm = "RS256"
    has_credential: bool = False  # as stored; the store answers for it
    rev: int = 1  # rises with each change
    updated_at: int
    updated_by: str

    @property
    def token_url(self) -> str | None:
        """Where tokens are refreshed; None only for an item that no version of ours wrote."""
        return self.token_endpoint or (self.discovered.token_endpoint if self.discovered else None)

    @property
    def revocation_url(self) -> str | None:
        """Where tokens are revoked (RFC 7009), None where the provider has no such place."""
        return self.revocation_endpoint or (self.discovered.revocation_endpoint if self.discovered else None)

    @property
    def introspection_url(self) -> str | None:
        """Where a token's state is asked for (RFC 7662), None where the provider has no such place."""
        return self.introspection_endpoint or (self.discovered.introspection_endpoint if self.discovered else None)


def sealed_under(name: str) -> tuple[Place, str]:
    """Return the place and id that a provider's credential is sealed under.

    No token has the same binding: tokens' ids have 26 characters.
    """
    place = Place(environment=DEFAULT_SCOPE_NAME, domain=DEFAULT_SCOPE_NAME, subject=_NOBODY, provider=name)
    return place, _CREDENTIAL_ID


def provider_view(provider: Provider) -> dict[str, object]:
    """Return the provider as the contract shows it. The credential is not in it, only whether there is one."""
    found = provider.discovered
    return {
        "name": provider.name,
        "client_id": provider.client_id,
        "auth_method": str(provider.auth_method),
        "has_credential": provider.has_credential,
        "token_endpoint": provider.token_endpoint,
        "revocation_endpoint": provider.revocation_endpoint,
        "introspection_endpoint": provider.introspection_endpoint,
        "discovery_url": provider.discovery_url,
        "discovered": None if found is None else _discovered_view(found),
        "parameters": dict(provider.parameters),
        "rotates": provider.rotates,
        "leeway": provider.leeway,
        "margin": provider.margin,
        "spread": provider.spread,
        "default_expires_in": provider.default_expires_in,
        "revoke_replaced": provider.revoke_replaced,
        "per_second": provider.per_second,
        "at_once": provider.at_once,
        "key_id": provider.key_id,
        "algorithm": provider.algorithm,
        "rev": provider.rev,
        "updated_at": rfc3339(provider.updated_at),
        "updated_by": provider.updated_by,
        "links": {"self": f"/providers/{provider.name}"},
    }


def _discovered_view(found: Discovered) -> dict[str, object]:
    return {
        "issuer": found.issuer,
        "at": rfc3339(found.at),
        "token_endpoint": found.token_endpoint,
        "revocation_endpoint": found.revocation_endpoint,
        "introspection_endpoint": found.introspection_endpoint,
    }
