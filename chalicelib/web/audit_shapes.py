"""The shapes of the audit's answers: see `shapes`."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  msgspec evaluates the annotations
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from chalicelib.web.shapes import Id  # noqa: TC001  the same


class AuditEntry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What was done, or refused: by whom, whence, about what. Never a secret, never a body."""

    id: Id
    at: datetime
    event: Annotated[
        str,
        Meta(
            description="`token.stored`, `.read`, `.deleted`, `.deleted_again`, `.erased`, `.refresh_asked`, "
            "`.refreshed`, `.rejected`; `refused`; `job.succeeded`, `.failed`, `.cancelled`, `.retried`; "
            "`administered`."
        ),
    ]
    principal: Annotated[str, Meta(description="`cloakroom` for what the service does by itself.")]
    groups: Annotated[list[str], Meta(description="Under whose policies.")]
    issuer: str | msgspec.UnsetType = msgspec.UNSET
    client: str | msgspec.UnsetType = msgspec.UNSET
    bearer: Annotated[str | msgspec.UnsetType, Meta(description="The bearer token's `jti`.")] = msgspec.UNSET
    address: str | msgspec.UnsetType = msgspec.UNSET
    subject: str | msgspec.UnsetType = msgspec.UNSET
    environment: str | msgspec.UnsetType = msgspec.UNSET
    domain: str | msgspec.UnsetType = msgspec.UNSET
    provider: str | msgspec.UnsetType = msgspec.UNSET
    token_id: str | msgspec.UnsetType = msgspec.UNSET
    generation: int | msgspec.UnsetType = msgspec.UNSET
    job_id: str | msgspec.UnsetType = msgspec.UNSET
    job_type: str | msgspec.UnsetType = msgspec.UNSET
    code: Annotated[str | msgspec.UnsetType, Meta(description="Why, or how.")] = msgspec.UNSET
    what: Annotated[str | msgspec.UnsetType, Meta(description="The path that was asked for.")] = msgspec.UNSET
    kept_until: datetime | msgspec.UnsetType = msgspec.UNSET


class AuditPage(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A page of the audit; `cursor` asks for the next, null at the end."""

    items: list[AuditEntry]
    cursor: str | None


class Counts(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How many tokens of a page stand so. Add up all pages."""

    open: Annotated[int, Meta(description="Not settled yet; most are young.")]
    live: int
    deleted: int
    failed: int
    cancelled: int
    expired: int
    missing: Annotated[int, Meta(description="Settled, and gone before its time.")]
    ended_twice: Annotated[int, Meta(description="An end beside the one that its item tells of.")]
    unknown: Annotated[int, Meta(description="Ended, and the audit does not say so.")]


class Wrong(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A token that does not add up; `at` is when it was accepted, of a missing one when it was settled."""

    id: Id
    standing: Literal["missing", "ended_twice", "unknown"]
    at: datetime


class Reconciled(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How the tokens of a page stand; `cursor` asks for the next, null at the end."""

    counts: Counts
    wrong: list[Wrong]
    cursor: str | None
