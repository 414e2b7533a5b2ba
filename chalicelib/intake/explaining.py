"""What is asked about somebody's access: the body of `POST /authz/explain`, and what it means."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from chalicelib.errors import InvalidBody
from chalicelib.intake.reading import read
from chalicelib.model import names
from chalicelib.model.explanation import Asked
from chalicelib.model.limits import Somewhere
from chalicelib.model.policy import CLAIM_PATTERN

LONGEST_PATH: Final = 2_048
LONGEST_PRINCIPAL: Final = 255
MOST_GROUPS: Final = 200
"""As many as a bearer may name."""

MOST_CLAIMS: Final = 32

_CLAIM: Final = re.compile(CLAIM_PATTERN)
_Text = Annotated[str, Meta(min_length=1, max_length=LONGEST_PRINCIPAL)]


class WithinIn(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Where a token lies: what the body of a hand-in says, and the query of the routes below `/subjects/`."""

    environment: Annotated[str, Meta(pattern=names.ENVIRONMENT_PATTERN)] = "default"
    domain: Annotated[str, Meta(pattern=names.DOMAIN_PATTERN)] = "default"
    provider: Annotated[str, Meta(pattern=names.PROVIDER_PATTERN)] | None = None


class ExplainIn(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /authz/explain`: a request of a bearer token, or of a principal that is named."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: Annotated[
        str,
        Meta(
            max_length=LONGEST_PATH,
            pattern=r"^/[!-\"$->@-~]*$(?!\n)",
            description="As the client wrote it, behind the stage; without the query.",
        ),
    ]
    bearer: Annotated[
        str | None,
        Meta(description="The token itself, without `Bearer`.", extra_json_schema={"writeOnly": True}),
    ] = None
    principal: Annotated[_Text | None, Meta(description="As the issuer's settings make it of `sub`.")] = None
    groups: Annotated[list[str], Meta(max_length=MOST_GROUPS, description="By our names.")] = []
    claims: Annotated[dict[str, str], Meta(max_length=MOST_CLAIMS, description="Those that policies name.")] = {}
    client: Annotated[_Text | None, Meta(description="The application that the token was made for.")] = None
    within: WithinIn | None = None

    def __repr__(self) -> str:
        """Say nothing: the bearer is secret."""
        return "ExplainIn(...)"


def read_explain(raw: bytes) -> Asked:
    """Return what is asked by the body of `POST /authz/explain`. Raises BodyTooLarge, InvalidBody."""
    return _asked_of(read(raw, ExplainIn))


def _asked_of(body: ExplainIn) -> Asked:
    if (body.bearer is None) == (body.principal is None):
        raise _invalid("principal", "either this or `bearer`")
    for field in ("groups", "claims", "client"):
        if body.bearer is not None and getattr(body, field):
            raise _invalid(field, "with `principal` only: a bearer says it by itself")
    _check_person(body)
    place = body.within
    return Asked(
        method=body.method,
        path=body.path,
        bearer=body.bearer,
        principal=body.principal or "",
        groups=tuple(body.groups),
        claims=body.claims,
        client=body.client,
        within=None
        if place is None
        else Somewhere(environment=place.environment, domain=place.domain, provider=place.provider),
    )


def _check_person(body: ExplainIn) -> None:
    """Refuse what no authorizer would believe: then the answer would be about nobody."""
    for field, text in (("principal", body.principal), ("client", body.client)):
        if text is not None and not text.isprintable():
            raise _invalid(field, "printable characters")
    for index, group in enumerate(body.groups):
        if fault := names.group_fault(group):
            raise _invalid(f"groups[{index}]", fault)
    for name, value in body.claims.items():
        if not _CLAIM.fullmatch(name):
            raise _invalid("claims", "a name has letters, digits and _, at most 64, and begins with a letter")
        if fault := names.subject_fault(value):
            raise _invalid("claims", f"a value could be a subject: {fault}")


def _invalid(field: str, rule: str) -> InvalidBody:
    return InvalidBody(f"{field}: {rule}", field=field, rule=rule)
