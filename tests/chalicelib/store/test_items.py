"""Values ⇄ items, and what an item of another version or a broken one is."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.errors import Unreadable
from chalicelib.model.job import Status
from chalicelib.store.items import (
    JOB_ATTRIBUTES,
    current_from_item,
    current_to_item,
    deposit_from_item,
    deposit_to_item,
    history_entry,
    history_of,
    job_from_item,
    job_to_item,
    token_from_image,
)
from tests.chalicelib.examples import NOW, a_deposit, a_job, a_revocation

FULL = a_deposit(
    1, token_type="Bearer", scope="mail.read", has_refresh_token=True, metadata={"shop": "north"}, revoked_at=NOW
)
BARE = a_deposit(1, expires_at=None)


def given(item: dict[str, object]) -> dict[str, Any]:
    """Return an item as the table gives it back: without what was None."""
    return {name: value for name, value in item.items() if value is not None}


@pytest.mark.parametrize("deposit", [FULL, BARE])
def test_a_deposit_is_written_and_read_back(deposit: Any) -> None:
    assert deposit_from_item(given(deposit_to_item(deposit))) == deposit


def test_the_item_of_a_deposit_has_this_form_for_ever() -> None:
    assert given(deposit_to_item(FULL)) == {
        "pk": "JOB#aaaaaaaaaaaaaaaaaaaaaaaaab",
        "sk": "JOB",
        "kind": "job",
        "v": 1,
        "type": "token.store",
        "status": "PENDING",
        "rev": 1,
        "accepted_at": 1_800_000_000_000_001,
        "updated_at": 1_800_000_000_000_001,
        "attempts": 0,
        "requester": "login-hook",
        "subject": "auth0|5f7c8ec7c33c6c004bbafe82",
        "provider": "google",
        "environment": "production",
        "domain": "shop",
        "ttl": 1_800_003_600 + 90 * 86_400,
        "list_shard": "token.store#01",
        "open_shard": "OPEN#10",
        "due_at": 1_800_000_060_000_001,
        "fingerprint": "k1:0123456789abcdef",
        "token_type": "Bearer",
        "scope": "mail.read",
        "expires_at": 1_800_003_600,
        "has_refresh_token": True,
        "metadata": {"shop": "north"},
        "revoked_at": 1_800_000_000_000_000,
        "sealed": FULL.sealed,
        "key_version": 1,
        "body_mark": FULL.body_mark,
    }


def test_a_budget_of_its_own_is_written_and_the_usual_one_follows_from_the_type() -> None:
    usual = a_revocation(2, FULL.token)
    own = replace(usual, allowed=24, deadline_at=NOW + 7)

    assert not {"allowed", "deadline_at"} & set(given(job_to_item(usual, ttl=1)))
    assert job_from_item(given(job_to_item(usual, ttl=1))) == usual
    assert (usual.allowed, usual.deadline_at) == (12, NOW + 86_400_000_000)
    assert (job_to_item(own, ttl=1)["allowed"], job_to_item(own, ttl=1)["deadline_at"]) == (24, NOW + 7)
    assert job_from_item(given(job_to_item(own, ttl=1))) == own


def test_a_history_begins_with_the_acceptance_which_is_not_written_twice() -> None:
    item = given(job_to_item(a_revocation(2, FULL.token), ttl=1))
    changed = {**item, "history": [history_entry(Status.IN_PROGRESS, NOW + 9, attempt=1)]}

    assert "history" not in item
    assert history_of(item) == [{"status": "PENDING", "at": NOW}]
    assert history_of(changed) == [
        {"status": "PENDING", "at": NOW},
        {"status": "IN_PROGRESS", "at": NOW + 9, "attempt": 1},
    ]


def test_a_job_is_written_and_read_back_with_its_result_or_error() -> None:
    for job in (
        a_job(status=Status.SUCCEEDED, result={"current": True}),
        a_job(status=Status.FAILED, error={"code": "x"}),
    ):
        assert job_from_item(given(job_to_item(job, ttl=1))) == job


@pytest.mark.parametrize("status", Status)
def test_every_job_stands_in_the_lists_and_an_unsuccessful_one_in_a_list_of_its_own(status: Status) -> None:
    item = job_to_item(a_job(status=status), ttl=1)

    assert {"subject", "accepted_at", "list_shard"} <= set(given(item))
    assert item.get("unsuccessful_shard") == {"FAILED": "FAILED#01", "CANCELLED": "CANCELLED#01"}.get(status)


@pytest.mark.parametrize("status", Status)
def test_only_an_open_job_stands_in_the_index(status: Status) -> None:
    item = job_to_item(a_job(status=status), ttl=1)

    assert ("open_shard" in item) == (status in ("PENDING", "IN_PROGRESS"))
    assert ("due_at" in item) == ("open_shard" in item)


@pytest.mark.parametrize("deposit", [FULL, BARE])
def test_a_current_token_is_written_without_its_secret_and_read_back(deposit: Any) -> None:
    item = given(current_to_item(deposit.token))

    assert current_from_item(item) == deposit.token
    assert not {"sealed", "body_mark", "key_version"} & set(item)
    assert item["rank"] == "1800000000000001#aaaaaaaaaaaaaaaaaaaaaaaaab"
    assert not {"subject", "provider", "environment", "domain", "accepted_at"} & set(item), "its keys and rank say so"


@pytest.mark.parametrize(
    "changed", [{"pk": "SUBJECT#jane"}, {"pk": ""}, {"rank": "yesterday#a"}, {"rank": ""}], ids=str
)
def test_a_current_token_whose_keys_say_nothing_is_unreadable_and_not_quoted(changed: dict[str, str]) -> None:
    with pytest.raises(Unreadable, match="a current token whose key or rank"):
        current_from_item({**given(current_to_item(FULL.token)), **changed})


def test_a_list_reads_all_of_a_job_and_no_more_than_a_job_is_read_from() -> None:
    whole = replace(
        a_job(
            token_id="another",
            status=Status.IN_PROGRESS,
            input={"lines": 3},
            result={"a": 1},
            error={"code": "x"},
            progress={"done": 1},
        ),
        allowed=7,
        due_at=8,
        deadline_at=9,
        not_before=10,
        lease_until=11,
        owner="w",
        origin={"address": "203.0.113.7"},
    )
    item = {
        **given(job_to_item(whole, ttl=1)),
        "not_before": 10,
        "lease_until": 11,
        "owner": "w",
        "progress": {"done": 1},
    }

    projected = {name: item[name] for name in JOB_ATTRIBUTES}

    assert job_from_item(projected) == whole
    assert not {"sealed", "body_mark", "history"} & set(JOB_ATTRIBUTES)


def test_the_token_of_a_deposit_is_read_from_a_stream_image_too() -> None:
    assert token_from_image(given(deposit_to_item(FULL))) == FULL.token


@pytest.mark.parametrize(
    "name", ["type", "status", "rev", "accepted_at", "updated_at", "requester", "subject", "provider", "domain"]
)
def test_a_job_without_a_part_is_unreadable(name: str) -> None:
    item = given(job_to_item(a_job(), ttl=1))
    del item[name]

    with pytest.raises(Unreadable, match=f"a job without '{name}'"):
        job_from_item(item)


@pytest.mark.parametrize("changed", [{"type": "token.unheard-of"}, {"status": "ASLEEP"}])
def test_a_job_of_a_later_version_is_unreadable_not_misread(changed: dict[str, str]) -> None:
    with pytest.raises(Unreadable, match="a job with"):
        job_from_item({**given(job_to_item(a_job(), ttl=1)), **changed})


@pytest.mark.parametrize(
    ("read", "item", "name"),
    [
        (deposit_from_item, deposit_to_item(FULL), "key_version"),
        (deposit_from_item, deposit_to_item(FULL), "fingerprint"),
        (current_from_item, current_to_item(FULL.token), "token_id"),
        (current_from_item, current_to_item(FULL.token), "rank"),
        (token_from_image, deposit_to_item(FULL), "fingerprint"),
    ],
)
def test_a_token_without_a_part_is_unreadable(read: Any, item: dict[str, object], name: str) -> None:
    short = given(item)
    del short[name]

    with pytest.raises(Unreadable, match=f"without '{name}'"):
        read(short)


def test_what_an_early_version_did_not_write_has_its_default() -> None:
    item = given(job_to_item(a_job(1), ttl=1))
    del item["attempts"]

    job = job_from_item(item)

    assert job.attempts == 0


def test_the_id_of_a_token_is_written_where_it_is_not_its_jobs() -> None:
    revocation = a_revocation(2, FULL.token)

    assert "token_id" not in given(job_to_item(FULL.job, ttl=1))
    assert job_from_item(given(job_to_item(FULL.job, ttl=1))).token_id == FULL.job.id
    assert job_to_item(revocation, ttl=1)["token_id"] == FULL.token.id
    assert job_from_item(given(job_to_item(revocation, ttl=1))) == revocation


def test_a_job_about_no_token_has_no_place_and_comes_back_as_it_was() -> None:
    job = a_job(1, token_id=None, place=None, input={"lines": 3}, subject="login-hook")

    assert job_from_item(given(job_to_item(job, ttl=1))) == job
