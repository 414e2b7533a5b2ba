"""Stream records as Lambda brings them, and whatever else may come that way."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from chalicelib.errors import Unreadable
from chalicelib.model.change import JobChange, Joined, Revoked
from chalicelib.model.job import Status
from chalicelib.store.access import revocation_to_item
from chalicelib.store.attributes import to_attributes
from chalicelib.store.connections import watch_attributes
from chalicelib.store.items import current_to_item, deposit_to_item, job_to_item
from chalicelib.store.records import read_record
from tests.chalicelib.examples import NOW, a_connection, a_deposit, a_job, a_revocation, a_token, an_end


def record(new: dict[str, Any] | None, old: dict[str, Any] | None = None) -> dict[str, Any]:
    images = {name: to_attributes(image) for name, image in (("NewImage", new), ("OldImage", old)) if image}
    whole = {"eventName": "INSERT", "dynamodb": {"SequenceNumber": "1", **images}}
    return dict(json.loads(json.dumps(whole, default=lambda content: base64.b64encode(content).decode())))


def test_a_new_deposit_is_a_change_with_its_token() -> None:
    change = read_record(record(deposit_to_item(a_deposit(1))))

    assert change == JobChange(before=None, after=a_deposit(1).job, token=a_token(1))


def test_a_settled_deposit_is_a_change_from_pending() -> None:
    settled = {**deposit_to_item(a_deposit(1)), "status": "SUCCEEDED", "rev": 2}

    change = read_record(record(settled, deposit_to_item(a_deposit(1))))

    assert (change.before.status, change.after.status, change.is_visible) == ("PENDING", "SUCCEEDED", True)


def test_an_erased_secret_is_a_change_that_nobody_sees() -> None:
    change = read_record(record(deposit_to_item(a_deposit(1)) | {"sealed": None}, deposit_to_item(a_deposit(1))))

    assert change.is_visible is False


def test_a_revocation_brings_no_token() -> None:
    change = read_record(record(job_to_item(a_revocation(2, a_token(1)), ttl=1)))

    assert (change.after.type, change.token) == ("token.revoke", None)


def test_a_new_connection_is_joined_and_a_changed_one_is_nothing() -> None:
    item = {**watch_attributes(a_connection().watch), "kind": "watch", "connection": "connection-1", "since": NOW}

    assert read_record(record(item)) == Joined(connection=a_connection())
    assert read_record(record(item, item)) is None


def test_a_revocation_is_heard_of_when_it_is_made_and_when_it_is_widened() -> None:
    item = revocation_to_item(an_end())

    assert read_record(record(item)) == read_record(record(item, item)) == Revoked(revocation=an_end())
    with pytest.raises(Unreadable):
        read_record(record({**item, "what": "team"}))


def test_a_repaired_item_is_as_good_as_new() -> None:
    broken = {**deposit_to_item(a_deposit(1)), "status": "ASLEEP"}

    change = read_record(record(deposit_to_item(a_deposit(1)), broken))

    assert (change.before, change.after) == (None, a_deposit(1).job)


@pytest.mark.parametrize("item", [current_to_item(a_token()), {"kind": "ticket"}, {"kind": "connection"}, {"a": 1}])
def test_what_nobody_waits_for_is_nothing(item: dict[str, Any]) -> None:
    assert read_record(record(item)) is None


def test_a_removal_is_nothing() -> None:
    assert read_record(record(None, deposit_to_item(a_deposit(1)))) is None


@pytest.mark.parametrize(
    "poison",
    [
        {},
        {"dynamodb": None},
        {"dynamodb": {"NewImage": None}},
        {"dynamodb": {"NewImage": {"kind": "job"}}},
        {"dynamodb": {"NewImage": {"kind": {}}}},
        {"dynamodb": {"NewImage": {"kind": {"S": "job"}}}},
        {"dynamodb": {"NewImage": {"kind": {"S": "job"}, "rev": {"N": "many"}}}},
        {"dynamodb": {"NewImage": {"kind": {"S": "job"}, "sealed": {"B": "not base64"}}}},
        {"dynamodb": {"NewImage": {"kind": {"S": "watch"}}}},
        {"dynamodb": {"NewImage": to_attributes(job_to_item(a_job(status=Status.FAILED), ttl=1)), "OldImage": 1}},
        {"dynamodb": {"NewImage": to_attributes(job_to_item(a_job(), ttl=1))}},  # token.store without its token
    ],
    ids=range(11),
)
def test_a_record_that_does_not_parse_is_unreadable(poison: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        read_record(poison)
