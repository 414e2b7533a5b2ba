"""Values → answers, in the contract's words."""

# ruff: noqa: PLC0415  what one route shows, the others need not load; a login waits for all that stands at the top

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from chalice.app import Response

from chalicelib.model.clock import rfc3339
from chalicelib.model.job import Job, job_links, job_view
from chalicelib.web.problems import RETRY_AFTER, SECURITY_HEADERS
from chalicelib.web.requests import cursor_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.collect.read import Collected
    from chalicelib.collect.reconcile import Reckoned
    from chalicelib.model.access import Revocation
    from chalicelib.model.audit import Entry
    from chalicelib.model.explanation import Explanation
    from chalicelib.model.imports import Refusal, Upload
    from chalicelib.model.listing import Position, Wanted
    from chalicelib.model.policy import PolicyRecord
    from chalicelib.model.provider import Provider
    from chalicelib.model.receipt import Verdict
    from chalicelib.model.token import Token
    from chalicelib.model.window import Window

_ENCODER = msgspec.json.Encoder()

RECEIPT_KEYS_SECONDS = 300
"""As long as a process may go on with the version before: a new key's receipts may be seen before the key is."""


class Text(Response):
    """An answer whose body is text, and none of whose headers comes twice: there is nothing to look through for more.

    Chalice 1.34 holds the type of each answer against the binary ones, also where there are none.
    """

    def to_dict(self, binary_types: list[str] | None = None) -> dict[str, Any]:  # noqa: ARG002  Chalice's signature
        """Return what API Gateway is answered."""
        return {"headers": self.headers, "multiValueHeaders": {}, "statusCode": self.status_code, "body": self.body}


def ok(body: Mapping[str, object], *, cached_for: int = 0, by: str = "public") -> Response:
    """Answer 200. Nothing is cached unless said so: most of it is about secrets. `by` is who may: public or private."""
    headers: dict[str, str | list[str]] = dict(SECURITY_HEADERS)
    if cached_for:
        headers["Cache-Control"] = f"{by}, max-age={cached_for}"
    return _answer(200, body, headers)


def accepted(job: Job, receipt: str | None = None) -> Response:
    """Answer 202 with the job's address: what was asked for is stored and will be done; `receipt` proves it later."""
    links = job_links(job)
    if job.token_id is not None:
        links["secret"] = f"/tokens/{job.token_id}/secret"
    body = {"id": job.id, "status": str(job.status), "accepted_at": rfc3339(job.accepted_at), "links": links}
    if receipt is not None:
        body["receipt"] = receipt
    headers: dict[str, str | list[str]] = {**SECURITY_HEADERS, "Location": f"/jobs/{job.id}"}
    return _answer(202, body, headers)


def record(token: Token, now: int) -> Response:
    """Answer with a token's record."""
    from chalicelib.model.token import token_view

    return ok(token_view(token, now))


def collected(outcome: Collected | Job, now: int) -> Response:
    """Answer with a token and its secret; 202 and when to ask again while it is being refreshed."""
    from chalicelib.collect.read import secret_view

    if isinstance(outcome, Job):
        answer = accepted(outcome)
        answer.headers["Retry-After"] = str(RETRY_AFTER)
        return answer
    return ok(secret_view(*outcome, now))


def page(tokens: Sequence[Token], after: str | None, now: int) -> Response:
    """Answer with a page of records and the cursor of the next, null at the end."""
    from chalicelib.model.token import token_view

    return ok({"items": [token_view(token, now) for token in tokens], "cursor": cursor_text(after)})


def job(of: Job) -> Response:
    """Answer with a job."""
    return ok(job_view(of))


def jobs(found: Sequence[Job], last: Position | None, wanted: Wanted) -> Response:
    """Answer with a page of a list of jobs and the cursor of the next, null at the end."""
    from chalicelib.model.listing import cursor_to_text

    return ok({"items": [job_view(one) for one in found], "cursor": cursor_to_text(last, wanted)})


def provider(of: Provider) -> Response:
    """Answer with a provider, without its credential."""
    from chalicelib.model.provider import provider_view

    return ok(provider_view(of))


def providers(listed: Sequence[Provider], after: str | None) -> Response:
    """Answer with a page of providers and the cursor of the next, null at the end."""
    from chalicelib.model.provider import provider_view

    return ok({"items": [provider_view(one) for one in listed], "cursor": cursor_text(after)})


def policy(of: PolicyRecord) -> Response:
    """Answer with a group's policy."""
    from chalicelib.model.policy import policy_view

    return ok(policy_view(of))


def policies(listed: Sequence[PolicyRecord], after: str | None) -> Response:
    """Answer with a page of policies and the cursor of the next, null at the end."""
    from chalicelib.model.policy import policy_view

    return ok({"items": [policy_view(one) for one in listed], "cursor": cursor_text(after)})


def explanation(of: Explanation) -> Response:
    """Answer with why a request is answered as it is."""
    from chalicelib.model.explanation import explanation_view

    return ok(explanation_view(of))


def revocation(of: Revocation) -> Response:
    """Answer with a revocation."""
    from chalicelib.model.access import revocation_view

    return ok(revocation_view(of))


def revoked(of: Revocation) -> Response:
    """Answer 201 with a revocation: new, or the one that is there already."""
    from chalicelib.model.access import revocation_view

    headers: dict[str, str | list[str]] = {**SECURITY_HEADERS, "Location": f"/revocations/{of.id}"}
    return _answer(201, revocation_view(of), headers)


def revocations(found: Sequence[Revocation], after: str | None) -> Response:
    """Answer with a page of revocations and the cursor of the next, null at the end."""
    from chalicelib.model.access import revocation_view

    return ok({"items": [revocation_view(one) for one in found], "cursor": cursor_text(after)})


def upload(of: Upload) -> Response:
    """Answer 201 with an address that a file may be sent to, and how."""
    from chalicelib.model.imports import LARGEST_UPLOAD

    body = {
        "id": of.id,
        "url": of.url,
        "method": "POST",
        "fields": dict(of.fields),
        "expires_at": rfc3339(of.expires_at),
        "largest": LARGEST_UPLOAD,
    }
    return _answer(201, body, {**SECURITY_HEADERS})


def refusals(found: Sequence[Refusal], last: int | None) -> Response:
    """Answer with a page of an import's refused lines and the cursor of the next, null at the end."""
    from chalicelib.model.imports import refusal_view

    cursor = None if last is None else cursor_text(str(last))
    return ok({"items": [refusal_view(one) for one in found], "cursor": cursor})


def receipt_keys(keys: Sequence[Mapping[str, str]]) -> Response:
    """Answer with a JWKS (RFC 7517). Its callers may keep it for minutes; a cache that others share may not."""
    return ok({"keys": [dict(key) for key in keys]}, cached_for=RECEIPT_KEYS_SECONDS, by="private")


def verdict(of: Verdict) -> Response:
    """Answer with what became of a receipt and a body. A receipt that is not ours says nothing that we repeat."""
    if of.receipt is None:
        return ok({"genuine": False})
    return ok(
        {
            "genuine": True,
            "id": of.receipt.id,
            "accepted_at": rfc3339(of.receipt.accepted_at),
            "matches": of.matches,
        }
    )


def audit(found: Sequence[Entry], window: Window, after: str | None) -> Response:
    """Answer with a page of the audit and the cursor of the next, null at the end."""
    from chalicelib.model.audit import entry_view
    from chalicelib.model.window import window_cursor

    return ok({"items": [entry_view(one) for one in found], "cursor": window_cursor(window, after)})


def reconciled(found: Reckoned) -> Response:
    """Answer with how the tokens of a page stand, and what does not add up."""
    from chalicelib.model.reconcile import going_to_text

    wrong = [{"id": token_id, "standing": str(standing), "at": rfc3339(at)} for token_id, standing, at in found.wrong]
    return ok({"counts": found.counts, "wrong": wrong, "cursor": going_to_text(found.going)})


def ticket(text: str, ends: int, websocket_url: str) -> Response:
    """Answer 201 with a ticket and the address that it opens."""
    body = {"ticket": text, "url": f"{websocket_url}?ticket={text}", "expires_at": rfc3339(ends)}
    return _answer(201, body, {**SECURITY_HEADERS})


def _answer(status: int, body: Mapping[str, object], headers: dict[str, str | list[str]]) -> Response:
    """Write an answer. By msgspec, which takes a tenth of what Chalice's own `json.dumps` would."""
    return Text(body=_ENCODER.encode(body).decode(), status_code=status, headers=headers)
