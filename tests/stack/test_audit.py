"""The audit over the wire: what the deployed functions write down, each with the rights of its role."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from devtool.testing import wait_for
from tests.stack import mishaps
from tests.stack.http import Api, at, hand_in, unique

if TYPE_CHECKING:
    from devtool.testing import LiveCloud


def told(api: Api, subject: str) -> list[tuple[str, str]]:
    """Return what the audit says of a subject, oldest first: the event, and by whom."""
    answer = api.get(f"/audit?subject={quote(subject, safe='')}", api.admin)
    assert answer.status == 200, answer.body
    return [(entry["event"], entry["principal"]) for entry in reversed(answer.json["items"])]


def test_a_life_over_the_wire_is_told_of(api: Api, cloud: LiveCloud) -> None:
    subject, stranger = unique("audited"), unique("stranger")
    me = api.consumer(subject)
    token_id = api.hand_in(subject)
    assert cloud.settle()

    assert api.get(f"/tokens/{token_id}/secret", me).status == 200
    assert api.get(at(subject, "google", "secret"), me).status == 200
    assert api.get(f"/tokens/{token_id}/secret", api.consumer(stranger)).status == 404
    assert api.delete(f"/tokens/{token_id}", me).status == 202
    assert cloud.settle()

    expected = [
        ("token.stored", "login-hook"),
        ("token.read", subject),
        ("token.read", subject),
        ("refused", stranger),
        ("token.deleted", subject),
        ("token.erased", subject),
    ]
    assert wait_for(lambda: told(api, subject) == expected, 30), told(api, subject)


def test_an_import_is_told_of_token_by_token_in_the_name_of_who_imported(api: Api, cloud: LiveCloud) -> None:
    subject = unique("imported")
    lines = b"\n".join(json.dumps(hand_in(subject, provider)).encode() for provider in ("one", "two"))
    headers = {"Content-Type": "application/x-ndjson"}
    assert api.post("/imports", api.producer, body=lines, headers=headers).status == 202
    assert cloud.settle(60)

    assert wait_for(lambda: told(api, subject) == [("token.stored", "login-hook")] * 2, 30)


def test_without_the_right_to_write_it_down_no_secret_is_handed_out(api: Api, cloud: LiveCloud) -> None:
    subject = unique("audited")
    token_id = api.hand_in(subject)
    assert cloud.settle()

    with mishaps.denied(cloud, "api_handler", "dynamodb:PutItem"):
        without = api.get(f"/tokens/{token_id}/secret", api.consumer(subject))

    assert without.status == 503
    assert b"invented" not in without.body


@pytest.mark.parametrize("path", ["/audit", "/audit/reconcile"])
def test_nobody_else_is_told(api: Api, path: str) -> None:
    for bearer in (api.producer, api.consumer(unique("nosy")), None):
        assert api.get(path, bearer).status in (401, 403)


def test_every_accepted_token_adds_up(api: Api, cloud: LiveCloud) -> None:
    kept = [api.hand_in(unique("reconciled")) for _ in range(3)]
    assert cloud.settle()

    counts: dict[str, int] = {}
    cursor: str | None = ""
    while cursor is not None:
        page: dict[str, Any] = api.get(f"/audit/reconcile{cursor and f'?cursor={cursor}'}", api.admin).json
        counts = {name: counts.get(name, 0) + number for name, number in page["counts"].items()}
        assert {one["id"] for one in page["wrong"]} & set(kept) == set()
        cursor = page["cursor"]

    assert counts["live"] >= len(kept)
