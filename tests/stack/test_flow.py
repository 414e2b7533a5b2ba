from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devtool.testing import LiveCloud, wait_for
from tests.stack import stored
from tests.stack.http import Api, at, hand_in, unique

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def paused(cloud: LiveCloud, function: str) -> Iterator[None]:
    """Let nobody invoke a function meanwhile; what is on the stream waits."""
    functions, name = cloud.client("lambda"), cloud.function_name(function)
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        yield
    finally:
        functions.delete_function_concurrency(FunctionName=name)


def has_ended(api: Api, job_id: str) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        job: dict[str, Any] = api.get(f"/jobs/{job_id}", api.admin).json
        return job if job["status"] in ("SUCCEEDED", "FAILED", "CANCELLED") else None

    result: dict[str, Any] = wait_for(ended, 20)
    return result


def test_a_token_handed_in_is_answered_202_with_its_links(api: Api) -> None:
    subject = unique("links")

    answer = api.post("/tokens", api.producer, body=hand_in(subject, metadata={}))

    assert answer.status == 400, "metadata belongs beside the token"
    answer = api.post("/tokens", api.producer, body={**hand_in(subject), "metadata": {"shop": "de"}})
    assert answer.status == 202
    assert answer.headers["location"] == f"/jobs/{answer.json['id']}"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json["status"] == "PENDING"
    assert answer.json["links"] == {
        "self": f"/jobs/{answer.json['id']}",
        "token": f"/tokens/{answer.json['id']}",
        "secret": f"/tokens/{answer.json['id']}/secret",
    }


def test_a_secret_is_readable_while_its_job_is_pending(api: Api, cloud: LiveCloud) -> None:
    subject = unique("pending")
    with paused(cloud, "advance"):
        token_id = api.hand_in(subject, access_token="given before it was settled")

        job = api.get(f"/jobs/{token_id}", api.producer)
        secret = api.get(f"/tokens/{token_id}/secret", api.consumer(subject))
        by_subject = api.get(at(subject, "google"), api.consumer(subject))

    assert job.json["status"] == "PENDING"
    assert secret.status == 200
    assert secret.json["access_token"] == "given before it was settled"
    assert by_subject.status == 404
    assert cloud.settle()
    assert api.get(f"/jobs/{token_id}", api.producer).json["status"] == "SUCCEEDED"


def test_a_settled_token_is_found_by_its_id_and_by_its_subject(api: Api, cloud: LiveCloud) -> None:
    subject = unique("settled")
    consumer = api.consumer(subject)

    token_id = api.hand_in(subject, access_token="the one of google", scope="read", expires_in=3600)
    assert cloud.settle()

    job = api.get(f"/jobs/{token_id}", api.producer).json
    assert (job["status"], job["type"], job["rev"], job["attempts"]) == ("SUCCEEDED", "token.store", 2, 1)
    assert job["result"] == {"current": True}
    record = api.get(f"/tokens/{token_id}", consumer).json
    assert (record["status"], record["subject"], record["scope"]) == ("ACTIVE", subject, "read")
    assert api.get(at(subject, "google"), consumer).json == record
    assert api.get(at(subject), consumer).json == {"items": [record], "cursor": None}
    assert api.get(at(subject, "google", "secret"), consumer).json["access_token"] == "the one of google"
    assert api.get(f"/tokens/{token_id}", api.producer).json == record


def test_a_list_goes_by_pages_and_ends(api: Api, cloud: LiveCloud) -> None:
    subject, names = unique("pages"), ["apple", "bitbucket", "github", "google", "slack"]
    for name in reversed(names):
        api.hand_in(subject, name)
    api.hand_in(unique("pages"), "apple")
    assert cloud.settle()

    pages, cursor = [], ""
    while True:
        page = api.get(f"{at(subject)}?limit=2{cursor}", api.consumer(subject)).json
        pages.append([item["provider"] for item in page["items"]])
        if page["cursor"] is None:
            break
        cursor = f"&cursor={page['cursor']}"

    assert pages == [names[0:2], names[2:4], names[4:5]]


def test_environments_and_domains_are_apart(api: Api, cloud: LiveCloud) -> None:
    subject = unique("apart")
    consumer = api.consumer(subject)
    for domain in ("shop-a", "shop-b"):
        body = {**hand_in(subject, access_token=f"for {domain}"), "environment": "staging", "domain": domain}
        assert api.post("/tokens", api.producer, body=body).status == 202
    assert cloud.settle()

    place = f"{at(subject, 'google', 'secret')}?environment=staging&domain="
    assert api.get(f"{place}shop-a", consumer).json["access_token"] == "for shop-a"
    assert api.get(f"{place}shop-b", consumer).json["access_token"] == "for shop-b"
    assert api.get(f"{place}shop-c", consumer).status == 404
    assert api.get(at(subject, "google", "secret"), consumer).status == 404


def test_a_deleted_token_is_gone_at_once_and_its_secret_is_erased(api: Api, cloud: LiveCloud) -> None:
    subject = unique("deleted")
    consumer = api.consumer(subject)
    token_id = api.hand_in(subject)
    assert cloud.settle()
    assert "sealed" in stored.job(cloud, token_id)

    deletion = api.delete(f"/tokens/{token_id}", consumer)

    for path in (f"/tokens/{token_id}/secret", at(subject, "google", "secret")):
        assert (api.get(path, consumer).status, api.get(path, consumer).code) == (410, "token_revoked")
    for path in (f"/tokens/{token_id}", at(subject, "google")):
        assert api.get(path, consumer).json["status"] == "REVOKED"
    assert deletion.status == 202
    assert deletion.headers["location"] == f"/jobs/{deletion.json['id']}"
    job = has_ended(api, deletion.json["id"])
    assert (job["status"], job["type"], job["result"]) == ("SUCCEEDED", "token.revoke", {"erased": True})
    assert job["input"]["token_id"] == token_id
    assert "sealed" not in stored.job(cloud, token_id)
    assert api.get(f"/tokens/{token_id}/secret", consumer).status == 410


def test_a_token_deleted_twice_has_one_deletion(api: Api, cloud: LiveCloud) -> None:
    subject = unique("twice")
    token_id = api.hand_in(subject)
    assert cloud.settle()

    first = api.delete(f"/tokens/{token_id}", api.consumer(subject))
    second = api.delete(f"/tokens/{token_id}", api.consumer(subject))

    assert first.status == second.status == 202
    assert first.json["id"] == second.json["id"]


def test_a_token_deleted_before_it_was_settled_never_becomes_current(api: Api, cloud: LiveCloud) -> None:
    subject = unique("early")
    with paused(cloud, "advance"):
        token_id = api.hand_in(subject)
        deletion = api.delete(f"/tokens/{token_id}", api.consumer(subject))
        assert api.get(f"/tokens/{token_id}/secret", api.consumer(subject)).status == 410
    assert cloud.settle()

    job = has_ended(api, token_id)
    assert (job["status"], job["result"]) == ("CANCELLED", {"reason": "token_deleted"})
    assert has_ended(api, deletion.json["id"])["status"] == "SUCCEEDED"
    assert "sealed" not in stored.job(cloud, token_id)
    assert api.get(at(subject, "google"), api.consumer(subject)).json["status"] == "REVOKED"
    assert api.get(at(subject, "google", "secret"), api.consumer(subject)).status == 410


def test_the_contract_that_is_served_is_the_one_that_is_committed(api: Api) -> None:
    answer = api.get("/openapi.json")

    assert answer.status == 200
    assert answer.json == json.loads((Path(__file__).parents[2] / "openapi.json").read_text(encoding="utf-8"))


def test_health_needs_no_bearer(api: Api) -> None:
    answer = api.get("/health")

    assert answer.status == 200
    assert answer.json == {"status": "ok", "checks": {"table": "ok"}}
