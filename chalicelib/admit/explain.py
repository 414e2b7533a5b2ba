"""Explain a decision by making it: the authorizer's answer, API Gateway's reading of it, the service's own check.

Nothing is decided here a second time. What is added is who said it, where, and in words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from msgspec import Struct

from chalicelib.admit.answer import SignInAgain, answer
from chalicelib.admit.bearer import EXPIRED, Caller, Refused
from chalicelib.admit.resources import Things, refusal_of, whereabouts
from chalicelib.errors import Forbidden, NotFound, OutsideLimits, Unauthorized, Unavailable
from chalicelib.model import explanation as told
from chalicelib.model.access import Bearer
from chalicelib.model.cached import NotRead
from chalicelib.model.clock import SECOND
from chalicelib.model.decision import Reason, decide
from chalicelib.model.explanation import ALLOWED, Explanation, Gateway, Source, Stage, evaluated, route_of
from chalicelib.model.iam import spellings
from chalicelib.model.limits import limits_to_plain
from chalicelib.model.policy import policy_to_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from chalicelib.admit.answer import Verifier
    from chalicelib.model.access import Access
    from chalicelib.model.caller import Caller as Served
    from chalicelib.model.explanation import Asked, Route
    from chalicelib.model.policy import Policy

LIFE: Final = 300
"""Seconds for which the bearer of a principal that is asked about is taken to be good."""

_STAGES: Final = {"revoked": Stage.REVOKED, "method_arn": Stage.ROUTE}
"""Of what the authorizer says of somebody whose bearer is good. The rest is about policies."""


class Service(Protocol):
    """What the service makes of the authorizer's answer: who asks, what of a path is meant, whether it may be."""

    def caller_of(
        self, context: Mapping[str, Any], now: int, policies_of: Callable[[Sequence[str]], Sequence[Policy]]
    ) -> Served:
        """Raise Unauthorized for one whose time is over."""

    def meant(self, route: str, parameters: Mapping[str, str]) -> str:
        """Return the decoded path; raise NotFound for what none is."""

    def allow(self, caller: Served, method: str, route: str, parameters: Mapping[str, str]) -> Served:
        """Raise Forbidden for what the caller may not do."""


class Policies(Protocol):
    """The groups' policies."""

    def of(self, groups: Sequence[str]) -> Sequence[Policy]:
        """Return those of the groups that have one."""


class Api(Struct, frozen=True, kw_only=True):
    """The API that is asked: `arn_base` as in a method's ARN; its routes with their methods, open to all or not."""

    arn_base: str
    routes: Mapping[str, Mapping[str, bool]]


class Explainer(Struct, frozen=True, kw_only=True):
    """The verb of `/authz/explain`. That only administrators reach it is the policies' work.

    `access` tells what the table says of revocations now; it and the policies may raise Unavailable, as `things` may.
    """

    verifier: Verifier
    policies: Policies
    access: Callable[[], Access]
    service: Service
    things: Things
    now: Callable[[], int]

    def explain(self, asked: Asked, api: Api) -> Explanation:
        """Say what becomes of a request and why. Raises Unavailable where that cannot be told, as of a real one."""
        route = route_of(api.routes, asked.path)
        if route is not None and route.methods.get(asked.method):
            return Explanation(stage=None, code="open", route=route)
        witness = _Witness(self, asked)
        found = self._found(asked, api, route, witness)
        if route is None or asked.method not in route.methods:
            found["stage"], found["code"] = Stage.ROUTE, "no_such_route" if route is None else "no_such_method"
        return Explanation(route=route, **witness.facts(), **found)

    def _found(self, asked: Asked, api: Api, route: Route | None, witness: _Witness) -> dict[str, Any]:
        arn = f"{api.arn_base}/{asked.method}{asked.path}"
        document = witness.answer(arn)
        if document is None:
            return {"stage": witness.stage, "code": witness.code}
        statements = document["policyDocument"]["Statement"]
        code, resource = evaluated(statements, arn)
        gateway = Gateway(code=code, form=witness.form, resource=_behind(resource, api.arn_base))
        if route is None:
            return {"stage": None, "code": ALLOWED, "gateway": gateway}
        served = self._served(asked, route, witness, document["context"])
        stage, of_all = served.pop("stage"), served.pop("code")
        if code != ALLOWED:
            path = served.get("path")
            others = () if path is None else _let_through(path, asked, api.arn_base, statements)
            code = "spelling" if code == "not_allowed" and others else code
            gateway = Gateway(code=code, form=witness.form, resource=gateway.resource, spellings=others)
            stage, of_all = Stage.GATEWAY, code
        return {"stage": stage, "code": of_all, "gateway": gateway, **served}

    def _served(self, asked: Asked, route: Route, witness: _Witness, context: Mapping[str, str]) -> dict[str, Any]:
        """Return what the service does with a request that API Gateway lets through."""
        service = self.service
        try:
            caller = service.caller_of({"authorizer": context}, self.now(), witness.of)
            path = service.meant(route.path, route.names)
        except Unauthorized:
            return {"stage": Stage.BEARER, "code": EXPIRED}
        except NotFound:
            return {"stage": Stage.SERVICE, "code": Reason.NO_SUCH_PATH, "service": Reason.NO_SUCH_PATH}
        where = whereabouts(route, path, asked.within)
        decision = decide(caller.statements, caller.principal, asked.method, path)
        try:
            asking = service.allow(caller, asked.method, route.path, route.names)
        except Forbidden:
            asking = None
        else:
            if where is not None:
                decision = decide(caller.statements, caller.principal, asked.method, path, where)
        shown = {
            "path": path,
            "source": witness.source(decision.group, decision.index),
            "service": decision.reason,
            "reach": None if asking is None else asking.reach,
        }
        if asking is None or not decision.allowed:
            return {"stage": Stage.SERVICE, "code": decision.reason, **shown}
        return {**_of_resource(self.things, asking, asked, route, where), **shown}


def _of_resource(things: Things, caller: Served, asked: Asked, route: Route, where: Any) -> dict[str, Any]:
    """Return what becomes of the thing that the path names."""
    try:
        refused = refusal_of(things, caller, asked.method, route, where)
    except OutsideLimits as error:
        return {"stage": Stage.SERVICE, "code": error.code}
    if refused is None:
        return {"stage": None, "code": ALLOWED}
    code, words = refused
    return {"stage": Stage.RESOURCE, "code": code, "resource": words}


class _Witness:
    """Have the authorizer answer, and remember what it was told and what it said of it."""

    def __init__(self, explainer: Explainer, asked: Asked) -> None:
        self._explainer = explainer
        self._asked = asked
        self._caller: Caller | Refused | None = None
        self._access: Access | None = None
        self._policies: dict[str, Policy] = {}
        self._trouble: Unavailable | None = None
        self.stage = Stage.BEARER
        self.code = ""
        self.form = ""

    def answer(self, arn: str) -> dict[str, Any] | None:
        """Return the authorizer's answer, None for a refusal. Raises Unavailable where it could not tell."""
        header = None if self._asked.bearer is None else f"Bearer {self._asked.bearer}"
        try:
            document = answer(header, arn, self, self.of, access=self._known, log=self._heard)
        except SignInAgain:
            document = {}
        if self._trouble is not None:
            raise self._trouble
        return None if self.code else document

    def verify(self, header: str | None) -> Caller | Refused:
        """Return whom the bearer proves, or who is asked about."""
        try:
            self._caller = self._explainer.verifier.verify(header) if header is not None else self._claimed()
        except NotRead:
            self._trouble = Unavailable()
            raise
        return self._caller

    def of(self, groups: Sequence[str]) -> Sequence[Policy]:
        """Return the policies of groups."""
        try:
            found = self._explainer.policies.of(groups)
        except Unavailable as error:
            self._trouble = error
            raise
        self._policies |= {policy.group: policy for policy in found}
        return found

    def source(self, group: str, index: int | None) -> Source | None:
        """Return a statement as its policy has it."""
        policy = self._policies.get(group)
        if policy is None or index is None:
            return None
        plain: Any = policy_to_plain(policy)["statements"]
        limits = limits_to_plain(policy.statements[index].limits)
        return Source(group=group, index=index, statement=plain[index], limits=limits)

    def facts(self) -> dict[str, Any]:
        """Return who it is about, and what is known of that."""
        caller = self._caller
        if not isinstance(caller, Caller):
            return {}
        bearer = Bearer(token_id=caller.token_id or "", issued_at=caller.issued_at, expires_at=caller.expires_at)
        moment = caller.verified_at * SECOND
        access = self._access
        return {
            "principal": caller.principal,
            "token_id": caller.token_id,
            "with_policy": tuple(group for group in caller.groups if group in self._policies),
            "without_policy": tuple(group for group in caller.groups if group not in self._policies),
            "revocation": None if access is None else access.revocation_of(caller.principal, bearer, moment),
        }

    def _claimed(self) -> Caller:
        asked, now = self._asked, self._explainer.now() // SECOND
        return Caller(
            principal=asked.principal,
            issuer="",
            client=asked.client,
            groups=tuple(dict.fromkeys(asked.groups)),
            expires_at=now + LIFE,
            token_id=None,
            verified_at=now,
            claims=asked.claims,
            issued_at=now,
        )

    def _known(self) -> Access:
        try:
            self._access = self._explainer.access()
        except Unavailable as error:
            self._trouble = error
            raise
        return self._access

    def _heard(self, outcome: str, **fields: str | None) -> None:
        """Hear what the authorizer logs."""
        self.form = fields.get("form") or ""
        self.code = "" if outcome == "admitted" else fields["code"] or "error"
        if isinstance(self._caller, Caller):
            self.stage = _STAGES.get(self.code, Stage.POLICIES)


def _behind(resource: str | None, arn_base: str) -> str | None:
    return None if resource is None else resource.removeprefix(f"{arn_base}/")


def _let_through(path: str, asked: Asked, arn_base: str, statements: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the spellings of a path that API Gateway lets through."""
    return tuple(
        spelling
        for spelling in spellings(path)
        if evaluated(statements, f"{arn_base}/{asked.method}{spelling}")[0] == told.ALLOWED
    )
