"""The shapes of answers: openapi.json is generated from them, and the tests check real answers against it.

Answers are built as plain dicts by the model's views; these structs describe, they do not serialize.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  msgspec evaluates the annotations
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Id = Annotated[str, Meta(pattern="^[a-z2-7]{26}$", description="26 characters of a-z and 2-7.")]
Path = Annotated[str, Meta(description="A path of this API.")]
JobStatus = Literal["PENDING", "IN_PROGRESS", "SUCCEEDED", "FAILED", "CANCELLED"]


class AcceptedLinks(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where to go from a 202; `token` and `secret` where the job is about one token, `refusals` for an import."""

    self: Path
    token: Path | msgspec.UnsetType = msgspec.UNSET
    secret: Path | msgspec.UnsetType = msgspec.UNSET
    refusals: Path | msgspec.UnsetType = msgspec.UNSET


class Accepted(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What was asked for is stored and will be done. `id` is the job's; for a token handed in it is the token's too."""

    id: Id
    status: JobStatus
    accepted_at: datetime
    links: AcceptedLinks
    receipt: (
        Annotated[
            str,
            Meta(
                description=(
                    "Of `POST /tokens`: a JWS (RFC 7515, Ed25519) of id, time and keyed hash of the body. "
                    "`GET /receipts/jwks.json` verifies it."
                )
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET


class TokenLinks(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where to go from a record."""

    self: Path
    secret: Path
    job: Path


class LastRefresh(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How the last refresh ended."""

    outcome: Annotated[str, Meta(description="`refreshed`, or a code.")]
    at: datetime


class TokenRecord(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Everything about a token but the secret."""

    id: Id
    subject: str
    provider: str
    environment: str
    domain: str
    status: Literal["ACTIVE", "REFRESHING", "EXPIRED", "NEEDS_REAUTH", "REVOKED"]
    status_since: datetime
    status_reason: Annotated[str | None, Meta(description="Why the customer has to log in, where that is so.")]
    generation: Annotated[int, Meta(description="1 as handed in; each refresh that succeeds is one more.")]
    last_refresh: LastRefresh | None
    accepted_at: datetime
    expires_at: Annotated[datetime | None, Meta(description="Null where the provider did not say.")]
    token_type: str | None
    scope: str | None
    has_refresh_token: bool
    fingerprint: Annotated[
        str,
        Meta(description="A keyed hash: the same for the same access token of a domain, until its key is rotated."),
    ]
    metadata: dict[str, str]
    links: TokenLinks


class TokenPage(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A page of records; `cursor` asks for the next, null at the end."""

    items: list[TokenRecord]
    cursor: str | None


class CollectedToken(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A token as its provider gave it (RFC 6749 section 5.1), with the time that is left."""

    id: Id
    access_token: str
    expires_at: datetime | None
    generation: Annotated[int, Meta(description="Name it when a provider refuses this token.")]
    refresh_token: str | msgspec.UnsetType = msgspec.UNSET
    id_token: str | msgspec.UnsetType = msgspec.UNSET
    token_type: str | msgspec.UnsetType = msgspec.UNSET
    scope: str | msgspec.UnsetType = msgspec.UNSET
    extra: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    expires_in: Annotated[int, Meta(ge=0)] | msgspec.UnsetType = msgspec.UNSET


class Limits(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where Allow statements hold; a kind that is left out is not limited."""

    environments: list[str] | msgspec.UnsetType = msgspec.UNSET
    domains: list[str] | msgspec.UnsetType = msgspec.UNSET
    providers: list[str] | msgspec.UnsetType = msgspec.UNSET


class JobInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a job is about, without anything secret: of one token, which and whose; of an import, whence its lines."""

    token_id: Id | msgspec.UnsetType = msgspec.UNSET
    subject: str | msgspec.UnsetType = msgspec.UNSET
    provider: str | msgspec.UnsetType = msgspec.UNSET
    generation: Annotated[int, Meta(description="Which generation a refresh is of.")] | msgspec.UnsetType = (
        msgspec.UNSET
    )
    environment: str | msgspec.UnsetType = msgspec.UNSET
    domain: str | msgspec.UnsetType = msgspec.UNSET
    version: Annotated[int, Meta(description="Which version of the domain's key seals anew.")] | msgspec.UnsetType = (
        msgspec.UNSET
    )
    items: Annotated[int, Meta(description="How many items the table held, roughly.")] | msgspec.UnsetType = (
        msgspec.UNSET
    )
    import_: Annotated[Id, Meta(description="The import that stored the token.")] | msgspec.UnsetType = msgspec.field(
        default=msgspec.UNSET, name="import"
    )
    source: Literal["body", "upload"] | msgspec.UnsetType = msgspec.UNSET
    bytes: int | msgspec.UnsetType = msgspec.UNSET
    limits: Annotated[list[Limits], Meta(description="What an import's lines must lie within one of.")] | (
        msgspec.UnsetType
    ) = msgspec.UNSET


class Progress(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How far a running job is: `done` of `total`. Written at most once a second."""

    done: int
    total: int | None
    note: str


class JobLinks(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where to go from a job."""

    self: Path
    token: Path | msgspec.UnsetType = msgspec.UNSET
    refusals: Path | msgspec.UnsetType = msgspec.UNSET


class Job(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Work behind a 202. `rev` rises with each change."""

    id: Id
    type: Literal["token.store", "token.revoke", "token.refresh", "domain.reseal", "token.import"]
    status: JobStatus
    rev: int
    created_at: datetime
    updated_at: datetime
    attempts: int
    input: JobInput
    links: JobLinks
    progress: Progress | msgspec.UnsetType = msgspec.UNSET
    result: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    error: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class JobPage(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A page of jobs; `cursor` asks for the next, null at the end."""

    items: list[Job]
    cursor: str | None


class Upload(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where a file may be sent: POST `fields`, then `file`, to `url` as `multipart/form-data`. Keep it out of logs."""

    id: Id
    url: str
    method: Literal["POST"]
    fields: dict[str, str]
    expires_at: datetime
    largest: Annotated[int, Meta(description="Bytes.")]


class RefusedLine(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A line that was not stored, and why: `code`, `field` and `rule` as `POST /tokens` would have said."""

    line: Annotated[int, Meta(ge=1)]
    code: str
    rule: str
    field: str | msgspec.UnsetType = msgspec.UNSET


class RefusedLinePage(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A page of refused lines; `cursor` asks for the next, null at the end."""

    items: list[RefusedLine]
    cursor: str | None


class Ticket(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Opens the WebSocket once, within 60 seconds. `url` holds the ticket: keep it out of logs."""

    ticket: str
    url: str
    expires_at: datetime


class ProviderLinks(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where to go from a provider."""

    self: Path


class DiscoveredEndpoints(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the provider's own document said at `at`."""

    issuer: str
    at: datetime
    token_endpoint: str
    revocation_endpoint: str | None
    introspection_endpoint: str | None


class Provider(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A provider as it was set up. The credential is never shown; `rev` rises with each change."""

    name: str
    client_id: str
    auth_method: Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
    has_credential: bool
    token_endpoint: str | None
    revocation_endpoint: str | None
    introspection_endpoint: str | None
    discovery_url: str | None
    discovered: DiscoveredEndpoints | None
    parameters: dict[str, str]
    rotates: bool
    leeway: int
    margin: int
    spread: int
    default_expires_in: int | None
    revoke_replaced: bool
    per_second: int
    at_once: int
    key_id: str | None
    algorithm: Literal["RS256", "ES256"]
    rev: int
    updated_at: datetime
    updated_by: str
    links: ProviderLinks


class ProviderPage(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A page of providers; `cursor` asks for the next, null at the end."""

    items: list[Provider]
    cursor: str | None


class RevocationLinks(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where to go from a revocation: DELETE lifts it."""

    self: Path


class Revocation(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Whose access was ended: a principal's (`issued_before`: only by older bearers), or a bearer's, by `jti`."""

    id: str
    principal: str | None
    bearer: str | None
    issued_before: datetime | None
    until: datetime | None
    why: str
    by: str
    at: datetime
    links: RevocationLinks


class RevocationPage(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A page of revocations; `cursor` asks for the next, null at the end."""

    items: list[Revocation]
    cursor: str | None


class HealthChecks(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the service depends on."""

    table: Literal["ok"]


class Health(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The service takes tokens in and hands them out."""

    status: Literal["ok"]
    checks: HealthChecks


class Problem(msgspec.Struct, kw_only=True):
    """What went wrong (RFC 9457). `code` is stable; `field` and `rule` name what a request got wrong."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    field: str | msgspec.UnsetType = msgspec.UNSET
    rule: str | msgspec.UnsetType = msgspec.UNSET
    job_status: JobStatus | msgspec.UnsetType = msgspec.UNSET
