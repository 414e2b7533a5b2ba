"""Receipts by Chalice's test client: given with the 202, verified by another library, held against bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt
import pytest

from chalicelib.store.branch_keys import BranchKeys
from tests.app.service import HOOK, ROOT, a_body, a_subject

if TYPE_CHECKING:
    from tests.app.service import Answer, Service

JWKS = "/receipts/jwks.json"
OTHER = ("other-hook", ("producer",))
KEYED = {"Idempotency-Key": "login-1"}


def verified(service: Service, receipt: str, query: str = "") -> dict[str, Any]:
    """Do what the README tells a producer to do."""
    keys = jwt.PyJWKSet.from_dict(service.ask("GET", JWKS + query, HOOK).body)
    claims: dict[str, Any] = jwt.decode(receipt, keys[jwt.get_unverified_header(receipt)["kid"]], algorithms=["EdDSA"])
    return claims


def verify(service: Service, receipt: str, body: object, who: Any = HOOK) -> Answer:
    return service.ask("POST", "/receipts/verify", who, body={"receipt": receipt, "body": body})


def test_a_202_carries_a_receipt_that_the_published_keys_verify(service: Service) -> None:
    handed = service.ask("POST", "/tokens", HOOK, body=a_body(a_subject())).body

    claims = verified(service, handed["receipt"])

    assert sorted(claims) == ["accepted_at", "body", "iat", "jti"]
    assert (claims["jti"], claims["accepted_at"]) == (handed["id"], handed["accepted_at"])
    assert jwt.get_unverified_header(handed["receipt"]) == {
        "alg": "EdDSA",
        "kid": "default/default/1",
        "typ": "cloakroom-receipt+jwt",
    }


def test_only_a_hand_in_has_a_receipt(service: Service) -> None:
    token_id = service.hand_in(a_subject())

    assert "receipt" not in service.ask("DELETE", f"/tokens/{token_id}", ROOT).body


def test_the_same_request_has_the_same_receipt_and_another_body_none(service: Service) -> None:
    body = a_body(a_subject())
    first = service.ask("POST", "/tokens", HOOK, body=body, headers=KEYED)
    service.settle(first.body["id"])
    second = service.ask("POST", "/tokens", HOOK, body=body, headers=KEYED)
    third = service.ask("POST", "/tokens", HOOK, body=a_body(a_subject()), headers=KEYED)

    assert (first.body["status"], second.body["status"]) == ("PENDING", "SUCCEEDED")
    assert second.body["receipt"] == first.body["receipt"]
    assert third.refusal == (422, "idempotency_key_reused")
    assert b"receipt" not in third.raw


def test_keys_are_kept_by_environment_and_domain(service: Service) -> None:
    body = {**a_body(a_subject()), "environment": "staging", "domain": "shop"}
    receipt = service.ask("POST", "/tokens", HOOK, body=body).body["receipt"]

    assert verified(service, receipt, "?environment=staging&domain=shop")["jti"]
    with pytest.raises(KeyError):
        verified(service, receipt)
    assert service.ask("GET", f"{JWKS}?domain=nobody", HOOK).body == {"keys": []}
    assert service.ask("GET", f"{JWKS}?domain=No%20Domain", HOOK).refusal == (400, "invalid_parameter")
    assert service.ask("GET", f"{JWKS}?version=1", HOOK).refusal == (400, "invalid_parameter")


def test_the_keys_need_a_bearer_of_one_of_the_groups_and_may_be_kept_by_it_alone(service: Service) -> None:
    service.hand_in(a_subject())

    answers = [service.ask("GET", JWKS, who) for who in (HOOK, ("jane", ("consumer",)), ROOT)]

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert {answer.headers["cache-control"] for answer in answers} == {"private, max-age=300"}
    assert len({answer.raw for answer in answers}) == 1
    assert set(answers[0].body["keys"][0]) == {"kty", "crv", "use", "alg", "kid", "x"}, "nothing that signs"
    assert service.ask("GET", JWKS).status == 401
    assert service.ask("GET", JWKS, ("nobody", ())).status == 403


def test_behind_a_shredding_the_keys_verify_still_and_a_repeat_is_refused(service: Service) -> None:
    body = {**a_body(a_subject()), "domain": "doomed"}
    headers = {"Idempotency-Key": "doomed-1"}
    receipt = service.ask("POST", "/tokens", HOOK, body=body, headers=headers).body["receipt"]
    BranchKeys(service.table).shred("default", "doomed", 1)
    service.wired.keyring._latest.clear()
    service.wired.keyring._versions.clear()

    assert verified(service, receipt, "?domain=doomed")["jti"]
    assert verify(service, receipt, body).body["matches"] is None
    assert service.ask("POST", "/tokens", HOOK, body=body, headers=headers).refusal == (422, "idempotency_key_reused")


def test_a_body_is_held_against_its_receipt(service: Service) -> None:
    body = a_body(a_subject())
    handed = service.ask("POST", "/tokens", HOOK, body=body).body

    right = verify(service, handed["receipt"], {name: body[name] for name in reversed(body)})
    wrong = verify(service, handed["receipt"], {**body, "metadata": {"a": "b"}})

    told = {"genuine": True, "id": handed["id"], "accepted_at": handed["accepted_at"]}
    assert (right.status, right.body) == (200, {**told, "matches": True})
    assert (wrong.status, wrong.body) == (200, {**told, "matches": False})
    assert right.headers["cache-control"] == "no-store"
    assert b"ya29" not in right.raw + wrong.raw


def test_a_receipt_is_settled_for_who_handed_it_in_and_for_administrators(service: Service) -> None:
    body = a_body(a_subject())
    receipt = service.ask("POST", "/tokens", HOOK, body=body).body["receipt"]

    assert verify(service, receipt, body, ROOT).body["matches"] is True
    assert verify(service, receipt, body, OTHER).refusal == (404, "not_found")
    assert verify(service, receipt, {**body, "metadata": {"a": "b"}}, OTHER).refusal == (404, "not_found")
    assert verify(service, receipt, body, ("jane", ("consumer",))).status == 403


def test_what_is_no_receipt_of_ours_is_not_genuine_and_quoted_nowhere(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    body = a_body(a_subject(), access_token="MARKER-in-a-dispute")
    receipt = service.ask("POST", "/tokens", HOOK, body=body).body["receipt"]
    forged = [receipt[:-3] + "AAA", receipt.split(".")[0], "MARKER-no-receipt", "", receipt + "."]

    answers = [verify(service, text, body) for text in forged]
    refused = verify(service, receipt, {**body, "token": {"access_token": 7, "MARKER": 1}})

    assert [(answer.status, answer.body) for answer in answers] == [(200, {"genuine": False})] * 5
    assert refused.refusal == (400, "invalid_body")
    written = capsys.readouterr()
    assert "MARKER" not in written.out + written.err
    assert not [answer for answer in [*answers, refused] if b"MARKER" in answer.raw]


def test_a_receipt_opens_no_door(service: Service) -> None:
    receipt = service.ask("POST", "/tokens", HOOK, body=a_body(a_subject())).body["receipt"]

    answer = service.ask("GET", JWKS, headers={"Authorization": f"Bearer {receipt}"})

    assert answer.status == 403
