"""Who did what, as administrators are told: over a real table, by Chalice's test client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from chalicelib.errors import Unavailable
from chalicelib.store import keys
from tests.app.service import HOOK, ROOT, a_body, a_subject

if TYPE_CHECKING:
    from tests.app.service import Service

NOWHERE = "a" * 26


def audited(service: Service, **narrowed: str) -> list[dict[str, Any]]:
    """Return the audit's entries, oldest first."""
    query = "&".join(f"{name}={quote(text, safe='')}" for name, text in narrowed.items())
    answer = service.ask("GET", f"/audit?{query}", ROOT)
    assert answer.status == 200, answer.raw
    return list(reversed(answer.body["items"]))


def told(service: Service, subject: str) -> list[tuple[str, str, str | None]]:
    return [(one["event"], one["principal"], one.get("code")) for one in audited(service, subject=subject)]


def test_the_whole_life_of_a_token_is_told_of_and_by_whom(service: Service) -> None:
    subject = a_subject()
    me, stranger = (subject, ("consumer",)), (a_subject(), ("consumer",))
    token_id = service.hand_in(subject)
    service.settle(token_id)
    path = f"/subjects/{quote(subject, safe='')}/tokens/google"

    service.ask("GET", f"/tokens/{token_id}/secret", me)
    service.ask("GET", f"{path}/secret", me)
    service.ask("GET", f"/tokens/{token_id}/secret", stranger)
    service.ask("GET", f"/tokens/{token_id}/secret?min_ttl=31536000", me)
    service.ask("GET", f"/tokens/{token_id}", me)  # a record shows no secret: the log tells of it
    service.ask("POST", f"/tokens/{token_id}/refresh", me)
    service.ask("POST", f"/tokens/{token_id}/rejected", me, body={"generation": 1})
    service.ask("DELETE", f"/tokens/{token_id}", me)
    service.ask("GET", f"/tokens/{token_id}/secret", me)

    assert told(service, subject) == [
        ("token.stored", "login-hook", None),
        ("token.read", subject, None),
        ("token.read", subject, None),
        ("refused", stranger[0], "not_found"),
        ("token.read", subject, None),
        ("refused", subject, "not_refreshable"),
        ("token.rejected", subject, None),
        ("token.deleted", subject, None),
        ("refused", subject, "token_revoked"),
    ]


def test_an_entry_says_who_and_whence_and_under_which_groups(service: Service) -> None:
    subject = a_subject()
    service.settle(service.hand_in(subject))

    (entry,) = audited(service, subject=subject)

    assert (entry["principal"], entry["groups"], entry["provider"]) == ("login-hook", ["producer"], "google")
    assert entry["issuer"] == service.cloud.issuer
    assert entry["address"]
    assert entry["token_id"] == entry["job_id"]


def test_what_a_principal_did_is_found_by_its_name_and_within_times(service: Service) -> None:
    subject = a_subject()
    token_id = service.hand_in(subject)
    service.ask("GET", f"/tokens/{token_id}/secret", (subject, ("consumer",)))
    (entry,) = audited(service, principal=subject)

    at, before = entry["at"], "2026-01-01T00:00:00Z"

    assert audited(service, principal=subject, subject=subject) == [entry]
    assert audited(service, principal=subject, subject="joe") == []
    assert audited(service, principal=subject, to=at.replace("Z", "+00:00")) == []
    assert service.ask("GET", f"/audit?from={before}", ROOT).refusal == (400, "invalid_parameter")


def test_pages_go_on_behind_each_other(service: Service) -> None:
    subject = a_subject()
    token_id = service.hand_in(subject)
    for _ in range(3):
        service.ask("GET", f"/tokens/{token_id}/secret", (subject, ("consumer",)))
    path, seen = f"/audit?subject={quote(subject, safe='')}", []

    page = service.ask("GET", f"{path}&limit=2", ROOT).body
    seen += page["items"]
    page = service.ask("GET", f"{path}&limit=2&cursor={page['cursor']}", ROOT).body
    seen += page["items"]

    assert [one["event"] for one in seen] == ["token.read"] * 3
    assert len({one["id"] for one in seen}) == 3
    assert page["cursor"] is None


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday",
        "from=2026-11-21",
        "from=2026-11-21T00:00:00",
        "from=2026-13-21T00:00:00Z",
        "from=2026-11-21T00:00:00Z&to=2026-11-20T00:00:00Z",
        "from=2026-11-21T00:00:00Z&to=2026-12-23T00:00:00Z",
        "subject=a%20b",
        "principal=",
        "limit=0",
        "cursor=x",
        "who=me",
    ],
)
def test_what_is_asked_wrongly_is_refused(service: Service, query: str) -> None:
    assert service.ask("GET", f"/audit?{query}", ROOT).refusal == (400, "invalid_parameter")


@pytest.mark.parametrize("query", ["cursor=x", "from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:01Z", "limit=1"])
def test_a_walk_that_is_asked_for_wrongly_is_refused(service: Service, query: str) -> None:
    assert service.ask("GET", f"/audit/reconcile?{query}", ROOT).refusal == (400, "invalid_parameter")


@pytest.mark.parametrize("path", ["/audit", "/audit/reconcile"])
def test_only_administrators_are_told(service: Service, path: str) -> None:
    for who in (HOOK, (a_subject(), ("consumer",)), (a_subject(), ())):
        assert service.ask("GET", path, who).status == 403


def test_a_secret_is_not_handed_out_where_it_cannot_be_written_down(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = a_subject()
    token_id = service.hand_in(subject)
    me = (subject, ("consumer",))

    def unwritable(*_: object) -> None:
        raise Unavailable

    monkeypatch.setattr(service.wired.trail, "write", unwritable)
    refused = service.ask("GET", f"/tokens/{token_id}/secret", me)
    foreign = service.ask("GET", f"/tokens/{token_id}/secret", (a_subject(), ("consumer",)))
    monkeypatch.undo()

    assert refused.refusal == (503, "unavailable")
    assert b"ya29" not in refused.raw
    assert foreign.refusal == (404, "not_found"), "a refusal stays what it is"
    assert service.ask("GET", f"/tokens/{token_id}/secret", me).status == 200


def test_what_is_not_there_and_what_is_not_yours_are_both_written_down(service: Service) -> None:
    me, token_id = (a_subject(), ("consumer",)), service.hand_in(a_subject())

    for foreign in (NOWHERE, token_id):
        service.ask("GET", f"/tokens/{foreign}", me)

    entries = audited(service, principal=me[0])
    assert [(one["event"], one["token_id"], one["code"]) for one in entries] == [
        ("refused", NOWHERE, "not_found"),
        ("refused", token_id, "not_found"),
    ]
    assert ["subject" in one for one in entries] == [False, True]


def test_a_cancelled_job_is_told_of_with_who_cancelled_it(service: Service) -> None:
    subject = a_subject()
    token_id = service.hand_in(subject)

    service.ask("POST", f"/jobs/{token_id}/cancel", (subject, ("consumer",)))

    assert told(service, subject) == [("job.cancelled", subject, "cancelled")]


def test_a_key_that_is_used_for_another_body_is_told_of(service: Service) -> None:
    who = (f"hook-of-{a_subject()}", ("producer",))
    for secret in ("one", "two"):
        service.ask(
            "POST", "/tokens", who, body=a_body(a_subject(), access_token=secret), headers={"Idempotency-Key": "k"}
        )

    assert [(one["event"], one["code"]) for one in audited(service, principal=who[0])] == [
        ("refused", "idempotency_key_reused")
    ]


def test_providers_are_administered_under_a_name(service: Service) -> None:
    settings = {"client_id": "c", "auth_method": "none", "token_endpoint": "http://127.0.0.1/token"}
    who = (f"operator-of-{a_subject()}", ("admin",))

    assert service.ask("PUT", "/providers/audited", who, body=settings).status == 200
    assert service.ask("DELETE", "/providers/audited", who).status == 200

    told_of = [(one["event"], one["what"], one["code"]) for one in audited(service, principal=who[0])]
    assert told_of == [("administered", "/providers/audited", "PUT"), ("administered", "/providers/audited", "DELETE")]


def test_no_entry_holds_a_secret_or_what_was_put_into_a_path(service: Service) -> None:
    subject, marker = a_subject(), "hunter2hunter2"
    token_id = service.hand_in(subject, access_token=marker, refresh_token=marker)
    service.settle(token_id)
    me = (subject, ("consumer",))
    for path in (f"/tokens/{token_id}/secret", f"/tokens/{marker}", f"/subjects/{marker}/tokens", f"/jobs/{marker}"):
        service.ask("GET", path, me)

    assert len(audited(service, principal=subject)) >= 3
    assert marker not in repr(audited(service, principal=subject) + audited(service, subject=subject))


def test_what_was_accepted_adds_up_until_somebody_meddles(service: Service) -> None:
    kept, gone = service.hand_in(a_subject()), service.hand_in(a_subject())
    service.settle(kept, gone)

    before = service.ask("GET", "/audit/reconcile", ROOT).body
    service.table.delete(keys.job_key(gone))
    after = service.ask("GET", "/audit/reconcile", ROOT).body

    assert before["counts"]["live"] - after["counts"]["live"] == 1
    assert (before["wrong"], after["wrong"]) == ([], [])  # it may still be on its way: it is missing in five minutes
