"""The shapes of answers about policies (see `shapes`)."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  msgspec evaluates the annotations
from typing import Literal

import msgspec

from chalicelib.web.shapes import Limits, Path  # noqa: TC001  msgspec evaluates the annotations


class Statement(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Allow or deny methods on paths."""

    effect: Literal["Allow", "Deny"]
    methods: list[str]
    paths: list[str]


class PolicyLinks(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where to go from a policy."""

    self: Path


class Policy(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A group's policy as it was written; `rev` rises with each change."""

    group: str
    statements: list[Statement]
    limits: Limits
    why: str
    acknowledges: list[Literal["every_secret", "administration"]]
    rev: int
    updated_at: datetime
    updated_by: str
    links: PolicyLinks


class PolicyPage(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A page of policies; `cursor` asks for the next, null at the end."""

    items: list[Policy]
    cursor: str | None
