"""What makes each function of the API's side use a right that it has, and what is seen without it.

A probe acts and returns what somebody outside sees: a status, or a word.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.stack import stored
from tests.stack.bench import Bench, a_domain
from tests.stack.http import at, unique

if TYPE_CHECKING:
    from collections.abc import Callable

NDJSON = {"Content-Type": "application/x-ndjson"}


@dataclass(frozen=True, slots=True)
class Probe:
    """`works` is what `act` returns with all rights, `breaks` what without the one that it is about."""

    act: Callable[[Bench], object]
    works: object
    breaks: object


def lines(*subjects: str, domain: str = "default") -> bytes:
    body = {"provider": "google", "domain": domain, "token": {"access_token": "invented"}}
    return b"".join(json.dumps({**body, "subject": subject}).encode() + b"\n" for subject in subjects)


def accept(bench: Bench) -> int:
    return bench.hand_in(unique("right")).status


def accept_in_a_new_domain(bench: Bench) -> int:
    return bench.hand_in(unique("right"), domain=a_domain()).status


def accept_in_a_new_process(bench: Bench) -> int:
    """Hand two tokens in, of which the second is sealed by another process under the same key."""
    domain = a_domain()
    assert bench.hand_in(unique("right"), domain=domain).status == 202
    bench.start_anew("api_handler")
    return bench.hand_in(unique("right"), domain=domain).status


def show(bench: Bench) -> int:
    subject = unique("right")
    token_id = bench.hand_in(subject).json["id"]
    return bench.api.get(f"/tokens/{token_id}", bench.api.consumer(subject)).status


def collect_by_place(bench: Bench) -> int:
    _, subject = bench.stored_token()
    return bench.api.get(at(subject, "google", "secret"), bench.api.consumer(subject)).status


def collect_in_a_new_process(bench: Bench) -> int:
    """Read a version of a key that is not the one which seals: by GetItem."""
    token_id, subject = bench.stored_token(domain=a_domain())
    bench.start_anew("api_handler")
    return bench.api.get(f"/tokens/{token_id}/secret", bench.api.consumer(subject)).status


def list_tokens(bench: Bench) -> int:
    subject = unique("right")
    return bench.api.get(at(subject), bench.api.consumer(subject)).status


def list_providers(bench: Bench) -> int:
    return bench.api.get("/providers", bench.api.admin).status


def list_refusals(bench: Bench) -> int:
    job_id = bench.api.post("/imports", bench.api.producer, body=b"no json\n", headers=NDJSON).json["id"]
    assert bench.ends(job_id) == "SUCCEEDED"
    return bench.api.get(f"/imports/{job_id}/refusals", bench.api.producer).status


def health(bench: Bench) -> int:
    return bench.api.get("/health").status


def ticket(bench: Bench) -> int:
    return bench.api.post("/tickets", bench.api.producer, body={}).status


def jobs_of_a_subject(bench: Bench) -> int:
    _, subject = bench.stored_token()
    return bench.api.get(f"/jobs?subject={quote(subject)}", bench.api.admin).status


def jobs(query: str) -> Callable[[Bench], int]:
    return lambda bench: bench.api.get(f"/jobs{query}", bench.api.admin).status


def delete(bench: Bench) -> int:
    subject = unique("right")
    token_id = bench.hand_in(subject).json["id"]
    return bench.api.delete(f"/tokens/{token_id}", bench.api.consumer(subject)).status


def delete_current(bench: Bench) -> int:
    token_id, subject = bench.stored_token()
    return bench.api.delete(f"/tokens/{token_id}", bench.api.consumer(subject)).status


def delete_provider(bench: Bench) -> int:
    return bench.api.delete(f"/providers/{bench.provider()}", bench.api.admin).status


def import_lines(bench: Bench) -> int:
    return bench.api.post("/imports", bench.api.producer, body=lines(unique("right")), headers=NDJSON).status


def import_a_file(bench: Bench) -> int:
    form = bench.api.post("/uploads", bench.api.producer).json
    key = form["fields"]["key"]
    bench.cloud.client("s3").put_object(Bucket=bucket(bench), Key=key, Body=lines(unique("right")))
    return bench.api.post("/imports", bench.api.producer, body={"upload": form["id"]}).status


def import_again(bench: Bench) -> str:
    """Ask twice with one key: what the second request brought is forgotten."""
    content, headers = lines(unique("right")), {**NDJSON, "Idempotency-Key": secrets.token_hex(8)}
    sent = [bench.api.post("/imports", bench.api.producer, body=content, headers=headers).status for _ in range(2)]
    assert sent == [202, 202]
    written = [one for one in bench.record.since(bench.mark, "api_handler") if one.action == "s3:PutObject"]
    return "left" if is_there(bench, written[-1].resource.removeprefix("${Imports.Arn}/")) else "forgotten"


def bucket(bench: Bench) -> str:
    settings = bench.cloud.client("lambda").get_function_configuration(
        FunctionName=bench.cloud.function_name("api_handler")
    )
    return str(settings["Environment"]["Variables"]["IMPORTS_BUCKET"])


def is_there(bench: Bench, key: str) -> bool:
    found = bench.cloud.client("s3").list_objects_v2(Bucket=bucket(bench), Prefix=key)
    return bool(found.get("Contents"))


def admit(bench: Bench) -> int:
    """Ask with a group that no authorizer has heard of: 404 for who is let in."""
    group = f"g{secrets.token_hex(6)}"
    item = stored.item(bench.cloud, "POLICIES", "POLICY#admin")
    item["sk"]["S"] = f"POLICY#{group}"
    item["policy"]["M"]["group"]["S"] = group
    bench.cloud.client("dynamodb").put_item(TableName=bench.cloud.table, Item=item)
    return _asking(bench, group)


def admit_in_a_new_process(bench: Bench) -> int:
    """Ask an authorizer that knows nothing yet of whose access was ended."""
    bench.start_anew("authorize")
    return _asking(bench, "admin")


def admit_by_the_shared_keys(bench: Bench) -> str:
    """Ask a new authorizer, which has none of the issuer's keys in memory: `alone` if it goes to the issuer."""
    assert _asking(bench, "admin") == 404
    wait_shared = bench.record.mark()
    bench.start_anew("authorize")
    assert _asking(bench, "admin") == 404
    fetched = [one for one in bench.record.since(wait_shared, "authorize") if one.action == "http:GET"]
    return "alone" if fetched else "shared"


def admit_by_keys_to_be_shared(bench: Bench) -> str:
    """Ask a new authorizer where nobody has the issuer's keys."""
    table = bench.cloud.client("dynamodb")
    for key in _shared(bench):
        table.delete_item(TableName=bench.cloud.table, Key=key)
    bench.start_anew("authorize")
    assert _asking(bench, "admin") == 404
    return "kept" if _shared(bench) else "not kept"


def _asking(bench: Bench, group: str) -> int:
    return bench.api.get("/jobs/" + "a" * 26, bench.cloud.token(unique("right"), [group])).status


def _shared(bench: Bench) -> list[stored.Item]:
    found = bench.cloud.client("dynamodb").query(
        TableName=bench.cloud.table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "CACHE"}},
        ProjectionExpression="pk, sk",
        ConsistentRead=True,
    )
    return list(found["Items"])
