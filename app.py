"""Cloakroom's table of contents: every route, authorizer, stream, queue and socket handler.

A handler translates, calls one verb, translates back. What it calls is opened by `wiring`: while Lambda starts
the function, or when it is first asked for.
"""

from __future__ import annotations

import gc

gc.disable()  # until the end of this file: what is loaded stays, and looking through it is 4 % of a cold start

import contextlib
import functools
from typing import TYPE_CHECKING, Any

from chalice.app import Chalice, Request, Response

from chalicelib import log
from chalicelib.config import QUEUE_ARN_AT_IMPORT, STREAM_ARN_AT_IMPORT, USAGE_PLANS_AT_IMPORT
from chalicelib.model.clock import SWEEP_RUN
from chalicelib.web.authorizing import hear_all
from chalicelib.web.problems import answered, settled
from chalicelib.wiring import initialise, system, wired

HAS_ROUTES = initialise.function() in {None, "app"}
"""Whether this process has them: the API's function, and whoever packages, tests or serves the app. To the other
functions they would be a twentieth of a cold start."""

if HAS_ROUTES:
    from chalicelib.errors import CloakroomError, Misconfigured, Unauthorized
    from chalicelib.model import names
    from chalicelib.model.audit import who_of
    from chalicelib.model.job import Job, age_ms
    from chalicelib.web import answers, cors
    from chalicelib.web.requests import (
        NDJSON,
        Query,
        allow,
        caller_of,
        check_head,
        group_name,
        identifier,
        json_body,
        media_type,
        provider_name,
        raw_body,
        revocation_id,
    )

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.collect.read import Collected
    from chalicelib.model.caller import Caller

ANY = ["*/*"]
"""Content types that Chalice lets through, on each route: its own 415 is no problem document, quotes the caller, and
comes also for a GET without a body. Where there is a body, `json_body` refuses."""

LISTING = ("status", "type", "limit", "cursor")
"""The query of both lists of jobs."""

app = Chalice(app_name="cloakroom")
app.experimental_feature_flags.update(["WEBSOCKETS"])
# No body of ours is binary, in or out; Chalice would hold each answer's type against its usual list of them, twice.
app.api.binary_types = []
# Chalice's own exception log quotes messages, which may quote what a caller sent; ours (chalicelib.log) does not.
app.log.disabled = True


# Who may do what ---------------------------------------------------------------------------------------


@hear_all
@app.authorizer(ttl_seconds=300)
def authorize(request: Any) -> dict[str, Any]:
    """Answer API Gateway with an IAM policy for everything that the bearer may do, or with an explicit Deny."""
    from chalicelib.admit.answer import answer, refusal  # noqa: PLC0415  PyJWT is the authorizer's price alone

    log.begin(function="authorize")  # Chalice gives an authorizer no context, so no request id
    try:
        verifier, policies = wired.verifier, wired.policies
        access, meter = wired.known_access, wired.meter
    except Exception as error:  # noqa: BLE001  deny by default: a setting that is missing denies, too
        log.failure("denied", error, code="error")
        return refusal()
    return answer(
        request.token, request.method_arn, verifier, policies.of, access=access.current, meter=meter, log=log.fact
    )


# Routes --------------------------------------------------------------------------------------------------


def route(method: str, path: str, *, is_open: bool = False) -> Callable[[Callable[..., Response]], object]:
    """Have a view answer, to callers that the authorizer lets through or (`is_open`) to anybody.

    What it raises becomes a problem document, and what it refuses a caller stands in the audit.
    """

    def register(view: Callable[..., Response]) -> object:
        if not HAS_ROUTES:
            return view
        whole, authorizer = (answered(view), None) if is_open else (answered(recorded(view)), authorize)
        return app.route(path, methods=[method], authorizer=authorizer, content_types=ANY)(whole)

    return register


def recorded(view: Callable[..., Response]) -> Callable[..., Response]:
    """Write down for the audit what a view refuses, before the refusal leaves."""

    @functools.wraps(view)
    def wrapped(**parameters: str) -> Response:
        try:
            return view(**parameters)
        except CloakroomError as error:
            _record(error)
            raise

    return wrapped


@route("POST", "/tokens")
def hand_in_token() -> Response:
    """Take a token in: 202 after one durable write."""
    from chalicelib.intake.reading import read_hand_in, read_idempotency_key  # noqa: PLC0415

    caller, _ = _asked()
    key = read_idempotency_key(_request().headers.get("idempotency-key"))
    body = read_hand_in(json_body(_request()), idempotency_key=key)
    caller.check(body)
    job, is_new, receipt = wired.intake.accept(body, by=who_of(caller), idempotency_key=key)
    log.fact("token.accepted" if is_new else "token.repeated", job=job.id)
    return answers.accepted(job, receipt)


@route("GET", "/tokens/{token_id}")
def show_token(token_id: str) -> Response:
    """Show a token's record."""
    caller, _ = _asked()
    token = wired.counter.record(caller, identifier(token_id))
    log.fact("token.shown", token=token.id)
    return answers.record(token, system.now())


@route("GET", "/tokens/{token_id}/secret")
def collect_token(token_id: str) -> Response:
    """Hand a token out, good for `min_ttl` more seconds, or say that it is being refreshed."""
    caller, query = _asked("min_ttl")
    return _collected(wired.counter.secret(caller, identifier(token_id), min_ttl=query.min_ttl()))


@route("POST", "/tokens/{token_id}/refresh")
def refresh_token(token_id: str) -> Response:
    """Have a token refreshed now."""
    caller, _ = _asked()
    job = wired.refresher.refresh(caller, identifier(token_id))
    log.fact("refresh.asked", token=job.token_id, job=job.id)
    return answers.accepted(job)


@route("POST", "/tokens/{token_id}/rejected")
def report_rejected(token_id: str) -> Response:
    """Take a consumer's word that the provider refused a generation of a token."""
    from chalicelib.intake.reading import read_rejected  # noqa: PLC0415

    caller, _ = _asked()
    body = read_rejected(json_body(_request()))
    token, job = wired.refresher.rejected(caller, identifier(token_id), body.generation)
    log.fact("token.rejected", token=token.id, generation=body.generation, job=job.id if job else None)
    return answers.accepted(job) if job else answers.record(token, system.now())


@route("DELETE", "/tokens/{token_id}")
def delete_token(token_id: str) -> Response:
    """Take a token from its readers at once; a job does the rest."""
    caller, _ = _asked()
    job = wired.deletion.delete(caller, identifier(token_id))
    log.fact("token.deleted", token=job.token_id, job=job.id)
    return answers.accepted(job)


@route("GET", "/subjects/{subject}/tokens")
def list_subject_tokens(subject: str) -> Response:
    """List a subject's newest tokens, one a provider."""
    caller, query = _asked("environment", "domain", "limit", "cursor")
    tokens, after = wired.counter.listed(caller, query.owner(subject), limit=query.limit(), after=query.cursor())
    log.fact("tokens.listed", count=len(tokens))
    return answers.page(tokens, after, system.now())


@route("GET", "/subjects/{subject}/tokens/{provider}")
def show_subject_token(subject: str, provider: str) -> Response:
    """Show the record of a subject's newest token of a provider."""
    caller, query = _asked("environment", "domain")
    token = wired.counter.current_record(caller, query.place(subject, provider))
    log.fact("token.shown", token=token.id)
    return answers.record(token, system.now())


@route("GET", "/subjects/{subject}/tokens/{provider}/secret")
def collect_subject_token(subject: str, provider: str) -> Response:
    """Hand out a subject's newest token of a provider."""
    caller, query = _asked("environment", "domain", "min_ttl")
    place = query.place(subject, provider)
    return _collected(wired.counter.current_secret(caller, place, min_ttl=query.min_ttl()))


@route("GET", "/jobs")
def list_jobs() -> Response:
    """List jobs, newest first."""
    return _jobs(*_asked("subject", *LISTING))


@route("GET", "/subjects/{subject}/jobs")
def list_subject_jobs(subject: str) -> Response:
    """List the jobs about a subject, newest first."""
    return _jobs(*_asked(*LISTING), subject)


@route("GET", "/jobs/{job_id}")
def show_job(job_id: str) -> Response:
    """Show a job."""
    caller, _ = _asked()
    job = wired.counter.job(caller, identifier(job_id))
    log.fact("job.shown", job=job.id, status=job.status)
    return answers.job(job)


@route("POST", "/jobs/{job_id}/cancel")
def cancel_job(job_id: str) -> Response:
    """Stop an open job before its next step."""
    caller, _ = _asked()
    job = wired.control.cancel(caller, identifier(job_id))
    log.fact("job.cancelled", job=job.id, type=job.type, after_ms=age_ms(job, job.updated_at))
    return answers.accepted(job)


@route("POST", "/jobs/{job_id}/retry")
def retry_job(job_id: str) -> Response:
    """Send a failed job round again."""
    caller, _ = _asked()
    job = wired.control.retry(caller, identifier(job_id))
    log.fact("job.retried", job=job.id, type=job.type)
    return answers.accepted(job)


@route("POST", "/uploads")
def make_upload() -> Response:
    """Give an address that one file of tokens may be sent to, within 15 minutes."""
    caller, _ = _asked()
    upload = wired.reception.upload(caller.principal)
    log.fact("upload.made", upload=upload.id)
    return answers.upload(upload)


@route("POST", "/imports")
def import_tokens() -> Response:
    """Take many tokens in, a line each: 202 once the lines and their job are stored."""
    from chalicelib.intake.reading import read_idempotency_key, read_import  # noqa: PLC0415

    caller, _ = _asked()
    request = _request()
    who, key = who_of(caller), read_idempotency_key(request.headers.get("idempotency-key"))
    within = caller.kept_reach()
    if media_type(request) == NDJSON:
        job, is_new = wired.reception.accept_lines(raw_body(request), by=who, idempotency_key=key, within=within)
    else:
        upload = read_import(json_body(request)).upload
        job, is_new = wired.reception.accept_upload(upload, by=who, idempotency_key=key, within=within)
    log.fact("import.accepted" if is_new else "import.repeated", job=job.id)
    return answers.accepted(job)


@route("GET", "/imports/{job_id}/refusals")
def list_refusals(job_id: str) -> Response:
    """List an import's refused lines, with reasons."""
    caller, query = _asked("limit", "cursor")
    after, limit = query.line(), query.limit()
    refusals, last = wired.refused_lines.page(caller, identifier(job_id), limit=limit, after=after)
    log.fact("refusals.listed", job=job_id, count=len(refusals))
    return answers.refusals(refusals, last)


@route("GET", "/receipts/jwks.json")
def show_receipt_keys() -> Response:
    """Show the public keys that verify a domain's receipts."""
    caller, query = _asked("environment", "domain")
    scope = query.scope()
    keys = wired.receipts.jwks(*scope) if caller.reach.touches(*scope) else []
    log.fact("receipt_keys.shown", count=len(keys))
    return answers.receipt_keys(keys)


@route("POST", "/receipts/verify")
def verify_receipt() -> Response:
    """Tell whether a receipt is ours, and of the body that comes with it."""
    from chalicelib.intake.reading import read_verify  # noqa: PLC0415

    caller, _ = _asked()
    asked = read_verify(json_body(_request()))
    verdict = wired.notary.verdict(caller, asked.receipt, asked.body)
    log.fact("receipt.verified", token=verdict.receipt.id if verdict.receipt else None, matches=verdict.matches)
    return answers.verdict(verdict)


@route("POST", "/tickets")
def issue_ticket() -> Response:
    """Give a ticket that opens the WebSocket once, within 60 seconds."""
    from chalicelib.intake.reading import read_ticket  # noqa: PLC0415

    caller, _ = _asked()
    # By what the table says now: policies may change while its ticket lasts, and end it.
    caller = allow(wired.standing.by_now(caller), "POST", "/tickets", {})
    body = read_ticket(json_body(_request()))
    socket = wired.settings.socket
    ticket, ends = wired.usher.ticket(caller, subject=body.subject, job_id=body.job)
    log.fact("ticket.issued")
    return answers.ticket(ticket, ends, socket)


@route("GET", "/providers")
def list_providers() -> Response:
    """List the providers."""
    caller, query = _asked("limit", "cursor")
    providers, after = wired.registrar.page(caller, limit=query.limit(), after=query.cursor())
    log.fact("providers.listed", count=len(providers))
    return answers.providers(providers, after)


@route("GET", "/providers/{name}")
def show_provider(name: str) -> Response:
    """Show a provider; never its credential."""
    caller, _ = _asked()
    provider = wired.registrar.show(caller, provider_name(name))
    log.fact("provider.shown", provider=provider.name)
    return answers.provider(provider)


@route("PUT", "/providers/{name}")
def put_provider(name: str) -> Response:
    """Set a provider up, or put it in place of the one before."""
    from chalicelib.intake.reading import read_provider  # noqa: PLC0415

    caller, _ = _asked()
    body = read_provider(json_body(_request()))
    wired.auditor.administered(caller, "PUT", f"/providers/{provider_name(name)}")
    provider = wired.registrar.put(caller, provider_name(name), body)
    log.fact("provider.written", provider=provider.name, rev=provider.rev)
    return answers.provider(provider)


@route("DELETE", "/providers/{name}")
def delete_provider(name: str) -> Response:
    """Take a provider away with its credential; its tokens stay, and are not refreshed any more."""
    caller, _ = _asked()
    wired.auditor.administered(caller, "DELETE", f"/providers/{provider_name(name)}")
    provider = wired.registrar.delete(caller, provider_name(name))
    log.fact("provider.deleted", provider=provider.name)
    return answers.provider(provider)


@route("GET", "/policies")
def list_policies() -> Response:
    """List the groups' policies."""
    _, query = _asked("limit", "cursor")
    policies, after = wired.rulebook.page(limit=query.limit(), after=query.cursor(names.group_fault))
    log.fact("policies.listed", count=len(policies))
    return answers.policies(policies, after)


@route("GET", "/policies/{group}")
def show_policy(group: str) -> Response:
    """Show a group's policy."""
    _asked()
    record = wired.rulebook.show(group_name(group))
    log.fact("policy.shown", group=record.policy.group)
    return answers.policy(record)


@route("PUT", "/policies/{group}")
def put_policy(group: str) -> Response:
    """Give a group its policy, or put it in place of the one before."""
    from chalicelib.intake.reading import read_policy  # noqa: PLC0415

    caller, _ = _asked()
    body = read_policy(json_body(_request()))
    wired.auditor.administered(caller, "PUT", f"/policies/{group_name(group)}")
    record = wired.rulebook.put(caller, group_name(group), body)
    log.fact("policy.written", group=record.policy.group, rev=record.rev)
    return answers.policy(record)


@route("DELETE", "/policies/{group}")
def delete_policy(group: str) -> Response:
    """Take a group's policy away: the group may do nothing from then on."""
    caller, _ = _asked()
    wired.auditor.administered(caller, "DELETE", f"/policies/{group_name(group)}")
    record = wired.rulebook.delete(caller, group_name(group))
    log.fact("policy.deleted", group=record.policy.group)
    return answers.policy(record)


@route("POST", "/revocations")
def revoke_access() -> Response:
    """End the access of a principal or of one bearer within 5 seconds, whatever the gateway keeps."""
    from chalicelib.intake.reading import read_revocation  # noqa: PLC0415

    caller, _ = _asked()
    asked = read_revocation(json_body(_request()))
    wired.auditor.administered(caller, "POST", "/revocations")
    revocation = wired.warden.revoke(caller, asked)
    log.fact("access.revoked", revocation=revocation.id)
    return answers.revoked(revocation)


@route("GET", "/revocations")
def list_revocations() -> Response:
    """List whose access was ended, and by whom."""
    _, query = _asked("limit", "cursor")
    found, after = wired.warden.page(limit=query.limit(), after=query.revocation())
    log.fact("revocations.listed", count=len(found))
    return answers.revocations(found, after)


@route("DELETE", "/revocations/{revocation}")
def lift_revocation(revocation: str) -> Response:
    """Give access back."""
    caller, _ = _asked()
    wired.auditor.administered(caller, "DELETE", f"/revocations/{revocation_id(revocation)}")
    lifted = wired.warden.lift(revocation_id(revocation))
    log.fact("access.lifted", revocation=lifted.id)
    return answers.revocation(lifted)


@route("POST", "/authz/explain")
def explain_access() -> Response:
    """Tell why a request of somebody's is answered as it is: at which stage, by which policy."""
    from chalicelib.intake.explaining import read_explain  # noqa: PLC0415
    from chalicelib.web.explaining import api_of  # noqa: PLC0415

    caller, _ = _asked()
    asked = read_explain(json_body(_request()))
    found = wired.explainer.explain(asked, api_of(_request().context, app.routes))
    wired.auditor.explained(caller, found.principal, found.token_id)
    log.fact("access.explained", about=found.principal, refused_at=found.stage, code=found.code)
    return answers.explanation(found)


@route("GET", "/audit")
def list_audit() -> Response:
    """List who did what with which token, latest first."""
    from chalicelib.web.times import window_of  # noqa: PLC0415

    _, query = _asked("subject", "principal", "from", "to", "limit", "cursor")
    window, after = window_of(query.given, system.now())
    found, last = wired.auditor.page(window, limit=query.limit(), after=after)
    log.fact("audit.listed", count=len(found))
    return answers.audit(found, window, last)


@route("GET", "/audit/reconcile")
def reconcile() -> Response:
    """Prove of each accepted token that it is live or ended once."""
    from chalicelib.web.times import going_of  # noqa: PLC0415

    _, query = _asked("from", "to", "cursor")
    found = wired.reconciler.page(going_of(query.given, system.now()))
    log.fact("audit.reconciled", **found.counts)
    return answers.reconciled(found)


@route("GET", "/health", is_open=True)
def health() -> Response:
    """Tell whether tokens can be taken in and handed out: whether the table answers."""
    _begin()
    wired.table.get({"pk": "HEALTH", "sk": "HEALTH"}, consistent=False)
    log.fact("health.answered")
    return answers.ok({"status": "ok", "checks": {"table": "ok"}})


@route("GET", "/openapi.json", is_open=True)
def openapi() -> Response:
    """Serve the contract."""
    from chalicelib.web.openapi import document  # noqa: PLC0415

    _begin()
    log.fact("openapi.answered")
    return answers.ok(document(), cached_for=300)


# What every route has beside its view -------------------------------------------------------------------


@app.middleware("http")
def share(request: Request, answer: Callable[[Request], Response]) -> Response:
    """Let pages of the listed origins read the answer."""
    given = answer(request)
    try:
        listed = wired.settings.cors_origins
    except Misconfigured:  # the contract is served without any setting; nobody is listed then
        return given
    return cors.shared(given, request.headers.get("origin"), listed)


@answered
def preflight(**_: str) -> Response:
    """Tell a page of a listed origin what it may send."""
    _begin()
    request = _request()
    methods = app.routes[request.context["resourcePath"]]
    allowed = cors.preflight(request.headers.get("origin"), wired.settings.cors_origins, set(methods) - {"OPTIONS"})
    log.fact("preflight.answered")
    return allowed


for _path, _entries in list(app.routes.items()):
    for _entry in _entries.values():
        _entry.api_key_required = USAGE_PLANS_AT_IMPORT and _entry.authorizer is not None
    app.route(_path, methods=["OPTIONS"], content_types=ANY, api_key_required=False)(preflight)


# What happens behind the 202 ---------------------------------------------------------------------------


@app.on_dynamodb_record(stream_arn=STREAM_ARN_AT_IMPORT, batch_size=100, starting_position="TRIM_HORIZON")
def advance(event: Any) -> dict[str, Any]:
    """Move each job on that the stream brings: settle it, or queue it."""
    log.begin(function="advance", request_id=_invocation(event))
    return wired.advance(event.to_dict()["Records"])


@app.on_dynamodb_record(stream_arn=STREAM_ARN_AT_IMPORT, batch_size=100, starting_position="TRIM_HORIZON")
def notify(event: Any) -> dict[str, Any]:
    """Tell connected browsers of each change that the stream brings."""
    log.begin(function="notify", request_id=_invocation(event))
    return wired.notify(event.to_dict()["Records"])


# One message a worker: so the cap on workers is the cap on jobs at work, and one that dies takes no other job with it.
@app.on_sqs_message(queue_arn=QUEUE_ARN_AT_IMPORT, batch_size=1, maximum_concurrency=3)
def work(event: Any) -> dict[str, Any]:
    """Do the job that the queue brings."""
    log.begin(function="work", request_id=_invocation(event))
    return wired.work(event.to_dict()["Records"])


@app.schedule("rate(1 minute)")
def sweep(event: Any) -> dict[str, int]:
    """Look after open jobs that are overdue: send them round again, or end them."""
    log.begin(function="sweep", request_id=_invocation(event))
    return wired.sweep.run(until=system.now() + SWEEP_RUN)


@app.schedule("rate(1 minute)")
def refresh_due(event: Any) -> dict[str, int]:
    """Begin the refreshes that are due."""
    log.begin(function="refresh_due", request_id=_invocation(event))
    return wired.schedule.run(until=system.now() + SWEEP_RUN)


# Sockets -------------------------------------------------------------------------------------------------


@app.on_ws_connect(name="websocket_connect")
@settled
def connect(event: Any) -> None:
    """Let a browser in for its ticket, or refuse the handshake."""
    log.begin(function="connect", connection=event.connection_id)
    query = event.to_dict().get("queryStringParameters") or {}  # Chalice's event does not show the query string
    watch = wired.door.join(event.connection_id, query.get("ticket"))
    log.fact("connection.joined", principal=watch.principal, scope=watch.scope)


@app.on_ws_message(name="websocket_message")
@settled
def message(event: Any) -> None:
    """Answer what a browser says."""
    log.begin(function="message", connection=event.connection_id)
    log.fact("connection.heard", action=wired.hearing.hear(event.connection_id, event.body))


@app.on_ws_disconnect(name="websocket_disconnect")
@settled
def disconnect(event: Any) -> None:
    """Forget a browser."""
    log.begin(function="disconnect", connection=event.connection_id)
    left = wired.door.leave(event.connection_id)
    log.fact("connection.left", principal=left.watch.principal if left else None)


def _request() -> Request:
    request = app.current_request
    if request is None:
        raise RuntimeError("outside a request")
    return request


def _begin() -> None:
    request = _request()
    context = request.context
    log.begin(
        function="api",
        request_id=context.get("requestId"),
        method=request.method,
        route=context.get("resourcePath"),
    )
    check_head(request)


def _asked(*parameters: str) -> tuple[Caller, Query]:
    """Return who is asking, and the query of a route that knows these `parameters` and no others.

    Every line that is logged from here on belongs to this request.
    """
    _begin()
    request = _request()
    # Not wired.policies.of: it is not made before it is needed.
    caller = caller_of(request.context, system.now(), lambda groups: wired.policies.of(groups))  # noqa: PLW0108
    log.add(principal=caller.principal)
    asking = allow(
        wired.standing.of(caller), request.method, request.context.get("resourcePath", ""), request.uri_params or {}
    )
    return asking, Query.of(request, *parameters)


def _record(error: CloakroomError) -> None:
    """Write down who was refused what; of somebody whom nobody knows (any more) the log alone tells."""
    request = _request()
    with contextlib.suppress(Unauthorized):
        caller = caller_of(request.context, system.now(), lambda _: ())  # who, not what it may
        route = request.context.get("resourcePath", "")
        wired.auditor.refused(caller, route, request.uri_params or {}, error)


def _jobs(caller: Caller, query: Query, subject: str | None = None) -> Response:
    wanted = query.wanted(subject)
    jobs, last = wired.lists.page(caller, wanted, limit=query.limit(), after=query.position(wanted))
    log.fact("jobs.listed", count=len(jobs))
    return answers.jobs(jobs, last, wanted)


def _collected(outcome: Collected | Job) -> Response:
    if isinstance(outcome, Job):
        log.fact("token.refreshing", token=outcome.token_id, job=outcome.id)
    else:
        log.fact("token.collected", token=outcome[0].id)
    return answers.collected(outcome, system.now())


def _invocation(event: Any) -> str | None:
    """Return Lambda's id of this invocation; the test client gives none."""
    return getattr(event.context, "aws_request_id", None)


initialise.make_ready(wired)

gc.freeze()
gc.enable()
