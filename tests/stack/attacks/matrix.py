"""Who may ask what: each operation of the document, with what it is asked for, and one literal line of who may.

An operation that the document has and this table lacks fails tests/stack/attacks/test_matrix.py.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from tests.stack.contract import DOCUMENT
from tests.stack.http import unique
from tests.stack.test_imports import NDJSON, ended

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.stack.http import Answer, Api

EVERYBODY: Final = "everybody"
NOBODY: Final = ""

WHO_MAY: Final[dict[str, tuple[str, str]]] = {
    # operation: (who may with what is its own, who may with another's); an administrator may all of it
    "handInToken": ("producer both", "producer both"),
    "showToken": ("producer consumer both", NOBODY),
    "collectToken": ("consumer", NOBODY),
    "refreshToken": ("consumer", NOBODY),
    "reportRejected": ("consumer", NOBODY),
    "deleteToken": ("consumer", NOBODY),
    "listSubjectTokens": ("consumer both", "environment domain provider"),  # without what lies outside: nothing
    "showSubjectToken": ("consumer both", NOBODY),
    "collectSubjectToken": ("consumer", NOBODY),
    "listJobs": (NOBODY, "environment domain provider"),  # as above
    "listSubjectJobs": ("consumer both", "environment domain provider"),
    "showJob": ("producer consumer both", NOBODY),
    "cancelJob": ("producer consumer both", NOBODY),
    "retryJob": ("producer consumer both", NOBODY),
    "makeUpload": ("producer both", "producer both environment domain provider"),
    "importTokens": ("producer both", "producer both environment domain provider"),  # its lines are refused
    "listRefusedLines": ("producer both", NOBODY),
    "showReceiptKeys": ("producer consumer both", "producer consumer both environment domain provider namesake"),
    "verifyReceipt": ("producer both", NOBODY),
    "issueTicket": ("consumer both", "environment domain provider"),  # whoever comes in by it hears of nothing outside
    "listProviders": (NOBODY, "environment domain provider"),  # as above
    **dict.fromkeys(("showProvider", "putProvider", "deleteProvider"), (NOBODY, NOBODY)),
    **dict.fromkeys(("listPolicies", "showPolicy", "putPolicy", "deletePolicy"), (NOBODY, NOBODY)),
    **dict.fromkeys(("revokeAccess", "listRevocations", "liftRevocation"), (NOBODY, NOBODY)),
    **dict.fromkeys(("explainAccess", "listAudit", "reconcile"), (NOBODY, NOBODY)),
    **dict.fromkeys(("health", "openapi"), (EVERYBODY, EVERYBODY)),
}

LITTLE: Final = {"statements": [{"effect": "Allow", "methods": ["GET"], "paths": ["/jobs/*"]}]}
PROVIDER: Final = {"client_id": "c", "auth_method": "none", "token_endpoint": "http://127.0.0.1:9/token"}


@dataclass(frozen=True, kw_only=True)
class Thing:
    """All that somebody has: tokens, their jobs and receipt, an import; and settings that are about nobody else."""

    subject: str
    requester: str
    secret: str
    token_id: str
    doomed_id: str
    """Another token of the subject, to be deleted."""
    import_id: str
    receipt: str
    body: dict[str, Any]
    name: str
    group: str
    revocation: str

    @property
    def told(self) -> tuple[str, ...]:
        """What no answer to somebody else may hold."""
        return (self.secret, self.token_id, self.doomed_id, self.import_id, self.requester)

    @property
    def traces(self) -> tuple[str, ...]:
        """What an item of its holds."""
        return (*self.told[1:], self.subject, self.name, self.group, self.revocation)


def make(api: Api, name: str) -> Thing:
    """Make all of it, and wait for none but the import."""
    subject, requester, secret = unique(name), unique(f"{name}-hook"), f"{name}-secret-{secrets.token_hex(8)}"
    hook = api.bearer(requester, "producer")
    body = {"subject": subject, "provider": "google", "token": {"access_token": secret}}
    doomed = api.post("/tokens", hook, body={**body, "provider": "doomed"})
    token = api.post("/tokens", hook, body=body)
    lines = b"\n".join([json.dumps({**body, "provider": "imported"}).encode(), b"no json"])
    job = ended(api, api.post("/imports", hook, body=lines, headers=NDJSON), hook)
    provider, group = f"p-{secrets.token_hex(6)}", f"g-{secrets.token_hex(6)}"
    assert api.put(f"/providers/{provider}", api.admin, body=PROVIDER).status == 200
    assert api.put(f"/policies/{group}", api.admin, body=LITTLE).status == 200
    revoked = api.post("/revocations", api.admin, body={"principal": unique(f"{name}-revoked")})
    return Thing(
        subject=subject,
        requester=requester,
        secret=secret,
        token_id=token.json["id"],
        doomed_id=doomed.json["id"],
        import_id=job["id"],
        receipt=token.json["receipt"],
        body=body,
        name=provider,
        group=group,
        revocation=revoked.json["id"],
    )


BODIES: Final[dict[str, Callable[[Thing], Any]]] = {
    "handInToken": lambda thing: {**thing.body, "provider": "more"},
    "reportRejected": lambda _: {"generation": 1},
    "putProvider": lambda _: PROVIDER,
    "putPolicy": lambda _: LITTLE,
    "importTokens": lambda thing: json.dumps({**thing.body, "provider": "more"}).encode(),
    "verifyReceipt": lambda thing: {"receipt": thing.receipt, "body": thing.body},
    "revokeAccess": lambda thing: {"principal": f"{thing.subject}-nobody"},
    "explainAccess": lambda thing: {
        "principal": thing.subject,
        "groups": ["consumer"],
        "method": "GET",
        "path": f"/tokens/{thing.token_id}",
    },
    "issueTicket": lambda thing: {"subject": thing.subject},
}
"""What would do it, so that nothing but the caller is refused."""

QUERIES: Final = {"listJobs": "subject", "listAudit": "subject"}


def operations() -> list[tuple[str, str, str]]:
    """Return each operation of the document: its id, method and path's template; what deletes comes last."""
    found = [
        (operation["operationId"], method.upper(), template)
        for template, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    ]
    return sorted(found, key=lambda one: one[1] == "DELETE")


def path_of(template: str, thing: Thing, *, doomed: bool = False) -> str:
    """Fill a path with what is somebody's."""
    job_id = thing.import_id if template.startswith("/imports") else thing.token_id
    values = {
        "token_id": thing.doomed_id if doomed else thing.token_id,
        "job_id": job_id,
        "subject": quote(thing.subject, safe=""),
        "provider": "google",
        "name": thing.name,
        "group": thing.group,
        "revocation": thing.revocation,
    }
    return template.format(**values)


def ask(api: Api, operation: tuple[str, str, str], bearer: str | None, thing: Thing) -> Answer:
    """Ask for an operation on somebody's things."""
    name, method, template = operation
    path = path_of(template, thing, doomed=name == "deleteToken")
    if name in QUERIES:
        path += f"?{QUERIES[name]}={quote(thing.subject, safe='')}"
    body = BODIES[name](thing) if name in BODIES else None
    return api.call(method, path, bearer, body=body, headers=NDJSON if name == "importTokens" else None)
