"""Where an answer leads: OpenAPI links from what was answered to what may be asked about it next."""

from __future__ import annotations

from typing import Any, Final

Target = tuple[str, dict[str, str]]
"""An operation, and its parameters as runtime expressions (OpenAPI 3.1, section 4.8.20)."""

_ID: Final = "$response.body#/id"
_PLACE: Final = {name: f"$request.body#/{name}" for name in ("subject", "provider", "environment", "domain")}

_JOB: Final[dict[str, Target]] = {"job": ("showJob", {"job_id": _ID})}
_JOB_AND_TOKEN: Final[dict[str, Target]] = {**_JOB, "token": ("showToken", {"token_id": "$request.path.token_id"})}
_NEWEST: Final[dict[str, Target]] = {
    "secret": ("collectToken", {"token_id": _ID}),
    "refresh": ("refreshToken", {"token_id": _ID}),
    "delete": ("deleteToken", {"token_id": _ID}),
}

LINKS: Final[dict[tuple[str, str], dict[str, Target]]] = {
    ("handInToken", "202"): {
        **_JOB,
        **_NEWEST,
        "token": ("showToken", {"token_id": _ID}),
        "rejected": ("reportRejected", {"token_id": _ID}),
        "cancel": ("cancelJob", {"job_id": _ID}),
        "retry": ("retryJob", {"job_id": _ID}),
        "subjectTokens": ("listSubjectTokens", {name: _PLACE[name] for name in ("subject", "environment", "domain")}),
        "subjectToken": ("showSubjectToken", _PLACE),
        "subjectSecret": ("collectSubjectToken", _PLACE),
        "subjectJobs": ("listSubjectJobs", {"subject": _PLACE["subject"]}),
        "audit": ("listAudit", {"subject": _PLACE["subject"]}),
        "receiptKeys": ("showReceiptKeys", {name: _PLACE[name] for name in ("environment", "domain")}),
    },
    ("showSubjectToken", "200"): _NEWEST,
    ("deleteToken", "202"): _JOB_AND_TOKEN,
    ("refreshToken", "202"): _JOB_AND_TOKEN,
    ("reportRejected", "202"): _JOB_AND_TOKEN,
    ("cancelJob", "202"): _JOB,
    ("retryJob", "202"): _JOB,
    ("importTokens", "202"): {**_JOB, "refusals": ("listRefusedLines", {"job_id": _ID})},
    ("putProvider", "200"): {
        "provider": ("showProvider", {"name": "$request.path.name"}),
        "delete": ("deleteProvider", {"name": "$request.path.name"}),
    },
    ("putPolicy", "200"): {
        "policy": ("showPolicy", {"group": "$request.path.group"}),
        "delete": ("deletePolicy", {"group": "$request.path.group"}),
    },
    ("revokeAccess", "201"): {"lift": ("liftRevocation", {"revocation": _ID})},
    **{
        (listing, "200"): {"next": (listing, {"cursor": "$response.body#/cursor"})}
        for listing in ("listProviders", "listPolicies", "listRevocations", "listAudit", "reconcile")
    },
}
"""By operation and status. A parameter whose expression finds nothing, as what a body left out, is left out, too."""


def linked(operation_id: str, answers: dict[str, Any]) -> dict[str, Any]:
    """Return an operation's answers by status, with the links that they have."""
    return {status: _linked(answer, LINKS.get((operation_id, status))) for status, answer in answers.items()}


def _linked(answer: dict[str, Any], targets: dict[str, Target] | None) -> dict[str, Any]:
    if targets is None:
        return answer
    links = {
        name: {"operationId": target, "parameters": dict(parameters)}
        for name, (target, parameters) in sorted(targets.items())
    }
    return {**answer, "links": links}  # a copy: several operations have the same answer
