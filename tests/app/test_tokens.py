"""The token routes by Chalice's test client, over a real table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.app.service import HOOK, ROOT, a_body, a_subject

if TYPE_CHECKING:
    from tests.app.service import Service

NOWHERE = "a" * 26


def test_a_token_is_handed_in_shown_and_collected(service: Service) -> None:
    subject = a_subject()
    handed = service.ask(
        "POST", "/tokens", HOOK, body={**a_body(subject, token_type="Bearer", expires_in=3_600), "metadata": {"a": "b"}}
    )
    token_id = handed.body["id"]

    shown = service.ask("GET", f"/tokens/{token_id}", HOOK)
    collected = service.ask("GET", f"/tokens/{token_id}/secret", (subject, ("consumer",)))

    assert (handed.status, handed.headers["location"]) == (202, f"/jobs/{token_id}")
    assert (handed.body["status"], handed.headers["cache-control"]) == ("PENDING", "no-store")
    assert (shown.status, shown.body["subject"], shown.body["metadata"]) == (200, subject, {"a": "b"})
    assert b"ya29" not in shown.raw + handed.raw
    assert (collected.status, collected.body["access_token"], collected.body["token_type"]) == (
        200,
        "ya29.opaque",
        "Bearer",
    )
    assert 3_590 <= collected.body["expires_in"] <= 3_600


def test_the_newest_token_of_a_provider_is_found_by_its_subject(service: Service) -> None:
    subject = a_subject()
    me = (subject, ("consumer",))
    service.settle(service.hand_in(subject, access_token="first"), service.hand_in(subject, access_token="second"))
    service.settle(service.hand_in(subject, "slack", access_token="other"))
    path = f"/subjects/{subject.replace('|', '%7C')}/tokens"

    listed = service.ask("GET", path, me)
    shown = service.ask("GET", f"{path}/google", me)
    collected = service.ask("GET", f"{path}/google/secret?min_ttl=60", me)

    assert [item["provider"] for item in listed.body["items"]] == ["google", "slack"]
    assert listed.body["cursor"] is None
    assert (shown.status, shown.body["id"]) == (200, collected.body["id"])
    assert collected.body["access_token"] == "second"


def test_a_list_is_paged_by_its_cursor(service: Service) -> None:
    subject = a_subject()
    me = (subject, ("consumer",))
    service.settle(*(service.hand_in(subject, provider) for provider in ("a", "b", "c")))
    seen: list[str] = []
    query = "?limit=2"
    for _ in range(2):
        page = service.ask("GET", f"/subjects/{subject}/tokens{query}", me)
        seen += [item["provider"] for item in page.body["items"]]
        query = f"?limit=2&cursor={page.body['cursor']}"

    assert seen == ["a", "b", "c"]
    assert page.body["cursor"] is None


def test_a_token_in_another_environment_and_domain_is_another(service: Service) -> None:
    subject = a_subject()
    body = {**a_body(subject), "environment": "staging", "domain": "shop"}
    service.settle(service.ask("POST", "/tokens", HOOK, body=body).body["id"])
    path = f"/subjects/{subject}/tokens/google"

    assert service.ask("GET", path, (subject, ("consumer",))).refusal == (404, "not_found")
    assert service.ask("GET", f"{path}?environment=staging&domain=shop", (subject, ("consumer",))).status == 200


def test_a_deleted_token_is_gone_at_once(service: Service) -> None:
    subject = a_subject()
    me = (subject, ("consumer",))
    token_id = service.hand_in(subject)
    service.settle(token_id)

    deleted = service.ask("DELETE", f"/tokens/{token_id}", me)
    again = service.ask("DELETE", f"/tokens/{token_id}", me)

    assert (deleted.status, deleted.body["links"]["token"]) == (202, f"/tokens/{token_id}")
    assert again.body["id"] == deleted.body["id"]
    assert service.ask("GET", f"/tokens/{token_id}/secret", me).refusal == (410, "token_revoked")
    assert service.ask("GET", f"/subjects/{subject}/tokens/google/secret", me).refusal == (410, "token_revoked")
    assert service.ask("GET", f"/tokens/{token_id}", me).body["status"] == "REVOKED"
    assert service.ask("GET", f"/jobs/{deleted.body['id']}", me).body["type"] == "token.revoke"


def test_an_expired_token_is_gone_and_a_short_one_too_short(service: Service) -> None:
    subject = a_subject()
    me = (subject, ("consumer",))
    expired = service.hand_in(subject, expires_at="2020-01-01T00:00:00Z")
    short = service.hand_in(subject, expires_in=60)

    assert service.ask("GET", f"/tokens/{expired}/secret", me).refusal == (410, "token_expired")
    refused = service.ask("GET", f"/tokens/{short}/secret?min_ttl=120", me)
    assert refused.refusal == (409, "token_too_short_lived")
    assert refused.body["min_ttl"] == 120


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_an_expiry_at_the_edge_of_the_calendar_can_still_be_shown(service: Service, moment: str) -> None:
    token_id = service.hand_in(a_subject(), expires_at=moment)

    assert service.ask("GET", f"/tokens/{token_id}", HOOK).status == 200


def test_the_same_key_and_body_are_one_job_and_another_body_is_refused(service: Service) -> None:
    subject = a_subject()
    key = {"Idempotency-Key": f"login {subject}"}

    first, again = (service.ask("POST", "/tokens", HOOK, body=a_body(subject), headers=key) for _ in range(2))
    other = service.ask("POST", "/tokens", HOOK, body=a_body(subject, "slack"), headers=key)

    assert first.body == again.body
    assert other.refusal == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("body", "headers", "refusal"),
    [
        (b"", {}, (400, "invalid_body")),
        (b"not json", {}, (400, "invalid_body")),
        ({"subject": "a"}, {}, (400, "invalid_body")),
        ({**a_body("a"), "unknown": 1}, {}, (400, "invalid_body")),
        (a_body("a/b"), {}, (400, "invalid_body")),
        (b" " * 65_537, {}, (413, "body_too_large")),
        (a_body("a"), {"Content-Type": "text/plain"}, (415, "unsupported_media_type")),
        (a_body("a"), {"Idempotency-Key": "k" * 256}, (400, "invalid_parameter")),
    ],
)
def test_a_bad_hand_in_is_refused_by_a_problem(
    service: Service, body: Any, headers: dict[str, str], refusal: tuple[int, str]
) -> None:
    assert service.ask("POST", "/tokens", HOOK, body=body, headers=headers).refusal == refusal


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        (f"/tokens/{NOWHERE}", (404, "not_found")),
        (f"/tokens/{NOWHERE}/secret", (404, "not_found")),
        ("/tokens/not-an-id", (404, "not_found")),
        (f"/jobs/{NOWHERE}", (404, "not_found")),
        ("/jobs/not-an-id", (404, "not_found")),
        ("/subjects/jane/tokens/google", (404, "not_found")),
        ("/subjects/jane/tokens/google/secret", (404, "not_found")),
        ("/subjects/jane/tokens/No%20Provider", (404, "not_found")),
        ("/subjects/jane/tokens/Google", (400, "invalid_parameter")),
        ("/subjects/jane/tokens?limit=0", (400, "invalid_parameter")),
        ("/subjects/jane/tokens?cursor=forged!", (400, "invalid_parameter")),
        ("/subjects/jane/tokens?environment=No", (400, "invalid_parameter")),
        ("/subjects/jane/tokens?mint_tll=1", (400, "invalid_parameter")),
        (f"/tokens/{NOWHERE}/secret?min_ttl=-1", (400, "invalid_parameter")),
        (f"/tokens/{NOWHERE}?min_ttl=1", (400, "invalid_parameter")),
        (f"/jobs/{NOWHERE}?limit=1", (400, "invalid_parameter")),
    ],
)
def test_what_is_not_there_or_not_asked_for_rightly_is_refused(
    service: Service, path: str, refusal: tuple[int, str]
) -> None:
    assert service.ask("GET", path, ROOT).refusal == refusal


def test_somebody_elses_token_is_not_found_like_one_that_does_not_exist(service: Service) -> None:
    token_id = service.hand_in(a_subject())
    stranger = (a_subject(), ("consumer",))

    for path in (f"/tokens/{token_id}", f"/tokens/{token_id}/secret", f"/jobs/{token_id}"):
        found = service.ask("GET", path, stranger)
        missing = service.ask("GET", path.replace(token_id, NOWHERE), stranger)
        assert (found.refusal, found.raw) == ((404, "not_found"), missing.raw)
    assert service.ask("DELETE", f"/tokens/{token_id}", stranger).refusal == (404, "not_found")


def test_a_producer_sees_its_jobs_and_no_secret(service: Service) -> None:
    token_id = service.hand_in(a_subject())

    assert service.ask("GET", f"/jobs/{token_id}", HOOK).status == 200
    assert service.ask("GET", f"/tokens/{token_id}/secret", HOOK).status == 403
