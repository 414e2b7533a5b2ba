"""Jobs and tokens ⇄ items.

What is stored is a contract with every version that will read it: add attributes at the end, with a default on
reading; never rename one, never give an old name a new meaning. `v` is the form's version, 1 so far.

A `token.store` job and its token are ONE item: the intake writes once, and the secret is in one place only. An item
of a subject's current token repeats the record, not the secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.errors import Unreadable
from chalicelib.model.deposit import Deposit
from chalicelib.model.job import BUDGETS, Job, Status, Type
from chalicelib.model.token import Place, Token, keep_until
from chalicelib.store import keys
from chalicelib.store.renewal_items import RENEWAL_ATTRIBUTES, renewal_from_item, renewal_to_attributes

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1

JOB_ATTRIBUTES = (
    "pk",
    "type",
    "status",
    "rev",
    "accepted_at",
    "updated_at",
    "attempts",
    "requester",
    "subject",
    "token_id",
    "provider",
    "environment",
    "domain",
    "input",
    "result",
    "error",
    "allowed",
    "due_at",
    "deadline_at",
    "not_before",
    "lease_until",
    "owner",
    "progress",
    "origin",
)
"""What a job is read from. The rest of its item (the sealed secret, the history) need not travel with a list."""

TOKEN_ATTRIBUTES = (
    "pk",
    "type",
    "accepted_at",
    "requester",
    "subject",
    "provider",
    "environment",
    "domain",
    "fingerprint",
    "token_type",
    "scope",
    "expires_at",
    "has_refresh_token",
    "metadata",
    "revoked_at",
    *RENEWAL_ATTRIBUTES,
)
"""What a token's record is read from: all of a deposit but its secret and its job."""

_OF_A_PLACE = frozenset({"provider", "environment", "domain"})
"""Who has one of these must have all: a job about no token has none."""


def kept_until(token: Token) -> int:
    """Return the time to live of a token's item (epoch seconds)."""
    return _ttl(token)


def deposit_to_item(deposit: Deposit) -> dict[str, object]:
    """Write a deposit as the item of its job."""
    return {
        **job_to_item(deposit.job, ttl=_ttl(deposit.token)),
        **_token_attributes(deposit.token),
        "sealed": deposit.sealed,
        "key_version": deposit.key_version,
        "body_mark": deposit.body_mark,
    }


def deposit_from_item(item: Mapping[str, Any]) -> Deposit:
    """Read a deposit. Raises Unreadable for anything that this version does not know."""
    job = job_from_item(item)
    try:
        return Deposit(
            job=job,
            token=_token(item, token_id=job.id),
            sealed=item.get("sealed"),
            body_mark=item.get("body_mark"),
            key_version=item["key_version"],
        )
    except KeyError as missing:
        raise Unreadable(f"a deposit without {missing}") from None


def job_to_item(job: Job, *, ttl: int) -> dict[str, object]:
    """Write a job, with what it stands in the indexes by: while it is open it is due when the sweep looks after it.

    What follows from the rest is left out, for the intake pays for each KB: `allowed` and `deadline_at` where they are
    the type's usual budget, the first line of the history, and the `token_id` of a job whose token has its own id.
    """
    budget, place = BUDGETS[job.type], job.place
    return {
        **keys.job_key(job.id),
        "kind": "job",
        "v": VERSION,
        "type": job.type,
        "status": job.status,
        "rev": job.rev,
        "accepted_at": job.accepted_at,
        "updated_at": job.updated_at,
        "attempts": job.attempts,
        "requester": job.requester,
        "subject": job.subject,
        "token_id": None if place is not None and job.token_id == job.id else job.token_id,
        "provider": None if place is None else place.provider,
        "environment": None if place is None else place.environment,
        "domain": None if place is None else place.domain,
        "input": None if job.input is None else dict(job.input),
        "result": None if job.result is None else dict(job.result),
        "error": None if job.error is None else dict(job.error),
        "ttl": ttl,
        "allowed": None if job.allowed == budget.attempts else job.allowed,
        "deadline_at": None if job.deadline_at == job.accepted_at + budget.lifetime else job.deadline_at,
        "origin": None if job.origin is None else dict(job.origin),
        "list_shard": keys.list_shard(job.type, job.id),
        **_changing_index_attributes(job),
    }


def history_entry(status: Status, at: int, **facts: object) -> dict[str, object]:
    """Write one line of a job's history: what it became, when, by whom. Never a secret."""
    return {"status": status, "at": at, **facts}


def history_of(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a job's whole history, its acceptance first."""
    return [history_entry(Status.PENDING, item["accepted_at"]), *item.get("history", [])]


def job_from_item(item: Mapping[str, Any]) -> Job:
    """Read a job from an item, a stream image or a row of the open-jobs index. Raises Unreadable."""
    try:
        job_id = keys.job_id(item)
        place = _place(item) if item.keys() & _OF_A_PLACE else None
        return Job(
            id=job_id,
            type=Type(item["type"]),
            status=Status(item["status"]),
            rev=item["rev"],
            accepted_at=item["accepted_at"],
            updated_at=item["updated_at"],
            attempts=item.get("attempts", 0),
            requester=item["requester"],
            subject=item["subject"],
            token_id=item.get("token_id", None if place is None else job_id),
            place=place,
            input=item.get("input"),
            result=item.get("result"),
            error=item.get("error"),
            allowed=item.get("allowed", BUDGETS[Type(item["type"])].attempts),
            due_at=item.get("due_at", 0),
            deadline_at=item.get("deadline_at", item["accepted_at"] + BUDGETS[Type(item["type"])].lifetime),
            not_before=item.get("not_before", 0),
            lease_until=item.get("lease_until", 0),
            owner=item.get("owner"),
            progress=item.get("progress"),
            checkpoint=item.get("checkpoint"),
            origin=item.get("origin"),
        )
    except KeyError as missing:
        raise Unreadable(f"a job without {missing}") from None
    except ValueError:  # its text quotes what was stored, and the log must not
        raise Unreadable("a job with a type or status that this version does not know") from None


def current_to_item(token: Token) -> dict[str, object]:
    """Write a token as the current one of its place.

    Its place is in its keys, its acceptance in its rank, and neither stands there again: whatever carries `subject` and
    `accepted_at` is an entry of the index that a subject's jobs are listed from.
    """
    return {
        **keys.current_key(token.place),
        "kind": "current",
        "v": VERSION,
        "token_id": token.id,
        "rank": token.rank,
        "requester": token.requester,
        "ttl": _ttl(token),
        **_token_attributes(token),
    }


def current_from_item(item: Mapping[str, Any]) -> Token:
    """Read a current token's record. Raises Unreadable."""
    try:
        _, environment, domain, subject = item["pk"].split("#", 3)
        place = {"environment": environment, "domain": domain, "subject": subject}
        provider = item["sk"].removeprefix("PROVIDER#")
        accepted_at = int(item["rank"].partition("#")[0])
        return _token({**item, **place, "provider": provider, "accepted_at": accepted_at}, token_id=item["token_id"])
    except KeyError as missing:
        raise Unreadable(f"a current token without {missing}") from None
    except ValueError:  # unnamed: a key holds a subject, and the log shows this
        raise Unreadable("a current token whose key or rank this version does not know") from None


def token_from_image(image: Mapping[str, Any]) -> Token:
    """Read the token of a deposit from a stream image, which need not be whole. Raises Unreadable."""
    try:
        return _token(image, token_id=keys.job_id(image))
    except KeyError as missing:
        raise Unreadable(f"a deposit without {missing}") from None


def _changing_index_attributes(job: Job) -> dict[str, object]:
    """Return what puts a job into the indexes that it leaves or enters when it ends; it stands in the others for life,
    by `subject`, `accepted_at` and `list_shard` (docs/architecture.md lists them).
    """
    if job.is_open:
        return {"open_shard": keys.open_shard(job.subject), "due_at": job.due_at}
    if job.status in keys.UNSUCCESSFUL:
        return {"unsuccessful_shard": keys.unsuccessful_shard(job.status, job.id)}
    return {}


def _token_attributes(token: Token) -> dict[str, object]:
    return {
        "fingerprint": token.fingerprint,
        "token_type": token.token_type,
        "scope": token.scope,
        "expires_at": token.expires_at,
        "has_refresh_token": token.has_refresh_token or None,
        "metadata": dict(token.metadata) or None,
        "revoked_at": token.revoked_at,
        **renewal_to_attributes(token),
    }


def _token(item: Mapping[str, Any], *, token_id: str) -> Token:
    return Token(
        id=token_id,
        place=_place(item),
        requester=item["requester"],
        accepted_at=item["accepted_at"],
        fingerprint=item["fingerprint"],
        token_type=item.get("token_type"),
        scope=item.get("scope"),
        expires_at=item.get("expires_at"),
        has_refresh_token=item.get("has_refresh_token", False),
        metadata=item.get("metadata", {}),
        revoked_at=item.get("revoked_at"),
        generation=item.get("generation", 1),
        renewal=renewal_from_item(item),
    )


def _place(item: Mapping[str, Any]) -> Place:
    return Place(
        environment=item["environment"],
        domain=item["domain"],
        subject=item["subject"],
        provider=item["provider"],
    )


def _ttl(token: Token) -> int:
    return keep_until(
        accepted_at=token.accepted_at,
        expires_at=token.expires_at,
        has_refresh_token=token.has_refresh_token,
    )
