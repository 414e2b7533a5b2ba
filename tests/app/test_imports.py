"""Imports by Chalice's test client, over a real table and bucket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.model.imports import line_id
from chalicelib.process.messages import write_message
from tests.app.service import HOOK, ROOT, a_subject
from tests.chalicelib.process.many import a_file, a_line

if TYPE_CHECKING:
    from tests.app.service import Answer, Service

LINES = {"Content-Type": "application/x-ndjson"}
OTHER = ("other-hook", ("producer",))


def post(service: Service, content: bytes, who: Any = HOOK, **headers: str) -> Answer:
    return service.ask("POST", "/imports", who, body=content, headers={**LINES, **headers})


def work(service: Service, job_id: str) -> None:
    answer = service.invoke("work", {"Records": [{"messageId": "m", "body": write_message(job_id)}]})
    assert answer == {"batchItemFailures": []}


def files(service: Service) -> list[str]:
    bucket = service.wired.settings.imports_bucket
    return [one["Key"] for one in service.cloud.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_a_body_of_lines_is_accepted_done_and_its_tokens_are_like_any_other(service: Service) -> None:
    subject = a_subject()
    content = b"\n".join([a_line(1, subject=subject), b"{}", a_line(3, subject=subject, provider="slack")])

    accepted = post(service, content)
    job_id = accepted.body["id"]
    path = f"/jobs/{job_id}"
    before = service.ask("GET", path, HOOK)
    work(service, job_id)
    after = service.ask("GET", path, HOOK)

    assert (accepted.status, accepted.headers["location"]) == (202, path)
    assert accepted.body["links"] == {"self": path, "refusals": f"/imports/{job_id}/refusals"}
    assert (before.body["status"], before.body["input"]) == ("PENDING", {"source": "body", "bytes": len(content)})
    assert (after.body["status"], after.body["type"]) == ("SUCCEEDED", "token.import")
    refusal = {"line": 2, "code": "invalid_body", "field": "subject", "rule": "required"}
    assert after.body["result"] == {"lines": 3, "stored": 2, "refused": 1, "refusals": [refusal]}
    assert after.body["progress"] == {"done": 3, "total": 3, "note": "2 stored, 1 refused"}
    listed = service.ask("GET", f"/imports/{job_id}/refusals", HOOK)
    assert listed.body == {"items": [refusal], "cursor": None}
    me, token_id = (subject, ("consumer",)), line_id(job_id, 3)
    assert service.ask("GET", f"/jobs/{token_id}", me).body["result"] == {"current": True}
    collected = service.ask("GET", f"/subjects/{subject}/tokens/slack/secret", me)
    assert (collected.body["id"], collected.body["access_token"]) == (token_id, "invented-3")
    assert service.ask("GET", f"/tokens/{token_id}/secret", me).status == 200
    deleted = service.ask("DELETE", f"/tokens/{token_id}", me)
    assert deleted.status == 202
    assert service.ask("GET", f"/tokens/{token_id}/secret", me).refusal == (410, "token_revoked")
    assert service.ask("GET", f"/subjects/{subject}/tokens/slack/secret", me).refusal == (410, "token_revoked")
    assert not [key for key in files(service) if key.endswith(job_id)]


def test_the_same_key_and_lines_are_one_import_and_leave_one_file(service: Service) -> None:
    left = len(files(service))
    key = {"Idempotency-Key": a_subject()}

    first, again = (post(service, a_file(2), **key) for _ in range(2))
    other = post(service, a_file(3), **key)

    assert (first.status, again.body) == (202, first.body)
    assert other.refusal == (422, "idempotency_key_reused")
    assert len(files(service)) == left + 1
    work(service, first.body["id"])
    assert service.ask("GET", first.headers["location"], HOOK).body["result"]["stored"] == 2
    assert len(files(service)) == left


def test_one_key_may_be_used_for_a_token_and_for_an_import(service: Service) -> None:
    key = {"Idempotency-Key": a_subject()}

    token = service.ask("POST", "/tokens", HOOK, body=json.loads(a_line(1)), headers=key)
    many = post(service, a_line(1), **key)

    assert (token.status, many.status) == (202, 202)
    assert token.body["id"] != many.body["id"]


def test_two_requesters_with_one_key_have_two_imports(service: Service) -> None:
    key = {"Idempotency-Key": a_subject()}

    assert post(service, a_file(1), **key).body["id"] != post(service, a_file(1), OTHER, **key).body["id"]


@pytest.mark.parametrize(
    ("content", "headers", "refusal"),
    [
        (b"", {}, (400, "invalid_body")),
        (b" \n\r\n", {}, (400, "invalid_body")),
        (b"x" * 4_194_305, {}, (413, "body_too_large")),
        (b"a,b", {"Content-Type": "text/csv"}, (415, "unsupported_media_type")),
        (b"{}", {"Content-Type": "application/json"}, (400, "invalid_body")),
        (b'{"upload": "x"}', {"Content-Type": "application/json"}, (400, "invalid_body")),
        (b'{"upload": "' + b"a" * 26 + b'"}', {"Content-Type": "application/json"}, (404, "file_missing")),
        (b"{}", {"Idempotency-Key": "k" * 256}, (400, "invalid_parameter")),
    ],
)
def test_a_bad_import_is_refused_by_a_problem_and_leaves_no_file(
    service: Service, content: bytes, headers: dict[str, str], refusal: tuple[int, str]
) -> None:
    left = files(service)

    assert post(service, content, **headers).refusal == refusal
    assert files(service) == left


def sent(service: Service, content: bytes, who: Any = HOOK) -> str:
    """Ask for an address and put the file where it leads; test_imports of the stack sends it by the form."""
    upload = service.ask("POST", "/uploads", who)
    assert (upload.status, upload.body["method"], upload.body["largest"]) == (201, "POST", 268_435_456)
    replace_file(service, upload.body["fields"]["key"], content)
    return str(upload.body["id"])


def replace_file(service: Service, key: str, content: bytes) -> None:
    bucket = service.wired.settings.imports_bucket
    service.cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=content)


def accept_upload(service: Service, upload: str, who: Any = HOOK, **headers: str) -> Answer:
    return service.ask("POST", "/imports", who, body={"upload": upload}, headers=headers)


def test_a_file_is_imported_for_whom_it_was_sent_and_for_nobody_else(service: Service) -> None:
    upload = sent(service, a_file(3))

    assert accept_upload(service, upload, OTHER).refusal == (404, "file_missing")
    accepted = accept_upload(service, upload)
    work(service, accepted.body["id"])

    shown = service.ask("GET", accepted.headers["location"], HOOK).body
    assert shown["input"] == {"source": "upload", "bytes": len(a_file(3))}
    assert (shown["status"], shown["result"]["stored"]) == ("SUCCEEDED", 3)


def test_a_file_is_one_import_under_one_key(service: Service) -> None:
    upload, key = sent(service, a_file(1)), {"Idempotency-Key": a_subject()}

    first, again = (accept_upload(service, upload, **key) for _ in range(2))
    other = accept_upload(service, sent(service, a_file(1)), **key)

    assert first.body["id"] == again.body["id"]
    assert other.refusal == (422, "idempotency_key_reused")


def test_a_file_that_was_replaced_after_its_import_was_accepted_fails_the_import(service: Service) -> None:
    upload = service.ask("POST", "/uploads", HOOK).body
    replace_file(service, upload["fields"]["key"], a_file(1))
    accepted = accept_upload(service, upload["id"])
    replace_file(service, upload["fields"]["key"], a_file(2))

    work(service, accepted.body["id"])

    shown = service.ask("GET", accepted.headers["location"], HOOK).body
    assert (shown["status"], shown["error"]["code"]) == ("FAILED", "file_changed")


def test_a_cancelled_import_says_what_became_of_its_tokens(service: Service) -> None:
    job_id = post(service, a_file(1)).body["id"]

    service.ask("POST", f"/jobs/{job_id}/cancel", HOOK)
    work(service, job_id)

    shown = service.ask("GET", f"/jobs/{job_id}", HOOK).body
    note = "The tokens that were stored before stay stored."
    assert shown["result"] == {"reason": "cancelled", "by": "login-hook", "note": note}


def test_refused_lines_are_paged_and_only_for_whom_may_see_the_import(service: Service) -> None:
    job_id = post(service, a_file(7, refused=(1, 3, 4, 6))).body["id"]
    work(service, job_id)
    path = f"/imports/{job_id}/refusals"

    first = service.ask("GET", f"{path}?limit=3", HOOK).body
    rest = service.ask("GET", f"{path}?limit=3&cursor={first['cursor']}", HOOK).body

    assert [one["line"] for one in first["items"] + rest["items"]] == [1, 3, 4, 6]
    assert rest["cursor"] is None
    assert service.ask("GET", path, ROOT).status == 200
    assert service.ask("GET", path, OTHER).refusal == (404, "not_found")
    assert service.ask("GET", f"{path}?cursor=forged!", HOOK).refusal == (400, "invalid_parameter")
    assert service.ask("GET", f"{path}?offset=1", HOOK).refusal == (400, "invalid_parameter")
    token_id = service.hand_in(a_subject())
    assert service.ask("GET", f"/imports/{token_id}/refusals", ROOT).refusal == (404, "not_found")


@pytest.mark.parametrize("path", ["/uploads", "/imports"])
def test_who_may_not_hand_in_may_not_import(service: Service, path: str) -> None:
    assert service.ask("POST", path, (a_subject(), ("consumer",)), body={}).status == 403
