"""Why a request is answered as it is: what each stage on its way decides, and which of them refuses first."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, ClassVar, Final

from msgspec import Struct, field

from chalicelib.model.access import revocation_view
from chalicelib.model.limits import limits_to_plain
from chalicelib.model.patterns import matches
from chalicelib.model.values import Discreet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.model.access import Revocation
    from chalicelib.model.limits import Reach, Somewhere


class Stage(enum.StrEnum):
    """Who refuses, in the order in which a request meets them. The names are part of the contract."""

    ROUTE = "route"
    BEARER = "bearer"
    REVOKED = "revoked"
    POLICIES = "policies"
    GATEWAY = "gateway"
    SERVICE = "service"
    RESOURCE = "resource"


ALLOWED: Final = "allowed"

SAYS: Final[Mapping[Stage, str]] = {
    Stage.ROUTE: "API Gateway knows no such route, or not with this method: it refuses everybody.",
    Stage.BEARER: "The authorizer does not believe the bearer token.",
    Stage.REVOKED: "This access was ended: see `revocation`. DELETE /revocations/{id} gives it back.",
    Stage.POLICIES: "No policy comes of the caller's groups: none has one, or together they are too large.",
    Stage.GATEWAY: "API Gateway refuses by the policy that the authorizer answers.",
    Stage.SERVICE: "The policies do not allow it: the service refuses, whatever API Gateway has let through.",
    Stage.RESOURCE: "The route is the caller's, what its path names is not: 404, as of what is not there.",
}
"""What to tell of each stage in general."""

_MORE: Final[Mapping[str, str]] = {
    "spelling": "Nobody is allowed this spelling of the path: one of `gateway.spellings` is.",
    "no_policy": "None of the caller's groups has a policy.",
    "explicit_deny": "A Deny wins over every Allow: see `decided_by`.",
    "outside_limits": "It is allowed within the limits of a policy alone, and this lies outside: see `decided_by`.",
    "not_found": "There is nothing under this name, or nothing that the route is for.",
    "keys_unavailable": "The authorizers hold no keys of the issuer: it did not answer, or nobody came from it yet.",
    "unknown_key": "The keys that the authorizers hold have none of this `kid`; they ask the issuer again themselves.",
    "error": "A policy of the caller's groups cannot be read.",
    "expired": "The bearer token is the issuer's, and past its time.",
    "open": "This route needs no bearer token.",
    ALLOWED: "Every stage lets it through. What is wrong with a body is not looked at.",
}
"""What there is more to tell of a code."""


class Asked(Discreet, frozen=True, kw_only=True):
    """What is to be explained: a bearer token, or a principal as if it had come with one that was issued now.

    `path` is as a client writes it. `within` is where a hand-in lies, or a subject's token; None is not said.
    """

    HIDDEN: ClassVar[tuple[str, ...]] = ("bearer",)

    method: str
    path: str
    bearer: str | None = None
    principal: str = ""
    groups: tuple[str, ...] = ()
    claims: Mapping[str, str] = field(default_factory=dict)
    client: str | None = None
    within: Somewhere | None = None


class Route(Struct, frozen=True, kw_only=True):
    """A route that a path leads to, with the path's own names as they are written, and whether a method is for all."""

    path: str
    names: Mapping[str, str]
    methods: Mapping[str, bool]


class Gateway(Struct, frozen=True, kw_only=True):
    """What API Gateway decides by the authorizer's answer, in which form that is, and by which resource of it.

    `spellings` are those of the same path that it would let through.
    """

    code: str
    form: str
    resource: str | None = None
    spellings: tuple[str, ...] = ()


class Source(Struct, frozen=True, kw_only=True):
    """Which statement decided: of which group, at which place, and as the policy has it."""

    group: str
    index: int
    statement: Mapping[str, Any]
    limits: Mapping[str, list[str]]


class Explanation(Struct, frozen=True, kw_only=True):
    """Everything there is to say of one request. `stage` is None where none refuses.

    `path` is the decoded one that the service decides on; `token_id` is the bearer's `jti`; the bearer is not kept.
    """

    stage: Stage | None
    code: str
    principal: str | None = None
    token_id: str | None = None
    with_policy: tuple[str, ...] = ()
    without_policy: tuple[str, ...] = ()
    revocation: Revocation | None = None
    route: Route | None = None
    path: str | None = None
    source: Source | None = None
    gateway: Gateway | None = None
    service: str | None = None
    reach: Reach | None = None
    resource: str | None = None

    @property
    def allowed(self) -> bool:
        """Tell whether the request is let through."""
        return self.stage is None


def route_of(routes: Mapping[str, Mapping[str, bool]], path: str) -> Route | None:
    """Return the route that API Gateway chooses for a path as it is written; literal segments come before names.

    `routes` are methods by route, with whether they are open to everybody. The method plays no part in the choice: a
    route that lacks it is not passed over for another.
    """
    segments = path.split("/")
    found = [(route, parts) for route in routes if (parts := _parts(route, segments)) is not None]
    if not found:
        return None
    route, parts = min(found, key=lambda one: [segment.startswith("{") for segment in one[0].split("/")])
    return Route(path=route, names=parts, methods=routes[route])


def _parts(route: str, segments: Sequence[str]) -> dict[str, str] | None:
    wanted = route.split("/")
    if len(wanted) != len(segments):
        return None
    names = {}
    for part, segment in zip(wanted, segments, strict=True):
        if part.startswith("{") and segment:
            names[part[1:-1]] = segment
        elif part != segment:
            return None
    return names


def evaluated(statements: Sequence[Mapping[str, Any]], arn: str) -> tuple[str, str | None]:
    """Decide as API Gateway does by an authorizer's IAM statements: a code, and the resource that decided.

    Our statements hold no `?` and no conditions (`iam.py` writes them), so that `*` is all there is to match.
    """
    allowed: str | None = None
    for statement in statements:
        for resource in statement["Resource"]:
            if not matches(resource, arn):
                continue
            if statement["Effect"] == "Deny":
                return "explicit_deny", resource
            allowed = allowed or resource
    return (ALLOWED, allowed) if allowed else ("not_allowed", None)


def explanation_view(of: Explanation) -> dict[str, object]:
    """Write an explanation as the contract shows it."""
    says = [] if of.stage is None else [SAYS[of.stage]]
    if of.code in _MORE:
        says.append(_MORE[of.code])
    return {
        "allowed": of.allowed,
        "stage": of.stage,
        "code": of.code,
        "says": " ".join(says),
        "principal": of.principal,
        "bearer": of.token_id,
        "groups": {"with_policy": list(of.with_policy), "without_policy": list(of.without_policy)},
        "revocation": None if of.revocation is None else revocation_view(of.revocation),
        "route": None if of.route is None else of.route.path,
        "path": of.path,
        "decided_by": None if of.source is None else _source_view(of.source),
        "gateway": None if of.gateway is None else _gateway_view(of.gateway),
        "service": None if of.service is None else _service_view(of.service, of.reach),
        "resource": of.resource,
    }


def _source_view(of: Source) -> dict[str, object]:
    return {"group": of.group, "index": of.index, "statement": dict(of.statement), "limits": dict(of.limits)}


def _gateway_view(of: Gateway) -> dict[str, object]:
    return {"code": of.code, "form": of.form, "resource": of.resource, "spellings": list(of.spellings)}


def _service_view(code: str, reach: Reach | None) -> dict[str, object]:
    return {"code": code, "within": [] if reach is None else [limits_to_plain(limits) for limits in reach.any_of]}
