"""What handlers need of a request: the caller, the body, checked parameters."""

from __future__ import annotations

import base64
import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.errors import Forbidden, HeadersTooLarge, InvalidParameter, NotFound, Unauthorized, WrongMediaType
from chalicelib.model import names
from chalicelib.model.access import BEARER_LEEWAY, Bearer, kind_of
from chalicelib.model.caller import Caller
from chalicelib.model.clock import SECOND
from chalicelib.model.decision import bound
from chalicelib.model.ids import is_id
from chalicelib.model.job import Status, Type
from chalicelib.model.listing import Position, Wanted, cursor_from_text
from chalicelib.model.policy import IN_TABLE, from_compact
from chalicelib.model.token import DEFAULT_SCOPE_NAME, Owner, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from chalicelib.model.policy import Policy

N = TypeVar("N", Status, Type)

LONGEST_MIN_TTL = 31_536_000
"""Seconds: a year. Nobody's access token lives longer and is asked for so."""

NDJSON = "application/x-ndjson"
"""One JSON document a line: of the names in use the commonest, though not registered."""

LARGEST_HEAD = 12_288
"""Bytes of path, query and headers. API Gateway takes 10,240 and adds some of its own: behind it this is never met."""

LARGEST_PAGE = 50
"""Tokens or jobs in a page, at the most and without `limit`."""

_KEPT_CALLERS = 64
"""Bearers that a process remembers what the authorizer said of."""

_WHOLE = r"[0-9]{1,9}"


def check_head(request: Any) -> None:
    """Raise HeadersTooLarge for a request whose path, query and headers hold more than anybody needs."""
    parts = (request.to_original_event()["headers"], request.query_params, request.uri_params)
    if sum(sum(map(len, part)) + sum(map(len, part.values())) for part in parts if part) > LARGEST_HEAD:
        raise HeadersTooLarge(f"path, query and headers hold at most {LARGEST_HEAD} bytes", limit=LARGEST_HEAD)


def caller_of(context: Mapping[str, Any], now: int, policies_of: Callable[[Sequence[str]], Sequence[Policy]]) -> Caller:
    """Return who is asking, as the authorizer said.

    A caller whose statements do not fit the authorizer's answer has them read from the table by `policies_of`, which
    may raise Unavailable. Raises Unauthorized when the bearer token has expired since: API Gateway keeps the
    authorizer's answer for up to 300 seconds, whatever the token says.
    """
    authorizer = context.get("authorizer") or {}
    address = str((context.get("identity") or {}).get("sourceIp", ""))
    try:
        caller = _as_said(tuple(authorizer.items()), address)
    except (AttributeError, KeyError, ValueError, TypeError):
        raise Unauthorized from None
    if (caller.expires_at + BEARER_LEEWAY) * SECOND <= now:
        raise Unauthorized
    if authorizer["grants"] != IN_TABLE:
        return caller
    stored = [
        one for policy in policies_of(caller.groups) if policy.group in caller.groups for one in policy.statements
    ]
    return replace(caller, statements=bound(stored, caller.principal, caller.claims))


@lru_cache(maxsize=_KEPT_CALLERS)
def _as_said(said: tuple[tuple[str, Any], ...], address: str) -> Caller:
    """Read what the authorizer said of a caller who asks from an address. Raises KeyError, ValueError, TypeError.

    The gateway says the same of a bearer for minutes, so it is read once; whether it still stands is asked each time.
    """
    authorizer = dict(said)
    principal, grants = authorizer["principal"], authorizer["grants"]
    groups = tuple(filter(None, str(authorizer.get("groups", "")).split(",")))
    return Caller(
        principal=principal,
        statements=() if grants == IN_TABLE else from_compact(grants, groups),
        expires_at=int(authorizer["exp"]),
        groups=groups,
        issuer=str(authorizer.get("issuer", "")),
        client=str(authorizer.get("client", "")),
        token_id=str(authorizer.get("token_id", "")),
        address=address,
        claims=_claims(authorizer.get("claims")),
        bearer=_bearer(authorizer),
        known_at=int(authorizer.get("known", 0)),
        other_groups=_other_groups(authorizer),
    )


def _claims(text: object) -> dict[str, str]:
    """Read the claims that the caller's policies name. Raises ValueError."""
    claims = json.loads(str(text)) if text else {}
    if not isinstance(claims, dict) or not all(isinstance(value, str) for value in claims.values()):
        raise ValueError("claims are texts by name")
    return claims


def _bearer(authorizer: Mapping[str, Any]) -> Bearer:
    issued_at = str(authorizer.get("iat", ""))
    return Bearer(
        token_id=str(authorizer.get("token_id", "")),
        issued_at=int(issued_at) if issued_at else None,
        expires_at=int(authorizer["exp"]),
        # No epoch has this number: an answer without one is checked against the policies as they are.
        epoch=int(authorizer.get("epoch", -1)),
    )


def _other_groups(authorizer: Mapping[str, Any]) -> tuple[str, ...] | None:
    text = str(authorizer.get("other_groups", "*"))
    return None if text == "*" else tuple(filter(None, text.split(",")))


def allow(caller: Caller, method: str, route: str, parameters: Mapping[str, str]) -> Caller:
    """Return the caller as of this request (`Caller.asking`); raise Forbidden where it may not use `method` on a route
    with these path parameters.

    The gateway decided on the path as it was written; this decides on what it means: decoded once, so that a Deny
    cannot be dodged by a spelling. (`chalice local` knows no Deny at all.)
    """
    asking = caller.asking(method, meant(route, parameters))
    if not asking.reach.any_of:
        raise Forbidden
    return asking


def meant(route: str, parameters: Mapping[str, str]) -> str:
    """Return the path that is meant: a route with its parameters, decoded once. Raises NotFound for what none is."""
    path = route
    for parameter, value in parameters.items():
        try:
            path = path.replace("{" + parameter + "}", names.decode_segment(value))
        except ValueError:
            raise NotFound from None
    return path


def media_type(request: Any) -> str:
    """Return what a request says its body is, without parameters; JSON where it says nothing."""
    stated = request.headers.get("content-type") or "application/json"
    return str(stated).split(";")[0].strip().lower()


def json_body(request: Any) -> bytes:
    """Return the body of a request that says it is JSON. Raises WrongMediaType."""
    if media_type(request) != "application/json":
        raise WrongMediaType
    return raw_body(request)


def raw_body(request: Any) -> bytes:
    """Return the body of a request as it came."""
    body: bytes = request.raw_body
    return body


def identifier(value: str) -> str:
    """Return an id from a path. Raises NotFound for what cannot be one: there is nothing under it."""
    if not is_id(value):
        raise NotFound
    return value


def revocation_id(value: str) -> str:
    """Return a revocation's id from a path. Raises NotFound for what cannot be one."""
    if kind_of(value) is None:
        raise NotFound
    return value


def name(what: str, value: str, fault_of: Callable[[str], str | None]) -> str:
    """Return a name from a path, decoded once. Raises InvalidParameter."""
    try:
        decoded = names.decode_segment(value)
    except ValueError as fault:
        raise invalid(what, str(fault)) from None
    if fault_text := fault_of(decoded):
        raise invalid(what, fault_text)
    return decoded


def provider_name(value: str) -> str:
    """Return a provider's name from a path. Raises InvalidParameter."""
    return name("name", value, names.provider_fault)


def group_name(value: str) -> str:
    """Return a group's name from a path. Raises InvalidParameter."""
    return name("group", value, names.group_fault)


class Query(Struct, frozen=True):
    """A request's query parameters. Unknown ones are refused: a misspelt `min_ttl` must not go unnoticed."""

    given: Mapping[str, str]

    @classmethod
    def of(cls, request: Any, *known: str) -> Query:
        """Return the parameters of a request that knows these names and no others."""
        given = dict(request.query_params or {})
        for parameter in given:
            if parameter not in known:
                listed = ", ".join(known) or "none"
                raise InvalidParameter(
                    f"an unknown query parameter; this route knows: {listed}", rule="unknown parameter"
                )
        return cls(given)

    def min_ttl(self) -> int:
        """Return how many more seconds a token must be good for."""
        return self._whole("min_ttl", default=0, least=0, most=LONGEST_MIN_TTL)

    def limit(self) -> int:
        """Return how much a page may hold."""
        return self._whole("limit", default=LARGEST_PAGE, least=1, most=LARGEST_PAGE)

    def scope(self) -> tuple[str, str]:
        """Return the environment and domain that are meant. Raises InvalidParameter."""
        environment = self.given.get("environment", DEFAULT_SCOPE_NAME)
        domain = self.given.get("domain", DEFAULT_SCOPE_NAME)
        if fault := names.environment_fault(environment):
            raise invalid("environment", fault)
        if fault := names.domain_fault(domain):
            raise invalid("domain", fault)
        return environment, domain

    def owner(self, subject: str) -> Owner:
        """Return whose tokens are meant: a path's subject, in an environment and domain. Raises InvalidParameter."""
        environment, domain = self.scope()
        subject = name("subject", subject, names.subject_fault)
        return Owner(environment=environment, domain=domain, subject=subject)

    def place(self, subject: str, provider: str) -> Place:
        """Return the place of a subject's token. Raises InvalidParameter."""
        owner = self.owner(subject)
        return Place(
            environment=owner.environment,
            domain=owner.domain,
            subject=owner.subject,
            provider=name("provider", provider, names.provider_fault),
        )

    def wanted(self, subject: str | None = None) -> Wanted:
        """Return which jobs are listed, a path's `subject` among it. Raises InvalidParameter."""
        whose = self.given.get("subject") if subject is None else name("subject", subject, names.subject_fault)
        if whose is not None and (fault := names.subject_fault(whose)):
            raise invalid("subject", fault)
        return Wanted(status=self._one_of("status", Status), type=self._one_of("type", Type), subject=whose)

    def position(self, wanted: Wanted) -> Position | None:
        """Return the row of a list of jobs behind which a page begins. Raises InvalidParameter."""
        text = self.given.get("cursor")
        if text is None:
            return None
        try:
            return cursor_from_text(text, wanted)
        except ValueError as fault:
            raise invalid("cursor", str(fault)) from None

    def line(self) -> int:
        """Return the line of an import behind which a page of refused lines begins. Raises InvalidParameter."""
        text = self.given.get("cursor")
        try:
            after = "0" if text is None else _cursor(text)
        except ValueError:
            after = ""
        if not re.fullmatch(_WHOLE, after):
            raise invalid("cursor", "one that this service gave")
        return int(after)

    def revocation(self) -> str | None:
        """Return the revocation behind which a page begins. Raises InvalidParameter for a cursor not of ours."""
        text = self.given.get("cursor")
        if text is None:
            return None
        try:
            after = _cursor(text)
        except ValueError:
            after = ""
        if kind_of(after) is None:
            raise invalid("cursor", "one that this service gave")
        return after

    def _one_of(self, what: str, choices: type[N]) -> N | None:
        text = self.given.get(what)
        if text is None:
            return None
        if text not in list(choices):
            raise invalid(what, f"one of {', '.join(choices)}")
        return choices(text)

    def _whole(self, what: str, *, default: int, least: int, most: int) -> int:
        text = self.given.get(what)
        if text is None:
            return default
        if not re.fullmatch(_WHOLE, text) or not least <= int(text) <= most:
            raise invalid(what, f"a whole number from {least} to {most}")
        return int(text)

    def cursor(self, fault_of: Callable[[str], str | None] = names.provider_fault) -> str | None:
        """Return the provider behind which a page begins, or another name by its `fault_of`.

        Raises InvalidParameter for a cursor that we did not give.
        """
        text = self.given.get("cursor")
        if text is None:
            return None
        try:
            after = _cursor(text)
        except ValueError:
            raise invalid("cursor", "one that this service gave") from None
        if fault_of(after):
            raise invalid("cursor", "one that this service gave")
        return after


def _cursor(text: str) -> str:
    """Read what `cursor_text` wrote. Raises ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")


def cursor_text(after: str | None) -> str | None:
    """Write a cursor."""
    return None if after is None else base64.urlsafe_b64encode(after.encode()).decode().rstrip("=")


def invalid(field: str, rule: str) -> InvalidParameter:
    """Return the refusal of a parameter."""
    return InvalidParameter(f"{field}: {rule}", field=field, rule=rule)
