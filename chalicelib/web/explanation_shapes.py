"""The shapes of the answer about somebody's access (see `shapes`)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from chalicelib.web.policy_shapes import Statement  # noqa: TC001  msgspec evaluates the annotations
from chalicelib.web.shapes import Limits, Revocation  # noqa: TC001  msgspec evaluates the annotations


class ExplainedGroups(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The caller's groups that have a policy, and those that have none."""

    with_policy: list[str]
    without_policy: list[str]


class DecidedBy(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The statement that decided, as its policy has it: `index` counts from 0. A Deny has no limits."""

    group: str
    index: int
    statement: Statement
    limits: Limits


class ExplainedGateway(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What API Gateway makes of the authorizer's answer: by which resource of it, and which spellings it lets through.

    `form` is how the answer was written: `exact`; `reduced`, each thing once; `table`, the service reads the rest from
    the table; `coarse`, by families of routes.
    """

    code: Literal["allowed", "explicit_deny", "not_allowed", "spelling"]
    form: Literal["exact", "reduced", "table", "coarse"]
    resource: str | None
    spellings: list[str]


class ExplainedService(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the service decides on the decoded path. `within` are the limits of what allows it; `{}` is no limit."""

    code: Literal["allowed", "explicit_deny", "outside_limits", "not_allowed", "no_such_path"]
    within: list[Limits]


class Explanation(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why a request is answered as it is. What is not known, because an earlier stage refuses, is null."""

    allowed: bool
    stage: Annotated[
        Literal["route", "bearer", "revoked", "policies", "gateway", "service", "resource"] | None,
        Meta(description="Who refuses first; null if nobody does."),
    ]
    code: Annotated[str, Meta(description="Stable. At `bearer` as the authorizer logs it.")]
    says: Annotated[str, Meta(description="The same in words.")]
    principal: str | None
    bearer: Annotated[str | None, Meta(description="The bearer's `jti`.")]
    groups: ExplainedGroups
    revocation: Revocation | None
    route: Annotated[str | None, Meta(description="Which route the path leads to.")]
    path: Annotated[str | None, Meta(description="As the service reads it: decoded once.")]
    decided_by: DecidedBy | None
    gateway: ExplainedGateway | None
    service: ExplainedService | None
    resource: Annotated[str | None, Meta(description="Why what the path names is not the caller's, in words.")]
