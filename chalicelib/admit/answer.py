"""Answer API Gateway: an IAM policy for everything that the caller may do, or an explicit Deny of everything.

Chalice's AuthResponse is not used: without routes it is an Allow of nothing, and API Gateway caches an answer
for the token, so that a policy for the request at hand would refuse the caller's next one.
"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any, Final, Protocol

from chalicelib.admit.bearer import EXPIRED, Refused
from chalicelib.errors import AccessUnknown
from chalicelib.model.access import Bearer
from chalicelib.model.clock import SECOND
from chalicelib.model.decision import bound, named_claims
from chalicelib.model.iam import coarse_statements, deny_everything, iam_statements, reduced
from chalicelib.model.policy import IN_TABLE, compact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chalicelib.admit.bearer import Caller
    from chalicelib.admit.metering import Meter
    from chalicelib.model.access import Access
    from chalicelib.model.policy import Policy, Statement

# The quota of WebSocket and HTTP APIs; REST APIs take more, but nothing of ours should come near it.
ANSWER_BYTES: Final = 8192
_FRAME: Final = 256
"""What an Allow and a Deny take without their resources."""

OTHER_GROUPS_LENGTH: Final = 1024
"""Characters for the names of groups without a policy: one of them may be given a Deny while this answer is kept."""

TOO_MANY: Final = "*"
"""In their place where they are longer. No group is called so (see `model/names.py`)."""


class SignInAgain(Exception):
    """Make API Gateway answer 401, which it does for this very message: the bearer was good, and has expired."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


_METHOD_ARN: Final = re.compile(
    r"(arn:[a-z\-]+:execute-api:[a-z0-9\-]+:[0-9]{12}:[A-Za-z0-9\-]+/[A-Za-z0-9_\-]+)/[A-Z]+(?:/.*)?",
    re.DOTALL,
)


class Verifier(Protocol):
    """Whoever says what a bearer proves: of one issuer, or of several."""

    def verify(self, header: str | None) -> Caller | Refused:
        """Return the caller that this header proves, or the reason why it proves none."""


def answer(
    header: str | None,
    method_arn: str,
    verifier: Verifier,
    policies_of: Callable[[Sequence[str]], Sequence[Policy]],
    *,
    access: Callable[[], Access],
    meter: Meter | None = None,
    log: Callable[..., None],
) -> dict[str, Any]:
    """Return the authorizer's answer for a bearer header; a refusal gives no reason.

    Raises SignInAgain for a bearer that is the issuer's, for us, and expired: the service says 401 of one that expires
    while API Gateway remembers it, and a client should renew it in either case. It raises nothing else.

    `meter` names the API key that the caller's requests are counted by; None where the stage has no usage plans.

    `policies_of` gives the policies of those groups that have one, none older than the epoch of `access`, which tells
    who was revoked; it may raise AccessUnknown. `log(outcome, **fields)` hears the reason: `admitted` with principal,
    groups, token_id and form (see `_admitted`); `denied` with code (see `Refused`, and `revoked`, `access_unknown`,
    `no_policy`, `too_large`, `method_arn`, `error`). The token is in neither.
    """
    try:
        decided = _decide(header, method_arn, verifier, policies_of, access, log)
        return decided if meter is None else _counted(decided, meter)
    except SignInAgain:
        raise
    except AccessUnknown as error:
        return _denied_by_error(error, log, code=error.code)
    except Exception as error:  # noqa: BLE001 - the boundary: whatever breaks, the gateway hears a Deny
        return _denied_by_error(error, log)


def _decide(  # noqa: PLR0917  what `answer` was given
    header: str | None,
    method_arn: str,
    verifier: Verifier,
    policies_of: Callable[[Sequence[str]], Sequence[Policy]],
    access: Callable[[], Access],
    log: Callable[..., None],
) -> dict[str, Any]:
    caller = verifier.verify(header)
    if isinstance(caller, Refused):
        refused = _denied(log, code=caller.code)
        if caller.code == EXPIRED:
            raise SignInAgain
        return refused
    about = {"principal": caller.principal, "token_id": caller.token_id}
    arn = _METHOD_ARN.fullmatch(method_arn)
    if arn is None:
        return _denied(log, code="method_arn", **about)
    known = access()  # before the policies: none that is read after it is older than its epoch
    bearer = Bearer(token_id=caller.token_id or "", issued_at=caller.issued_at, expires_at=caller.expires_at)
    # By the clock that its expiry was judged by.
    if known.revocation_of(caller.principal, bearer, caller.verified_at * SECOND) is not None:
        return _denied(log, code="revoked", **about)
    asked = policies_of(caller.groups) if caller.groups else ()
    policies = [policy for policy in asked if policy.group in caller.groups]
    if not policies:
        return _denied(log, code="no_policy", **about)
    admitted, form = _admitted(caller, policies, _lasting(caller, policies, known), arn[1])
    if _size(admitted) > ANSWER_BYTES:
        return _denied(log, code="too_large", **about)
    log("admitted", groups=admitted["context"]["groups"], form=form, **about)
    return admitted


def _admitted(
    caller: Caller, policies: Sequence[Policy], lasting: dict[str, str], arn_base: str
) -> tuple[dict[str, Any], str]:
    """Return the answer in the first form that fits, and which that is.

    `exact`: everything is written out. `reduced`: each thing once. `table`: the gateway's policy is exact, and the
    service reads the statements from the table by itself. `coarse`: as that, and the gateway's policy speaks of
    families of routes. The last may be too large all the same: of groups whose names take more than it has room for.
    """
    principal = caller.principal
    groups = [policy.group for policy in policies]
    stored = [statement for policy in policies for statement in policy.statements]
    statements = bound(stored, principal, caller.claims)
    context = {**_context(caller, groups, named_claims(stored)), **lasting}
    exact, once = statements, reduced(statements)
    for form, tried in (("exact", exact), ("reduced", once)):
        grants = _grants(tried, groups)
        if grants is None:
            continue
        answer = _answer(principal, iam_statements(tried, principal, arn_base), {**context, "grants": grants})
        if _size(answer) <= ANSWER_BYTES:
            return answer, form
    told = {**context, "grants": IN_TABLE}
    if _least(once) <= ANSWER_BYTES:
        answer = _answer(principal, iam_statements(once, principal, arn_base), told)
        if _size(answer) <= ANSWER_BYTES:
            return answer, "table"
    room = ANSWER_BYTES - _size(_answer(principal, [], told)) - _FRAME
    return _answer(principal, coarse_statements(once, principal, arn_base, room), told), "coarse"


def _context(caller: Caller, groups: Sequence[str], named: set[str]) -> dict[str, str]:
    """Return what the service is told. API Gateway passes strings on; a list or an object makes it answer 500."""
    claims = {name: caller.claims[name] for name in sorted(named) if name in caller.claims}
    told = {
        "principal": caller.principal,
        "issuer": caller.issuer,
        "client": caller.client or "",
        "token_id": caller.token_id or "",
        "groups": ",".join(groups),
        "exp": str(caller.expires_at),
    }
    return {**told, "claims": json.dumps(claims, separators=(",", ":"))} if claims else told


def _least(statements: Sequence[Statement]) -> int:
    """Return how many characters the statements take at the least: what cannot fit is not written out to find that."""
    return sum(len(path) for one in statements for path in one.paths)


def _grants(statements: Sequence[Statement], groups: Sequence[str]) -> str | None:
    if _least(statements) > ANSWER_BYTES:
        return None
    try:
        return compact(statements, groups)
    except ValueError:
        return None


def _answer(principal: str, statements: list[dict[str, Any]], context: dict[str, str]) -> dict[str, Any]:
    return {"principalId": principal, "policyDocument": _document(statements), "context": context}


def _size(answer: dict[str, Any]) -> int:
    return len(json.dumps(answer))


def _lasting(caller: Caller, policies: Sequence[Policy], known: Access) -> dict[str, str]:
    """Write what the service needs to find out that this answer no longer stands."""
    named = {policy.group for policy in policies}
    others = ",".join(group for group in caller.groups if group not in named)
    return {
        "iat": "" if caller.issued_at is None else str(caller.issued_at),
        "epoch": str(known.epoch.policies),
        "known": str(known.known_at),
        "other_groups": others if len(others) <= OTHER_GROUPS_LENGTH else TOO_MANY,
    }


def _counted(decided: dict[str, Any], meter: Meter) -> dict[str, Any]:
    """Add the API key. A refusal has one, too: whoever is refused counts among all others, and is told nothing."""
    client = decided["context"].get("client") or None
    return {**decided, "usageIdentifierKey": meter.key_of(client)}


def _denied(log: Callable[..., None], **fields: str | None) -> dict[str, Any]:
    log("denied", **fields)
    return refusal()


def _denied_by_error(error: Exception, log: Callable[..., None], code: str = "error") -> dict[str, Any]:
    try:
        # The kind alone: an exception's text may quote what it choked on, and that may be the token.
        log("denied", code=code, error=type(error).__name__)
    except Exception as second:  # noqa: BLE001 - a broken log must not turn a Deny into a failure
        sys.stderr.write(f'{{"outcome": "denied", "code": "error", "error": "{type(second).__name__}"}}\n')
    return refusal()


def refusal() -> dict[str, Any]:
    """Return an explicit Deny of everything that says nothing else."""
    return {"principalId": "anonymous", "policyDocument": _document([deny_everything()]), "context": {}}


def _document(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}
