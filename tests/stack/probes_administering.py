"""The same of policies, revocations, the audit, and of what is seldom met: an odd key, an odd place. See `probes`."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.stack import stored
from tests.stack.bench import Bench, a_domain
from tests.stack.http import at, unique

if TYPE_CHECKING:
    from collections.abc import Callable

READS = {"statements": [{"effect": "Allow", "methods": ["GET", "POST"], "paths": ["/jobs", "/tickets"]}]}


def write_policies(bench: Bench) -> list[int]:
    """Give a group a policy, show it, list all, take it away."""
    path = f"/policies/g{secrets.token_hex(6)}"
    put = bench.api.put(path, bench.api.admin, body=READS)
    shown, listed = (bench.api.get(one, bench.api.admin) for one in (path, "/policies"))
    return [put.status, shown.status, listed.status, bench.api.delete(path, bench.api.admin).status]


def ask_after_a_policy_has_changed(bench: Bench) -> int:
    """Ask twice with one bearer: the gateway keeps the authorizer's answer, so that the API looks the policy up."""
    group = f"g{secrets.token_hex(6)}"
    assert bench.api.put(f"/policies/{group}", bench.api.admin, body=READS).status == 200
    bearer = bench.cloud.token(unique("right"), [group])
    assert bench.api.post("/tickets", bearer, body={}).status == 201
    assert bench.api.put(f"/policies/{group}", bench.api.admin, body=READS).status == 200
    return bench.api.post("/tickets", bearer, body={}).status


def revoke_and_lift(bench: Bench) -> list[int]:
    """End an access twice, list whose was, give it back."""
    body = {"principal": unique("right")}
    first, again = (bench.api.post("/revocations", bench.api.admin, body=body) for _ in range(2))
    listed = bench.api.get("/revocations", bench.api.admin)
    path = f"/revocations/{quote(first.json['id'], safe='')}"
    return [first.status, again.status, listed.status, bench.api.delete(path, bench.api.admin).status]


def audit(query: str) -> Callable[[Bench], int]:
    return lambda bench: bench.api.get(f"/audit{query}", bench.api.admin).status


def reconcile(bench: Bench) -> int:
    bench.stored_token()
    return bench.api.get("/audit/reconcile", bench.api.admin).status


def explain_a_bearer(bench: Bench) -> int:
    """Have the API look for an issuer's keys. Each function has an issuer's address of its own here: it finds none."""
    body = {"method": "GET", "path": "/jobs", "bearer": bench.cloud.token(unique("right"), ["consumer"])}
    return bench.api.post("/authz/explain", bench.api.admin, body=body).status


def delete_what_no_place_shows(bench: Bench) -> int:
    """Delete a token that is not settled, as far as its place tells: the place is marked by a Put."""
    token_id, subject = bench.stored_token()
    place = stored.current(bench.cloud, subject)
    bench.cloud.client("dynamodb").delete_item(TableName=bench.cloud.table, Key={"pk": place["pk"], "sk": place["sk"]})
    assert bench.api.get(at(subject, "google"), bench.api.consumer(subject)).status == 404
    return bench.api.delete(f"/tokens/{token_id}", bench.api.consumer(subject)).status


def publish_a_key_from_before_receipts(bench: Bench) -> int:
    """Ask for the public keys of a domain whose key was made by a version that kept none."""
    domain = a_domain()
    bench.stored_token(domain=domain)
    bench.cloud.client("dynamodb").update_item(
        TableName=bench.cloud.table,
        Key={"pk": {"S": f"BRANCH#default#{domain}"}, "sk": {"S": f"VERSION#{1:010d}"}},
        UpdateExpression="REMOVE receipt_key",
    )
    return bench.api.get(f"/receipts/jwks.json?domain={domain}", bench.api.producer).status
